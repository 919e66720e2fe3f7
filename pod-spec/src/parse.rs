//! From text to Pod.

use std::collections::BTreeSet;

use crate::decode::{Cx, Decode};
use crate::document::{self, Node, Value};
use crate::fault::{Fault, FaultKind, Faults, quoted};
use crate::path::Path;
use crate::spelling;
use crate::types::Pod;
use crate::validate;

impl Pod {
    /// Reads the one Pod of a YAML text. It reads no file: the caller does.
    ///
    /// # Errors
    /// Every fault that can be told from the text: also those that [`Pod::validate`] would find in what could be read.
    pub fn from_yaml(text: &str) -> Result<Self, Faults> {
        let root = root(text)?;
        is_pod(&root)?;
        let mut cx = Cx::default();
        let mut pod = Self::decode(&root, &mut cx);
        pod.places = cx.places;
        if !cx.faults.is_empty() {
            let later = validate::check(&pod, &mut Vec::new());
            add_unrelated(&mut cx.faults, later);
        }
        Faults::or(cx.faults, pod)
    }

    /// Reads the one Pod of a JSON text, in the way of [`Pod::from_yaml`].
    ///
    /// # Errors
    /// Every fault that can be told from the text.
    pub fn from_json(text: &str) -> Result<Self, Faults> {
        Self::from_yaml(text)
    }
}

/// The one document of the text.
fn root(text: &str) -> Result<Node, Faults> {
    let mut documents = match document::read(text) {
        // JSON is not quite a subset of YAML: `"\ud83d\ude00"` is one character in it.
        Err(faults)
            if faults.iter().any(|f| f.kind == FaultKind::Syntax)
                && text.trim_start().starts_with('{') =>
        {
            vec![serde_json::from_str(text).map_err(|_| faults)?]
        }
        documents => documents?,
    };
    if let Some(second) = documents.get(1) {
        let message =
            format!("the text holds {} documents, and one Pod is read at a time", documents.len());
        return Err(Faults::one(second.at, FaultKind::NotAPod, message));
    }
    documents.pop().ok_or_else(|| Faults::one(None, FaultKind::NotAPod, "the text holds nothing"))
}

/// Whether the document is a Pod at all: when not, nothing else that could be said of it would help.
fn is_pod(root: &Node) -> Result<(), Faults> {
    if !matches!(root.value, Value::Map(_)) {
        let message = "a manifest is a mapping that begins with `apiVersion: v1` and `kind: Pod`";
        return Err(Faults::one(root.at, FaultKind::NotAPod, message));
    }
    let given = |key: &str| root.get(key).filter(|node| !node.is_null());
    let fault = |path: &str, message: String, suggestion| -> Result<(), Faults> {
        let at = given(path).map_or(root.at, |node| node.at);
        Err(Fault::new(&Path::new(path), at, FaultKind::NotAPod, message)
            .suggest(suggestion)
            .into())
    };
    let Some(kind) = given("kind") else {
        let what =
            if given("apiVersion").is_some() { "`kind` is" } else { "`apiVersion` and `kind` are" };
        let message = format!("{what} missing: a Pod begins with `apiVersion: v1` and `kind: Pod`");
        return fault("kind", message, None);
    };
    let word = |node: &Node| match &node.value {
        Value::Text(text) => text.clone(),
        _ => String::new(),
    };
    let (kind, version) = (word(kind), given("apiVersion").map(word));
    if kind != "Pod" {
        let suggestion = spelling::suggest(&kind, ["Pod"]);
        let message = format!("this is of kind {}, and only a Pod is taken so far", quoted(&kind));
        return fault("kind", message, suggestion);
    }
    match version.as_deref() {
        Some("v1") => Ok(()),
        None => fault("apiVersion", "missing: a Pod begins with `apiVersion: v1`".to_owned(), None),
        Some(other) => {
            fault("apiVersion", format!("{} has no Pod: it is in `v1`", quoted(other)), None)
        }
    }
}

/// Adds the faults that are no echo of those that are there already.
fn add_unrelated(faults: &mut Vec<Fault>, later: Vec<Fault>) {
    let known: BTreeSet<String> = faults.iter().map(|f| f.path.clone()).collect();
    let more = later.into_iter().filter(|f| {
        let unread = f.kind == FaultKind::NotFound && known.iter().any(|path| hides_names(path));
        !unread && !is_related(&f.path, &known)
    });
    faults.extend(more);
}

/// Whether a fault at this path may be why a name is not found: the volumes, or a field of the spec that was meant to hold
/// them, could not be read.
fn hides_names(path: &str) -> bool {
    let Some(field) = path.strip_prefix("spec.") else { return path == "spec" };
    field.starts_with("volumes") || !field.contains(['.', '['])
}

/// Whether one of the paths is this one, lies around it, or within it.
fn is_related(path: &str, known: &BTreeSet<String>) -> bool {
    let around = path.match_indices(['.', '[']).any(|(end, _)| known.contains(&path[..end]));
    let below = |separator: &str| {
        let prefix = format!("{path}{separator}");
        known.range(prefix.clone()..).next().is_some_and(|next| next.starts_with(&prefix))
    };
    known.contains(path) || around || below(".") || below("[")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_volume_is_told_beside_other_faults() {
        let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: a\n    image: x\n    \
                    comand: [x]\n    volumeMounts: [{name: nope, mountPath: /x}]\n";
        let paths = |text: &str| -> Vec<String> {
            let faults = Pod::from_yaml(text).expect_err("is wrong");
            faults.iter().map(|f| f.path.clone()).collect()
        };
        let mount = "spec.containers[0].volumeMounts[0].name";
        assert_eq!(paths(text), ["spec.containers[0].comand", mount]);
        // The volume may be what could not be read.
        let misspelt = format!("{text}  volums: [{{name: nope}}]\n");
        assert!(!paths(&misspelt).contains(&mount.to_owned()));
    }

    #[test]
    fn an_echo_is_told_from_another_fault() {
        let known = BTreeSet::from(["a.b[0].c".to_owned(), "x".to_owned()]);
        for path in ["a", "a.b", "a.b[0]", "a.b[0].c", "a.b[0].c.d", "a.b[0].c[1]", "x", "x.y"] {
            assert!(is_related(path, &known), "{path}");
        }
        for path in ["a.b[0].d", "a.b[1]", "a.b[0].cc", "xy", "b", ""] {
            assert!(!is_related(path, &known), "{path}");
        }
    }
}
