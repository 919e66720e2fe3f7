//! From text to Pod and back.

use serde_json::Value as Json;

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

    /// The pod as YAML, the keys in the order of the alphabet.
    ///
    /// # Errors
    /// None is known: every pod has a form in YAML.
    pub fn to_yaml(&self) -> Result<String, WriteError> {
        // Over JSON, whose maps are sorted.
        let json: Json = serde_json::to_value(self).map_err(|e| WriteError(e.to_string()))?;
        serde_yaml::to_string(&json).map_err(|e| WriteError(e.to_string()))
    }

    /// The pod as indented JSON, the keys in the order of the alphabet.
    ///
    /// # Errors
    /// None is known: every pod has a form in JSON.
    pub fn to_json(&self) -> Result<String, WriteError> {
        let json = serde_json::to_value(self).and_then(|json| serde_json::to_string_pretty(&json));
        json.map_err(|e| WriteError(e.to_string()))
    }
}

/// A pod that could not be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot write the pod: {0}")]
pub struct WriteError(String);

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
    let known: Vec<String> = faults.iter().map(|f| f.path.clone()).collect();
    let within = |a: &str, b: &str| {
        a.strip_prefix(b).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    let related = |path: &str| known.iter().any(|k| within(path, k) || within(k, path));
    // What was not found may be what could not be read.
    faults.extend(later.into_iter().filter(|f| f.kind != FaultKind::NotFound && !related(&f.path)));
}
