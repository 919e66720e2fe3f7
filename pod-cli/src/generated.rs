//! Objects that the command line describes, as kubectl generates them.

use pod_runtime::Runtime;
use pod_spec::AdmittedObject;
use serde_json::{Value, json};

use crate::args::{BackoffArgs, Globals};
use crate::error::CliError;
use crate::failures::Failures;
use crate::item::Item;
use crate::manifest;
use crate::report::Report;
use crate::resource::Kind;

/// An object with all that kubectl shows of it.
#[derive(Debug, PartialEq)]
pub struct Generated {
    pub kind: Kind,
    pub object: Value,
}

impl Generated {
    /// An object without more than its name.
    pub fn new(kind: Kind, name: &str, namespace: Option<&str>) -> Self {
        let mut metadata = json!({"creationTimestamp": null, "name": name});
        if let Some(namespace) = namespace {
            metadata["namespace"] = namespace.into();
        }
        let names = kind.names();
        let object =
            json!({"apiVersion": names.api_version, "kind": names.kind, "metadata": metadata});
        Self { kind, object }
    }

    /// The object in the form that is made; what is only shown is checked as well.
    pub fn admit(
        &self,
        globals: &Globals,
        backoff: &BackoffArgs,
    ) -> Result<Vec<AdmittedObject>, CliError> {
        let mut asked = self.object.clone();
        // An empty status is part of what kubectl shows, and nobody's to give.
        if let Some(fields) = asked.as_object_mut() {
            fields.remove("status");
        }
        let shown = format!("the {}", self.kind.names().singular);
        manifest::admit(&asked.to_string(), &shown, globals, backoff)
    }

    /// Says that it would be created, or prints it.
    pub fn show(self, runtime: &Runtime, mut report: Report<'_>) -> Result<u8, CliError> {
        let Self { kind, object } = self;
        report.propose(Item { kind, object }, "created")?;
        report.end(runtime, Failures::default())
    }
}
