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
//! # A Pod of another program
//!
//! With the feature `k8s-openapi` the types of the crate of that name, which kube and other clients use, become those of
//! this crate and back.
//!
#![cfg_attr(feature = "k8s-openapi", doc = "```")]
#![cfg_attr(not(feature = "k8s-openapi"), doc = "```ignore")]
//! use k8s_openapi::api::core::v1 as api;
//! use pod_spec::{FaultKind, Pod};
//!
//! /// Takes a Pod as kube's `Api::<api::Pod>::get` or a watcher gives it.
//! fn check(given: api::Pod) -> Result<api::Pod, Box<dyn std::error::Error>> {
//!     let pod = Pod::try_from(given)?.validate()?;
//!     Ok(api::Pod::try_from(pod.pod())?)
//! }
//!
//! let container = api::Container { name: "web".into(), image: Some("nginx".into()), ..Default::default() };
//! let mut given = api::Pod::default();
//! given.metadata.name = Some("web".into());
//! given.spec = Some(api::PodSpec { containers: vec![container], ..Default::default() });
//! let checked = check(given.clone())?;
//! assert_eq!(checked.spec.unwrap().restart_policy.as_deref(), Some("Always"));
//!
//! given.spec.as_mut().unwrap().restart_policy = Some("Sometimes".into());
//! let faults = Pod::try_from(given).unwrap_err();
//! assert_eq!(faults.iter().next().map(|f| f.kind), Some(FaultKind::NotSupported));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Which version of the API it is is for the program to choose, by one of the features of k8s-openapi. The types are
//! those of v1.36 here: with an older version [`ConvertError`] names the fields that would be lost, and with a newer one
//! [`Faults`] does.
//!
//! No field is ignored. What Kubernetes knows and this crate does not support is a fault that says so; what makes sense
//! in a cluster only is accepted with a [`Notice`]; [`support::table`] lists every field.
//!
//! The crate does no I/O and reads no clock. It does not run anything, does not look up ConfigMaps or images, and does
//! not tell whether a path or a device is there.
#![forbid(unsafe_code)]

mod bytes;
#[cfg(feature = "k8s-openapi")]
mod convert;
mod decode;
mod defaults;
mod document;
mod explain;
mod fault;
mod int_or_string;
#[cfg(feature = "json-schema")]
mod json_schema;
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
#[cfg(feature = "k8s-openapi")]
pub use convert::ConvertError;
pub use defaults::{DEFAULTS, DefaultValue};
pub use explain::{Explanation, NoSuchField, explain};
pub use fault::{Fault, FaultKind, Faults};
pub use int_or_string::IntOrString;
#[cfg(feature = "json-schema")]
pub use json_schema::json_schema;
pub use names::{DnsLabel, DnsSubdomain, EnvVarName, InvalidName, PortName, QualifiedName};
pub use parse::Object;
pub use quantity::{ParseQuantityError, Quantity, QuantityFormat};
pub use status::{PodPhase, PodStatus, QosClass};
pub use support::{Admitted, Notice};
pub use time::{ParseTimeError, Time};
pub use types::*;
pub use valid::ValidPod;
pub use word::Word;
pub use write::WriteError;
