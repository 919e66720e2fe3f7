//! `pod patch`: sets conditions of a pod.

use std::collections::BTreeMap;

use pod_spec::status::PodCondition;

use crate::args::{Globals, Patch, PatchKind, Subresource};
use crate::error::CliError;
use crate::{event_loop, exit, output, resource};

pub fn run(globals: &Globals, args: &Patch) -> Result<u8, CliError> {
    let (Subresource::Status, PatchKind::Strategic) = (args.subresource, args.kind);
    let names = resource::targets(&args.target)?.names;
    let [name] = names.as_slice() else {
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
