//! `pod patch`: sets conditions of a pod.

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};
use pod_spec::status::PodCondition;

use crate::args::Globals;
use crate::error::CliError;
use crate::resource::{Kind, Named};
use crate::{event_loop, exit, output, resource};

#[derive(Debug, Args)]
pub struct Patch {
    /// `pod NAME` or `pod/NAME`
    #[arg(required = true, value_name = "pod NAME")]
    pub target: Vec<String>,
    /// What of the pod is patched
    #[arg(long, value_name = "NAME", required = true)]
    pub subresource: Subresource,
    /// How the patch is read
    #[arg(long = "type", value_name = "TYPE", default_value = "strategic")]
    pub kind: PatchKind,
    /// The patch, as JSON
    #[arg(short, long, value_name = "JSON")]
    pub patch: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Subresource {
    Status,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PatchKind {
    Strategic,
}

pub fn run(globals: &Globals, args: &Patch) -> Result<u8, CliError> {
    let (Subresource::Status, PatchKind::Strategic) = (args.subresource, args.kind);
    let names = resource::asked(&args.target, Some(Kind::Pod))?.names;
    let [Named { kind: Kind::Pod, name }] = names.as_slice() else {
        let message = "which pod? Name one: `pod patch pod/NAME --subresource=status -p JSON`";
        return Err(CliError::Usage(message.to_owned()));
    };
    let conditions = conditions(&args.patch).map_err(CliError::Usage)?;
    let pod = globals.runtime()?.pod(globals.namespace(), name)?;
    event_loop::block_on(async { Ok(pod.set_conditions(conditions).await?) })?;
    output::line(&format!("pod/{name} patched"))?;
    Ok(exit::OK)
}

/// The conditions of a patch that has nothing else.
fn conditions(patch: &str) -> Result<Vec<PodCondition>, String> {
    type Fields<T> = BTreeMap<String, T>;
    let mut patch: Fields<Fields<Vec<PodCondition>>> =
        serde_json::from_str(patch).map_err(|e| format!("the patch cannot be read: {e}"))?;
    let mut status = patch.remove("status").unwrap_or_default();
    match status.remove("conditions") {
        Some(conditions) if patch.is_empty() && status.is_empty() => Ok(conditions),
        _ => Err("only `status.conditions` can be patched".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_sets_conditions_and_nothing_else() {
        let patch = r#"{"status":{"conditions":[{"type":"a.io/x","status":"True"}]}}"#;
        assert_eq!(conditions(patch).unwrap()[0].kind, "a.io/x");
        for wrong in [
            "{}",
            "[]",
            r#"{"status":{}}"#,
            r#"{"status":{"conditions":[],"phase":[]}}"#,
            r#"{"status":{"conditions":[]},"spec":{}}"#,
            r#"{"status":{"conditions":[{"status":"Yes"}]}}"#,
        ] {
            assert!(conditions(wrong).is_err(), "{wrong}");
        }
    }
}
