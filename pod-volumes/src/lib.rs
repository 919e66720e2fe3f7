//! Prepares the volumes of a Kubernetes Pod on one machine.
//!
//! [`Volumes`] makes what a pod's volumes need on disk, says what is to be mounted
//! ([`MountSource`]), and removes it again. Each kind of volume is a [`Driver`];
//! `emptyDir`, `hostPath` and those that hold given files (`configMap`, `secret`,
//! `downwardAPI`, `projected`) are built in, and a program can add its own.
//!
//! The files of a volume are a [`Payload`], which the caller makes, for example of the
//! [`Keys`] of an object, and writes once the tmpfs is mounted that the volume lies in, and
//! again whenever it changes: [`Payload::write_to`].
//!
//! What is to outlive a pod lies on a [`Shelf`], in a directory that is kept until somebody removes it.
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

mod atomic;
mod below;
mod driver;
mod empty_dir;
mod error;
mod files;
mod host_path;
mod ownership;
mod payload;
pub mod remove;
mod shelf;
mod spec;
mod usage;
mod volumes;

pub use driver::{Driver, MountSource, Prepared, VolumeContext};
pub use empty_dir::EmptyDir;
pub use error::{DriverError, PayloadError, VolumeError};
pub use files::Files;
pub use host_path::HostPath;
pub use ownership::{GroupChange, Ownership};
pub use payload::{KeyToPath, Keys, ObjectKind, Payload, PayloadFile};
pub use remove::{RemoveError, remove_tree};
pub use shelf::Shelf;
pub use spec::{FilesKind, HostPathKind, Medium, Source, VolumeSpec};
pub use usage::disk_usage;
pub use volumes::Volumes;
