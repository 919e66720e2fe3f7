//! Reads, checks and writes Kubernetes Pod manifests.
//!
//! For programs that take a Pod from a person: command lines, editors, checks before a commit, admission webhooks,
//! generators, and whatever runs pods. Every field of a v1 Pod of Kubernetes v1.36, its metadata and status among them, is
//! a typed Rust field under its name in the API. So are those of [`ConfigMap`], [`Secret`], [`PersistentVolumeClaim`],
//! [`Deployment`] and [`Job`].
//!
//! # Reading, and every fault at once
//!
//! A text, YAML or JSON, becomes a [`Pod`], as it was written; [`Pod::validate`] makes a [`ValidPod`] of it, checked as
//! the API server checks and with every default filled in. Everything that is wrong is told at once: each [`Fault`] has
//! its line, the path of its field, and where there is one a suggestion. No field is ignored.
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
//! [`Faults::render`] shows each fault with its line of the text, as a compiler does, and [`Faults::to_json`] is for
//! programs:
//!
//! ```
//! # use pod_spec::Pod;
//! let text = "{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: []}}";
//! let faults = Pod::from_yaml(text)?.validate().unwrap_err();
//! assert!(faults.render(text, "web.yaml").starts_with("error: "));
//! assert!(faults.render(text, "web.yaml").contains("--> web.yaml:1:59 (spec.containers)"));
//! assert!(faults.to_json().contains("\"kind\":\"Required\""));
//! # Ok::<(), pod_spec::Faults>(())
//! ```
//!
//! # Making and writing
//!
//! Every type has a `Default` and public fields, and every object can be written. [`DnsLabel`] and its like check a name
//! where it comes in.
//!
//! ```
//! use pod_spec::{Container, Pod, PodSpec};
//!
//! let mut pod = Pod::default();
//! pod.metadata.name = "hello".to_owned();
//! let hello = Container { name: "hello".to_owned(), image: "busybox".to_owned(), ..Default::default() };
//! pod.spec = PodSpec { containers: vec![hello], ..Default::default() };
//! assert_eq!(pod.to_yaml()?, "\
//! apiVersion: v1
//! kind: Pod
//! metadata:
//!   name: hello
//! spec:
//!   containers:
//!   - image: busybox
//!     name: hello
//! ");
//! # Ok::<(), pod_spec::WriteError>(())
//! ```
//!
//! # Defaults
//!
//! A [`ValidPod`] has every default that the API server gives; [`DEFAULTS`] lists them.
//!
//! ```
//! # use pod_spec::{ImagePullPolicy, Pod};
//! let text = "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: a, image: nginx}]}}";
//! let pod = Pod::from_yaml(text)?;
//! assert_eq!(pod.spec.containers[0].image_pull_policy, None);
//! assert_eq!(pod.validate()?.spec().containers[0].image_pull_policy, Some(ImagePullPolicy::Always));
//! # Ok::<(), pod_spec::Faults>(())
//! ```
//!
//! # Quantities
//!
//! A [`Quantity`] is exact, is compared by its amount, and is written as Kubernetes writes it.
//!
//! ```
//! use pod_spec::Quantity;
//!
//! let memory: Quantity = "1.5Gi".parse()?;
//! assert_eq!((memory.value(), memory.to_string().as_str()), (1_610_612_736, "1536Mi"));
//! assert_eq!("0.5".parse::<Quantity>()?, Quantity::from_milli(500));
//! # Ok::<(), pod_spec::ParseQuantityError>(())
//! ```
//!
//! # What a field is
//!
//! [`explain()`] says of any field of a Pod what it is for, its type, its words, and what lies within.
//!
//! ```
//! let policy = pod_spec::explain("spec.containers.imagePullPolicy")?;
//! assert_eq!(policy.words, ["Always", "IfNotPresent", "Never"]);
//! assert_eq!(policy.description, "When the image is pulled. When not given, `Always` for the tag latest, else `IfNotPresent`.");
//! # Ok::<(), pod_spec::NoSuchField>(())
//! ```
//!
//! # What is supported
//!
//! This crate belongs to a project that runs pods on one machine, and not all that Kubernetes takes makes sense or is done
//! there. That is a second question, which a program need not ask: [`Pod::validate`] is Kubernetes' rules alone.
//! [`Admitted`] is both: what is refused is a fault, and what makes sense in a cluster only is accepted with a [`Notice`].
//! [`support::table`] lists every field.
//!
//! ```
//! use pod_spec::Admitted;
//!
//! let text = "{apiVersion: v1, kind: Pod, metadata: {name: a}, \
//!     spec: {nodeSelector: {disk: ssd}, containers: [{name: a, image: nginx}]}}";
//! let admitted = Admitted::from_yaml(text)?;
//! assert_eq!(admitted.notices[0].path, "spec.nodeSelector");
//! # Ok::<(), pod_spec::Faults>(())
//! ```
//!
//! # Several objects
//!
//! [`Object::read`] reads every object of a text: of each of its documents, and of each item of a `List`.
//!
//! ```
//! use pod_spec::Object;
//!
//! let text = "
//! apiVersion: v1
//! kind: ConfigMap
//! metadata: {name: settings}
//! data: {colour: blue}
//! ---
//! apiVersion: v1
//! kind: Pod
//! metadata: {name: web}
//! spec: {containers: [{name: web, image: nginx}]}
//! ";
//! for object in Object::read(text)? {
//!     match object {
//!         Object::Pod(pod) => assert_eq!(pod.metadata.name, "web"),
//!         Object::ConfigMap(map) => assert_eq!(map.data["colour"], "blue"),
//!         other => panic!("a {}", other.kind()),
//!     }
//! }
//! # Ok::<(), pod_spec::Faults>(())
//! ```
//!
//! [`Object::check`] goes on after an object with faults, and says all that there is to say of each.
//!
//! # Changes
//!
//! Most of a Pod cannot be changed. [`ValidPod::check_update`] tells what a new Pod cannot change of this one, and so do
//! ConfigMaps, Secrets and PersistentVolumeClaims.
//!
//! ```
//! # use pod_spec::Pod;
//! let text = "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: a, image: nginx:1.27}]}}";
//! let pod = Pod::from_yaml(text)?.validate()?;
//! assert_eq!(pod.check_update(&Pod::from_yaml(&text.replace("1.27", "1.28"))?), Ok(()));
//! let faults = pod.check_update(&Pod::from_yaml(&text.replace("image", "tty: true, image"))?).unwrap_err();
//! assert!(faults.iter().all(|fault| fault.path.starts_with("spec")));
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
//! those of v1.36 here: with an older version `ConvertError` names the fields that would be lost, and with a newer one
//! [`Faults`] does.
//!
//! # Features
//!
//! None is on by itself, and none changes what the rest does.
//!
//! | feature | what it adds |
//! |---|---|
//! | `k8s-openapi` | conversions to and from the types of k8s-openapi |
//! | `json-schema` | `json_schema`: the API as a JSON Schema, for editors |
//!
//! # Hostile texts
//!
//! A text may come from anyone. One that is larger than 4 MiB, whose values lie more than 100 deep, or are more than
//! 100 000 or hold more than 8 MiB with every alias expanded, is refused with [`FaultKind::TooMuch`], in time and memory
//! in proportion to those limits. What a fault quotes is cut, and nothing in it is left that a terminal would obey.
//!
//! # What it does not do
//!
//! The crate does no I/O and reads no clock, so it builds for WebAssembly and Windows as well. It does not run anything,
//! does not look up ConfigMaps or images, and does not tell whether a path or a device is there.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod aggregate;
mod backoff;
mod bytes;
#[cfg(feature = "k8s-openapi")]
mod convert;
mod decode;
mod defaults;
mod document;
mod explain;
mod fault;
mod huge_pages;
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
mod selector;
mod spelling;
pub mod status;
pub mod support;
mod time;
mod types;
mod valid;
mod validate;
mod word;
mod write;
mod yaml;

pub use backoff::{BACKOFF_INITIAL, BACKOFF_MAX, RestartBackoff, parse_duration};
pub use bytes::{ByteString, SecretText};
#[cfg(feature = "k8s-openapi")]
pub use convert::ConvertError;
pub use defaults::{DEFAULTS, DefaultValue};
pub use explain::{Explanation, NoSuchField, explain};
pub use fault::{Fault, FaultKind, Faults};
pub use huge_pages::huge_page_size;
pub use int_or_string::IntOrString;
#[cfg(feature = "json-schema")]
pub use json_schema::json_schema;
pub use names::{DnsLabel, DnsSubdomain, EnvVarName, InvalidName, PortName, QualifiedName};
pub use parse::{Checked, Object};
pub use quantity::{ParseQuantityError, Quantity, QuantityFormat};
pub use selector::{ParseSelectorError, Selector};
pub use status::{PodPhase, PodStatus, QosClass};
pub use support::{Admitted, AdmittedObject, Notice};
pub use time::{ParseTimeError, Time};
pub use types::*;
pub use valid::ValidPod;
pub use word::Word;
pub use write::{WriteError, to_yaml};
