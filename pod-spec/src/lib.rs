//! Reads, checks and writes Kubernetes Pod manifests.
//!
//! A text becomes a [`Pod`], as it was written; [`Pod::validate`] makes a [`ValidPod`] of it, checked as the API server
//! checks and with every default filled in. Everything that is wrong is told at once: each [`Fault`] has its line, the
//! path of its field, and where there is one a suggestion.
//!
//! ```
//! use pod_spec::Pod;
//!
//! let text = "
//! apiVersion: v1
//! kind: Pod
//! metadata:
//!   name: web
//! spec:
//!   containers:
//!   - name: web
//!     image: nginx:1.27
//!     comand: [nginx]
//!     ports:
//!     - containerPort: \"80\"
//! ";
//! let faults = Pod::from_yaml(text).unwrap_err();
//! assert_eq!(
//!     faults.to_string(),
//!     "line 10: spec.containers[0].comand: unknown field `comand`, did you mean `command`?\n\
//!      line 12: spec.containers[0].ports[0].containerPort: found the text `80`, but a whole number is needed, \
//!      write it without quotes: 80",
//! );
//!
//! let pod = Pod::from_yaml(&text.replace("comand", "command").replace("\"80\"", "80"))?.validate()?;
//! assert_eq!((pod.namespace(), pod.name()), ("default", "web"));
//! assert_eq!(pod.spec().termination_grace_period_seconds, Some(30));
//! # Ok::<(), pod_spec::Faults>(())
//! ```
//!
//! No field is ignored. What Kubernetes knows and this crate does not support is a fault that says so; what makes sense
//! in a cluster only is accepted with a [`Notice`]; [`support::table`] lists every field.
//!
//! The crate does no I/O and reads no clock. It does not run anything, does not look up ConfigMaps or images, and does
//! not tell whether a path or a device is there.
#![forbid(unsafe_code)]

mod aggregate;
mod bytes;
mod decode;
mod defaults;
mod document;
mod explain;
mod fault;
mod int_or_string;
mod names;
mod parse;
mod path;
mod qos;
mod quantity;
mod reader;
mod scalar;
mod schema;
mod spelling;
pub mod status;
pub mod support;
mod time;
mod types;
mod valid;
mod validate;
mod word;
mod write;

pub use bytes::{ByteString, SecretText};
pub use defaults::{DEFAULTS, DefaultValue};
pub use explain::{Explanation, NoSuchField, explain};
pub use fault::{Fault, FaultKind, Faults};
pub use int_or_string::IntOrString;
pub use names::{DnsLabel, DnsSubdomain, EnvVarName, InvalidName, PortName, QualifiedName};
pub use parse::{Checked, Object};
pub use quantity::{ParseQuantityError, Quantity, QuantityFormat};
pub use status::{PodPhase, PodStatus, QosClass};
pub use support::{Admitted, Notice};
pub use time::{ParseTimeError, Time};
pub use types::*;
pub use valid::ValidPod;
pub use word::Word;
pub use write::WriteError;
