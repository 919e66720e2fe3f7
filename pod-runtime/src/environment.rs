//! The environment of a container, by the kubelet's rules.

use std::collections::BTreeMap;
use std::net::IpAddr;

use pod_lifecycle::Addresses;
use pod_spec::{Container, EnvVar, FieldPath, ValidPod};

/// What a pod's fields come to at run time.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    /// The name of this machine (`spec.nodeName`).
    pub node: String,
    /// Where the pod can be reached.
    pub addresses: Addresses,
}

/// The variables of a container: the image's, then its own, in which `$(NAME)` stands for an earlier one of its own.
pub(crate) fn variables(
    pod: &ValidPod,
    container: &Container,
    image: &[String],
    facts: &Facts,
) -> Environment {
    let mut own = Vec::new();
    let mut known = BTreeMap::new();
    for variable in &container.env {
        let value = value(pod, variable, &known, facts);
        known.insert(variable.name.clone(), value.clone());
        own.push((variable.name.clone(), value));
    }
    Environment { image: image.to_vec(), own, known }
}

/// A container's variables.
#[derive(Debug)]
pub(crate) struct Environment {
    image: Vec<String>,
    own: Vec<(String, String)>,
    known: BTreeMap<String, String>,
}

impl Environment {
    /// `NAME=value`, one for each name, the last one said.
    pub fn list(&self) -> Vec<String> {
        let mut list: Vec<(String, String)> = Vec::new();
        let image = self
            .image
            .iter()
            .filter_map(|e| e.split_once('='))
            .map(|(n, v)| (n.to_owned(), v.to_owned()));
        for (name, value) in image.chain(self.own.iter().cloned()) {
            match list.iter_mut().find(|(n, _)| *n == name) {
                Some(entry) => entry.1 = value,
                None => list.push((name, value)),
            }
        }
        list.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
    }

    /// Replaces `$(NAME)` in words of a command. The image's variables do not count.
    pub fn expand_all(&self, words: &[String]) -> Vec<String> {
        words.iter().map(|w| expand(w, &self.known)).collect()
    }
}

fn value(
    pod: &ValidPod,
    variable: &EnvVar,
    known: &BTreeMap<String, String>,
    facts: &Facts,
) -> String {
    let text = variable.value.as_deref().unwrap_or_default();
    let field =
        variable.value_from.as_ref().and_then(|s| s.field_ref.as_ref()).and_then(|f| f.field());
    match field {
        Some(field) if text.is_empty() => of_field(pod, field, facts),
        _ => expand(text, known),
    }
}

fn of_field(pod: &ValidPod, field: FieldPath<'_>, facts: &Facts) -> String {
    let meta = pod.metadata();
    match field {
        FieldPath::Name => pod.name().to_owned(),
        FieldPath::Namespace => pod.namespace().to_owned(),
        FieldPath::Uid => meta.uid.clone().unwrap_or_default(),
        FieldPath::Label(key) => meta.labels.get(key).cloned().unwrap_or_default(),
        FieldPath::Annotation(key) => meta.annotations.get(key).cloned().unwrap_or_default(),
        FieldPath::NodeName => facts.node.clone(),
        FieldPath::ServiceAccountName => {
            pod.spec().service_account_name.clone().unwrap_or_else(|| "default".to_owned())
        }
        FieldPath::PodIp => first(&facts.addresses.pod),
        FieldPath::PodIps => all(&facts.addresses.pod),
        FieldPath::HostIp => first(&facts.addresses.host),
        FieldPath::HostIps => all(&facts.addresses.host),
        _ => String::new(),
    }
}

fn first(addresses: &[IpAddr]) -> String {
    addresses.first().map(IpAddr::to_string).unwrap_or_default()
}

fn all(addresses: &[IpAddr]) -> String {
    addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(",")
}

/// Replaces `$(NAME)` in the command of a probe by what the manifest itself gives that variable, as the kubelet does.
pub(crate) fn expand_given(variables: &[EnvVar], words: &[String]) -> Vec<String> {
    let given = variables.iter().filter(|v| v.value_from.is_none());
    let known = given.map(|v| (v.name.clone(), v.value.clone().unwrap_or_default())).collect();
    words.iter().map(|word| expand(word, &known)).collect()
}

/// Replaces `$(NAME)` by the value in a list of `NAME=value`. `Err` is a name that is not in it.
pub(crate) fn expand_from(text: &str, list: &[String]) -> Result<String, String> {
    let mut missing = None;
    let expanded = replace(text, |name| {
        let found = list.iter().filter_map(|e| e.split_once('=')).find(|(known, _)| *known == name);
        if found.is_none() {
            missing.get_or_insert_with(|| name.to_owned());
        }
        found.map(|(_, value)| value)
    });
    missing.map_or(Ok(expanded), Err)
}

fn expand(text: &str, known: &BTreeMap<String, String>) -> String {
    replace(text, |name| known.get(name).map(String::as_str))
}

/// Replaces `$(NAME)` by the variable's value; `$$` is `$`, and an unknown name stays as it is.
fn replace<'a>(text: &str, mut value: impl FnMut(&str) -> Option<&'a str>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(tail) = rest.strip_prefix('$') {
            out.push('$');
            rest = tail;
        } else if let Some((name, tail)) = rest.strip_prefix('(').and_then(|r| r.split_once(')')) {
            match value(name) {
                Some(value) => out.push_str(value),
                None => {
                    out.push_str("$(");
                    out.push_str(name);
                    out.push(')');
                }
            }
            rest = tail;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b149_references_are_replaced_as_the_kubelet_does() {
        let known =
            BTreeMap::from([("A".to_owned(), "1".to_owned()), ("B".to_owned(), "$(A)".to_owned())]);
        for (text, want) in [
            ("x$(A)y", "x1y"),
            ("$(B)", "$(A)"),
            ("$(C)", "$(C)"),
            ("$$(A)", "$(A)"),
            ("$$$(A)", "$1"),
            ("$(A", "$(A"),
            ("$A $", "$A $"),
            ("", ""),
        ] {
            assert_eq!(expand(text, &known), want, "{text}");
        }
    }

    #[test]
    fn own_variables_win_over_the_images_and_see_earlier_ones() {
        let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {app: web}}\nspec:\n  containers:\n  \
                    - name: a\n    image: x\n    env:\n    - {name: ONE, value: 'a'}\n    - {name: TWO, value: '$(ONE)b$(PATH)'}\n    \
                    - {name: NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}\n    \
                    - {name: APP, valueFrom: {fieldRef: {fieldPath: \"metadata.labels['app']\"}}}\n    - {name: HOME, value: /h}\n    \
                    - {name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}\n    \
                    - {name: IPS, valueFrom: {fieldRef: {fieldPath: status.podIPs}}}\n    \
                    - {name: HOST, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}\n";
        let pod = pod_spec::Pod::from_yaml(text).expect("parses").validate().expect("valid");
        let addresses = Addresses {
            pod: vec!["10.0.0.2".parse().expect("valid"), "fd00::2".parse().expect("valid")],
            host: vec!["192.0.2.1".parse().expect("valid")],
        };
        let facts = Facts { node: "n".into(), addresses };
        let env = variables(
            &pod,
            &pod.spec().containers[0],
            &["PATH=/bin".into(), "HOME=/root".into()],
            &facts,
        );
        let want = [
            "PATH=/bin",
            "HOME=/h",
            "ONE=a",
            "TWO=ab$(PATH)",
            "NAME=p",
            "APP=web",
            "IP=10.0.0.2",
            "IPS=10.0.0.2,fd00::2",
            "HOST=192.0.2.1",
        ];
        assert_eq!(env.list(), want);
        assert_eq!(env.expand_all(&["$(TWO)".into(), "$(PATH)".into()]), ["ab$(PATH)", "$(PATH)"]);
        let probe = expand_given(&pod.spec().containers[0].env, &["$(ONE) $(NAME)".into()]);
        assert_eq!(probe, ["a $(NAME)"]);
    }
}
