//! `pod explain`: what a field of a Pod is for, and what happens to it here.

use std::fmt::Write as _;

use clap::Args;
use pod_spec::support::{FieldSupport, Support};
use pod_spec::{DEFAULTS, Explanation};

use crate::error::CliError;
use crate::{exit, output};

#[derive(Debug, Args)]
pub struct Explain {
    /// The field: `pod.spec.containers.ports`
    #[arg(value_name = "FIELD")]
    pub field: String,
    /// The names of all fields within
    #[arg(long)]
    pub recursive: bool,
}

pub fn run(args: &Explain) -> Result<u8, CliError> {
    let (resource, path) = args.field.split_once('.').unwrap_or((&args.field, ""));
    if !matches!(resource, "pod" | "pods" | "po") {
        let what = format!("`{resource}` is not explained here, only pods: `pod explain pod.spec`");
        return Err(CliError::Usage(what));
    }
    let explained = pod_spec::explain(path).map_err(|e| CliError::Usage(e.to_string()))?;
    output::data(page(&explained, args.recursive))?;
    Ok(exit::OK)
}

/// The page in kubectl's form, with what is supported.
fn page(explained: &Explanation, recursive: bool) -> String {
    let mut out = String::from("KIND:       Pod\nVERSION:    v1\n\n");
    let path = &explained.field.path;
    // Writing to a String cannot fail.
    if let Some(name) = path.rsplit('.').next().filter(|name| !name.is_empty()) {
        let _ = writeln!(out, "FIELD: {name} <{}>", explained.type_name);
        if !explained.words.is_empty() {
            let _ = writeln!(out, "ENUM:\n    {}", explained.words.join("\n    "));
        }
        let _ = writeln!(out, "SUPPORT: {}", support(&explained.field));
        if let Some(value) = default_of(path) {
            let _ = writeln!(out, "DEFAULT: {value}");
        }
        out.push('\n');
    }
    let _ = writeln!(out, "DESCRIPTION:\n    {}", explained.description);
    if !explained.fields.is_empty() {
        out.push_str("\nFIELDS:\n");
        explained.fields.iter().for_each(|field| list(&mut out, field, recursive, 1));
    }
    out
}

fn list(out: &mut String, field: &Explanation, recursive: bool, depth: usize) {
    let indent = "  ".repeat(depth);
    let name = field.field.path.rsplit('.').next().unwrap_or_default();
    let required = if field.required { " -required-" } else { "" };
    let _ = writeln!(out, "{indent}{name}\t<{}>{required}", field.type_name);
    if !recursive {
        let _ = writeln!(out, "{indent}  {}", field.description);
        let _ = writeln!(out, "{indent}  [{}]\n", support(&field.field));
    } else if let Ok(within) = pod_spec::explain(&field.field.path) {
        within.fields.iter().for_each(|field| list(out, field, true, depth + 1));
    }
}

fn support(field: &FieldSupport) -> String {
    let accepted = field.accepted_words();
    let but = if accepted.is_empty() {
        String::new()
    } else {
        format!(", but for {}", accepted.join(" or "))
    };
    match field.support {
        Support::Honoured { .. } => "honoured".to_owned(),
        Support::ByField => "see its fields".to_owned(),
        Support::ClusterOnly(notice) => format!("cluster only{but}: {notice}"),
        Support::Refused(why) => format!("refused{but}: {why}"),
    }
}

/// What holds for containers holds for the other lists of them.
fn default_of(path: &str) -> Option<&'static str> {
    let path = path
        .replace("spec.initContainers[]", "spec.containers[]")
        .replace("spec.ephemeralContainers[]", "spec.containers[]");
    DEFAULTS.iter().find(|default| default.path == path).map(|default| default.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(path: &str) -> String {
        page(&pod_spec::explain(path).unwrap(), false)
    }

    #[test]
    fn a_field_is_explained_as_kubectl_does_and_with_what_is_supported() {
        let text = explained("spec.restartPolicy");
        let want = "KIND:       Pod\nVERSION:    v1\n\nFIELD: restartPolicy <string>\nENUM:\n    Always\n    OnFailure\n    \
                    Never\nSUPPORT: honoured\nDEFAULT: Always\n\nDESCRIPTION:\n";
        assert!(text.starts_with(want), "{text}");
        let text = explained("spec.containers");
        assert!(text.contains("FIELD: containers <[]Container>\n"), "{text}");
        assert!(text.contains("  name\t<string> -required-\n"), "{text}");
        assert!(text.contains("  tty\t<boolean>\n"), "{text}");
        assert!(text.contains("    [honoured]\n"), "{text}");
        let text = explained("spec.hostPID");
        let want = "SUPPORT: refused, but for `false`: the pod always has its own PID namespaces\n";
        assert!(text.contains(want), "{text}");
        assert!(explained("").contains("  spec\t<PodSpec>"), "{}", explained(""));
    }

    #[test]
    fn everything_within_is_listed_when_asked_for() {
        let text = page(&pod_spec::explain("spec.securityContext").unwrap(), true);
        assert!(
            text.contains("\n  seccompProfile\t<SeccompProfile>\n    type\t<string> -required-\n"),
            "{text}"
        );
    }
}
