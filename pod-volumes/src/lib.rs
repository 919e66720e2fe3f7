//! Prepares the volumes of a Kubernetes Pod on one machine.
//!
//! [`Volumes`] makes what a pod's volumes need on disk, says what is to be mounted
//! ([`MountSource`]), and removes it again. Each kind of volume is a [`Driver`];
//! `emptyDir` and `hostPath` are built in, and a program can add its own.
//!
//! What this crate does not do: it mounts nothing (a tmpfs belongs into the pod's
//! own mount namespace, which the caller holds), it knows neither images nor
//! Kubernetes objects, and it removes nothing outside the directory it is given.
//! [`remove_tree`] is the one place that removes, for use elsewhere as well.
//!
//! ```no_run
//! use pod_volumes::{Medium, Source, VolumeSpec, Volumes};
//!
//! let volumes = Volumes::new("/var/lib/pod/pods/4f5e/volumes")?;
//! let cache = VolumeSpec {
//!     name: "cache".into(),
//!     source: Source::EmptyDir { medium: Medium::Disk, size_limit: None },
//! };
//! for volume in volumes.prepare(&[cache])? {
//!     println!("{}: {:?}", volume.name, volume.source);
//! }
//! if let Err(errors) = volumes.tear_down() {
//!     println!("{errors:?}");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod below;
mod driver;
mod empty_dir;
mod error;
mod host_path;
pub mod remove;
mod spec;
mod volumes;

pub use driver::{Driver, MountSource, Prepared, VolumeContext};
pub use empty_dir::EmptyDir;
pub use error::{DriverError, VolumeError};
pub use host_path::HostPath;
pub use remove::{RemoveError, remove_tree};
pub use spec::{HostPathKind, Medium, Source, VolumeSpec};
pub use volumes::Volumes;
