//! From text to objects.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::decode::{Cx, Decode};
use crate::document::{self, MAX_DEPTH, MAX_NODES, Node, Value};
use crate::fault::{Fault, FaultKind, Faults, quoted};
use crate::path::{Path, Places, Position, Source};
#[cfg(feature = "json-schema")]
use crate::schema::{self, Table};
use crate::spelling;
use crate::support::{Admitted, Found, Notice, Reviewed as _};
use crate::types::{ConfigMap, Deployment, Job, ObjectMeta, PersistentVolumeClaim, Pod, Secret};
use crate::write::{self, WriteError};
use crate::{defaults, validate};

/// An object that can stand alone in a text.
pub(crate) trait Kind: Decode {
    /// Notes where it was read from.
    fn set_source(&mut self, source: Source);

    /// What validation finds in it, its defaults filled in. It may have been read in part only.
    fn later(&self, places: &dyn Places) -> Vec<Fault>;
}

/// An object of a text, and all that there is to say of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Checked {
    /// What it is, `Pod`; empty when it is of no kind that this crate knows.
    pub kind: String,
    /// Its namespace, as far as it says one.
    pub namespace: Option<String>,
    /// Its name, which may be empty or wrong.
    pub name: String,
    /// What is accepted in it although it makes sense in a cluster only.
    pub notices: Vec<Notice>,
    /// What is wrong with it, and what this project does not support.
    pub faults: Vec<Fault>,
}

impl Checked {
    /// The faults together, for rendering; None when there are none.
    pub fn faults(&self) -> Option<Faults> {
        Faults::or(self.faults.clone(), ()).err()
    }
}

/// Declares the objects that can stand alone.
macro_rules! kinds {
    ($($name:ident)*) => {
        $(
            impl Kind for $name {
                fn set_source(&mut self, source: Source) {
                    self.source = source;
                }

                fn later(&self, places: &dyn Places) -> Vec<Fault> {
                    let mut object = self.clone();
                    defaults::Defaults::fill(&mut object);
                    validate::Validate::faults(&object, places)
                }
            }

            impl $name {
                /// Reads the one such object of a YAML text. It reads no file: the caller does.
                ///
                /// # Errors
                /// Every fault that can be told from the text: when there is one, also those that validation would find
                /// in what could be read.
                pub fn from_yaml(text: &str) -> Result<Self, Faults> {
                    let root = root(text, Self::API_VERSION, Self::KIND)?;
                    let (object, faults) = decode::<Self>(&root, Source::new(text, 0, None));
                    Faults::or(faults, object)
                }

                /// Reads the one such object of a JSON text, in the way of `from_yaml`.
                ///
                /// # Errors
                /// Every fault that can be told from the text.
                pub fn from_json(text: &str) -> Result<Self, Faults> {
                    Self::from_yaml(text)
                }

                /// The object as YAML, the keys in the order of the alphabet.
                ///
                /// # Errors
                /// None is known: every object has a form in YAML.
                pub fn to_yaml(&self) -> Result<String, WriteError> {
                    write::to_yaml(self)
                }

                /// The object as indented JSON, the keys in the order of the alphabet.
                ///
                /// # Errors
                /// None is known: every object has a form in JSON.
                pub fn to_json(&self) -> Result<String, WriteError> {
                    write::json(self)
                }
            }
        )*

        /// An object of a kind that this crate knows.
        #[derive(Debug, Clone, PartialEq)]
        #[non_exhaustive]
        pub enum Object {
            $(
                #[doc = concat!("A ", stringify!($name), ".")]
                $name($name),
            )*
        }

        impl Object {
            /// What it is.
            pub const fn kind(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => $name::KIND,)*
                }
            }

            /// The object of a tree that is of a known kind.
            fn of(node: &Node<'_>, kind: &str, source: Source) -> Option<(Self, Vec<Fault>)> {
                match kind {
                    $($name::KIND => {
                        let (object, faults) = decode::<$name>(node, source);
                        Some((Self::$name(object), faults))
                    })*
                    _ => None,
                }
            }

            /// The version of a kind, and its fields.
            #[cfg(feature = "json-schema")]
            pub(crate) fn table(kind: &str) -> Option<(&'static str, &'static Table)> {
                match kind {
                    $($name::KIND => Some(($name::API_VERSION, <$name as schema::Object>::TABLE)),)*
                    _ => None,
                }
            }

            fn later(&self, places: &dyn Places) -> Vec<Fault> {
                match self {
                    $(Self::$name(object) => Kind::later(object, places),)*
                }
            }

            fn review(&self, places: &dyn Places) -> Found {
                match self {
                    $(Self::$name(object) => object.review(places),)*
                }
            }

            /// Name, labels and the like.
            pub const fn metadata(&self) -> &ObjectMeta {
                match self {
                    $(Self::$name(object) => &object.metadata,)*
                }
            }

            /// As [`metadata`](Self::metadata), to be changed.
            pub const fn metadata_mut(&mut self) -> &mut ObjectMeta {
                match self {
                    $(Self::$name(object) => &mut object.metadata,)*
                }
            }

            const KINDS: &'static [(&'static str, &'static str)] =
                &[$(($name::API_VERSION, $name::KIND)),*];
        }
    };
}

kinds! { Pod ConfigMap Secret PersistentVolumeClaim Deployment Job }

impl Object {
    /// Reads every object of a text: of each of its YAML documents, and of each item of a `List`, or of a `PodList` and
    /// its like.
    ///
    /// ```
    /// use pod_spec::Object;
    ///
    /// let text = "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: a, image: a}]}}\n\
    ///             ---\n\
    ///             {apiVersion: v1, kind: ConfigMap, metadata: {name: b}, data: {key: value}}\n";
    /// let objects = Object::read(text)?;
    /// assert_eq!(objects.iter().map(Object::kind).collect::<Vec<_>>(), ["Pod", "ConfigMap"]);
    /// # Ok::<(), pod_spec::Faults>(())
    /// ```
    ///
    /// # Errors
    /// Every fault that can be told from the text, and each object of a kind that this crate does not know.
    pub fn read(text: &str) -> Result<Vec<Self>, Faults> {
        let (mut objects, mut faults) = (Vec::new(), Vec::new());
        each(text, |node, source| match Self::one(node, source) {
            Ok((object, more)) => {
                objects.push(object);
                faults.extend(more);
            }
            Err(wrong) => faults.extend(wrong),
        })?;
        Faults::or(faults, objects)
    }

    /// Checks every object of a text, and looks at what this project supports of each.
    ///
    /// # Errors
    /// When the text is no YAML, or holds nothing. What is wrong with an object is told with the object.
    pub fn check(text: &str) -> Result<Vec<Checked>, Faults> {
        let mut objects = Vec::new();
        each(text, |node, source| objects.push(Self::check_one(node, source)))?;
        Ok(objects)
    }

    fn one(node: &Node<'_>, source: Source) -> Result<(Self, Vec<Fault>), Faults> {
        let kind = is_any_of(node, Self::KINDS)
            .map_err(|faults| of_document(faults, source.document()))?;
        let unknown = || Faults::one(node.at, FaultKind::WrongKind, "it is of no known kind");
        Self::of(node, kind, source).ok_or_else(unknown)
    }

    fn check_one(node: &Node<'_>, source: Source) -> Checked {
        let (object, mut faults) = match Self::one(node, source) {
            Ok(object) => object,
            Err(faults) => {
                return Checked {
                    kind: String::new(),
                    namespace: None,
                    name: String::new(),
                    notices: Vec::new(),
                    faults: faults.into_iter().collect(),
                };
            }
        };
        if faults.is_empty() {
            faults = object.later(node);
        }
        let Found { refused, notices } = object.review(node);
        add_unrelated(&mut faults, refused);
        let metadata = object.metadata();
        Checked {
            kind: object.kind().to_owned(),
            namespace: metadata.namespace.clone(),
            name: metadata.name.clone(),
            notices,
            faults: Faults::or(faults, ()).err().into_iter().flatten().collect(),
        }
    }
}

/// Does something with every object of a text.
fn each(text: &str, mut with: impl FnMut(&Node<'_>, Source)) -> Result<(), Faults> {
    let documents = documents(text)?;
    if documents.is_empty() {
        return Err(Faults::one(None, FaultKind::WrongKind, "the text holds nothing"));
    }
    for (i, node) in documents.iter().enumerate() {
        match (list_of(node), node.get("items").map(|items| &items.value)) {
            (Some(implied), Some(Value::List(items))) => {
                for (j, item) in items.iter().enumerate() {
                    with(&item.clone().implying(implied), Source::new(text, i, Some(j)));
                }
            }
            _ => with(node, Source::new(text, i, None)),
        }
    }
    Ok(())
}

/// Says which document faults are of, when it is not the first.
fn of_document(faults: Faults, document: usize) -> Faults {
    if document == 0 {
        return faults;
    }
    let told = |fault: Fault| {
        let message = format!("{} (document {} of the text)", fault.message, document + 1);
        Fault { message, ..fault }
    };
    Faults::some(faults.into_iter().map(told).collect())
}

/// What the items of a list are without saying so: nothing in a `List`, and in a `PodList` Pods. None when it is no list.
fn list_of(node: &Node<'_>) -> Option<&'static [(&'static str, &'static str)]> {
    let of = word(node, "kind")?.strip_suffix("List")?;
    if of.is_empty() {
        return Some(&[]);
    }
    let known = Object::KINDS.iter().position(|(_, kind)| *kind == of)?;
    Object::KINDS.get(known..=known)
}

/// The object of a tree, and every fault of it; once it has some, also those that are found later.
fn decode<T: Kind>(node: &Node<'_>, source: Source) -> (T, Vec<Fault>) {
    let mut cx = Cx::default();
    let mut object = T::decode(node, &Path::ROOT, &mut cx);
    object.set_source(source);
    if !cx.faults.is_empty() {
        add_unrelated(&mut cx.faults, object.later(node));
    }
    (object, cx.faults)
}

/// The object of a tree without a text.
#[cfg(feature = "k8s-openapi")]
pub(crate) fn from_node<T: Kind>(node: &Node<'_>) -> Result<T, Faults> {
    let (object, faults) = decode(node, Source::default());
    Faults::or(faults, object)
}

impl Admitted {
    /// Reads the one Pod of a YAML or JSON text, checks it, and looks at what this project supports of it.
    ///
    /// # Errors
    /// Every fault of all three.
    pub fn from_yaml(text: &str) -> Result<Self, Faults> {
        let root = root(text, Pod::API_VERSION, Pod::KIND)?;
        let (pod, mut faults) = decode::<Pod>(&root, Source::new(text, 0, None));
        if faults.is_empty() {
            return Self::new(pod);
        }
        add_unrelated(&mut faults, pod.review(&root).refused);
        Err(Faults::some(faults))
    }
}

/// The documents of the text, each of which says something.
fn documents(text: &str) -> Result<Vec<Node<'_>>, Faults> {
    match document::read(text) {
        // JSON is not quite a subset of YAML: `"\ud83d\ude00"` is one character in it.
        Err(faults)
            if faults.iter().any(|f| f.kind == FaultKind::Syntax)
                && text.trim_start().starts_with('{') =>
        {
            Ok(vec![serde_json::from_str(text).map_err(|error| no_json(&error, faults))?])
        }
        documents => documents,
    }
}

/// What is wrong with a text that is not read as JSON: as YAML it has these faults.
fn no_json(error: &serde_json::Error, yaml: Faults) -> Faults {
    // Any JSON is a value; no data is refused but for its amount.
    if !error.is_data() {
        return yaml;
    }
    let message = format!("more than {MAX_NODES} values, or nested more than {MAX_DEPTH} deep");
    let at = Position { line: error.line(), column: error.column() };
    Faults::one(Some(at), FaultKind::TooMuch, message)
}

/// The one document of the text, which is of this kind.
fn root<'t>(text: &'t str, version: &'static str, kind: &'static str) -> Result<Node<'t>, Faults> {
    let mut documents = documents(text)?;
    if let Some(second) = documents.get(1) {
        let message = format!(
            "the text holds {} documents, and one {kind} is read at a time",
            documents.len()
        );
        return Err(Faults::one(second.at, FaultKind::WrongKind, message));
    }
    let nothing = || Faults::one(None, FaultKind::WrongKind, "the text holds nothing");
    let root = documents.pop().ok_or_else(nothing)?;
    is_any_of(&root, &[(version, kind)])?;
    Ok(root)
}

/// What becomes of a kind of Kubernetes that is not here.
fn instead_of(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "Service" | "Endpoints" | "EndpointSlice" => {
            "leave it out: pods of a namespace find each other by host name, and a `hostPort` leads to a pod"
        }
        "Ingress" | "Gateway" | "HTTPRoute" => {
            "leave it out: give a port of the pod a `hostPort`, or run a proxy in a pod"
        }
        "ReplicaSet" | "StatefulSet" | "DaemonSet" | "ReplicationController" | "CronJob" => {
            "write its `template` as a Pod"
        }
        "Namespace" => "leave it out: a namespace is there as soon as something is in it",
        "ServiceAccount" | "Role" | "RoleBinding" | "ClusterRole" | "ClusterRoleBinding" => {
            "leave it out: there is no API server that it could give rights for"
        }
        "NetworkPolicy"
        | "PodDisruptionBudget"
        | "HorizontalPodAutoscaler"
        | "PriorityClass"
        | "ResourceQuota"
        | "LimitRange" => "leave it out: it needs a cluster",
        "PersistentVolume" | "StorageClass" => "leave it out, and use a hostPath",
        _ => return None,
    })
}

/// The text of a field.
fn word<'n>(node: &'n Node<'_>, key: &str) -> Option<&'n str> {
    match &node.get(key)?.value {
        Value::Text(text) => Some(text),
        Value::Null => None,
        _ => Some(""),
    }
}

/// The kind of the document when it is one of these, each with its version: when not, nothing else that could be said of
/// it would help.
fn is_any_of(
    node: &Node<'_>,
    kinds: &[(&'static str, &'static str)],
) -> Result<&'static str, Faults> {
    let begins = match kinds {
        [(version, kind)] => format!("`apiVersion: {version}` and `kind: {kind}`"),
        _ => "`apiVersion` and `kind`".to_owned(),
    };
    if !matches!(node.value, Value::Map(_)) {
        let message = format!("a manifest is a mapping that begins with {begins}");
        return Err(Faults::one(node.at, FaultKind::WrongKind, message));
    }
    let fault = |key: &str, message: String, suggestion| {
        let at = node.get(key).filter(|node| !node.is_null()).map_or(node.at, |node| node.at);
        let fault = Fault::new(&Path::new(key), at, FaultKind::WrongKind, message);
        Err(fault.suggest(suggestion).into())
    };
    let (version, kind) = (word(node, "apiVersion"), word(node, "kind"));
    let Some(kind) = kind else {
        let what = if version.is_some() { "`kind` is" } else { "`apiVersion` and `kind` are" };
        let what = format!("{what} missing: a manifest begins with {begins}");
        return fault("kind", what, None);
    };
    let Some((wanted, known)) = kinds.iter().find(|(_, known)| *known == kind) else {
        let names: Vec<_> = kinds.iter().map(|(_, kind)| *kind).collect();
        let message = format!("{} is not read here, only {}", quoted(kind), names.join(", "));
        let instead = || instead_of(kind).filter(|_| kinds.len() > 1).map(str::to_owned);
        return fault("kind", message, spelling::suggest(kind, names).or_else(instead));
    };
    match version {
        Some(version) if version == *wanted => Ok(known),
        None => fault("apiVersion", format!("missing: it is `{wanted}` for a {kind}"), None),
        Some(other) => {
            let message = format!("{} has no {kind}: it is in `{wanted}`", quoted(other));
            fault("apiVersion", message, None)
        }
    }
}

/// Adds the faults that are no echo of those that are there already.
pub(crate) fn add_unrelated(faults: &mut Vec<Fault>, later: Vec<Fault>) {
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
    fn a_list_of_one_kind_implies_it() {
        let text = "apiVersion: v1\nkind: SecretList\nitems:\n- metadata: {name: a}\n\
                    - {apiVersion: v1, kind: Secret, metadata: {name: b}, stringData: {k: v}, dta: {}}\n\
                    ---\n{apiVersion: v1, kind: Ingress, metadata: {name: c}}\n";
        let faults = Object::read(text).expect_err("is wrong").to_string();
        let want = "line 5: dta: unknown field `dta`, did you mean `data`?\n\
                    line 7: kind: `Ingress` is not read here, only Pod, ConfigMap, Secret, PersistentVolumeClaim, \
                    Deployment, Job (document 2 of the text), leave it out: give a port of the pod a `hostPort`, or run a \
                    proxy in a pod";
        assert_eq!(faults, want);
        let right = text.replace(", dta: {}", "").replace("Ingress", "ConfigMap");
        let objects = Object::read(&right).expect("is right");
        let kinds: Vec<_> =
            objects.iter().map(|o| (o.kind(), o.metadata().name.as_str())).collect();
        assert_eq!(kinds, [("Secret", "a"), ("Secret", "b"), ("ConfigMap", "c")]);
    }

    #[test]
    fn json_has_the_limits_of_yaml() {
        // Two escapes that are one character only in JSON.
        let text = |value: &str| format!(r#"{{"a": "\ud83d\ude00", "b": {value}}}"#);
        let kind = |value: &str| {
            let faults = Pod::from_json(&text(value)).expect_err("is no pod");
            faults.into_iter().next().map(|fault| fault.kind)
        };
        let deep = |depth| "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(kind(&deep(90)), Some(FaultKind::WrongKind));
        assert_eq!(kind(&deep(101)), Some(FaultKind::TooMuch));
        let long = |items: usize| format!("[{}0]", "0,".repeat(items));
        assert_eq!(kind(&long(90_000)), Some(FaultKind::WrongKind));
        assert_eq!(kind(&long(100_000)), Some(FaultKind::TooMuch));
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
