//! The environment of a container, by the kubelet's rules.

mod field;
mod file;
mod referenced;

use std::collections::BTreeMap;
use std::path::PathBuf;

use pod_lifecycle::Addresses;
use pod_spec::{Container, EnvVar, EnvVarSource, ValidPod};

use crate::error::ConfigError;
pub(crate) use field::{of_pod, of_resources};
pub use file::EnvFileError;
pub(crate) use file::EnvVolumes;
pub(crate) use referenced::{Referenced, are_referenced};

/// What a pod's fields come to at run time.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    /// The name of this machine (`spec.nodeName`).
    pub node: String,
    /// Its processors.
    pub cpus: u64,
    /// Its memory in bytes.
    pub memory: u64,
    /// A directory on the disk that pods write to.
    pub disk: PathBuf,
    /// Where the pod can be reached.
    pub addresses: Addresses,
    /// The objects and volumes that the variables come from.
    pub referenced: &'a Referenced,
}

/// The variables of a container: the image's, then those of whole ConfigMaps and Secrets, then its own, in which `$(NAME)`
/// stands for an earlier one that is not the image's.
///
/// # Errors
/// When an object or a key is missing that is not optional, or a value cannot be that of a variable.
pub(crate) fn variables(
    pod: &ValidPod,
    container: &Container,
    image: &[String],
    facts: &Facts<'_>,
) -> Result<Environment, ConfigError> {
    let mut environment = Environment { image: image.to_vec(), ..Environment::default() };
    for source in &container.env_from {
        for (name, value) in facts.referenced.all(source)? {
            environment.set(&name, value);
        }
    }
    for variable in &container.env {
        if let Some(value) = value(pod, container, variable, &environment.known, facts)? {
            environment.set(&variable.name, value);
        }
    }
    Ok(environment)
}

/// A container's variables.
#[derive(Default)]
pub(crate) struct Environment {
    image: Vec<String>,
    own: Vec<(String, String)>,
    known: BTreeMap<String, String>,
}

impl Environment {
    fn set(&mut self, name: &str, value: String) {
        self.known.insert(name.to_owned(), value.clone());
        self.own.push((name.to_owned(), value));
    }

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

/// The value of a variable; `None` when there is no such variable, since what it comes from is missing and may be.
fn value(
    pod: &ValidPod,
    container: &Container,
    variable: &EnvVar,
    known: &BTreeMap<String, String>,
    facts: &Facts<'_>,
) -> Result<Option<String>, ConfigError> {
    let text = variable.value.as_deref().unwrap_or_default();
    match &variable.value_from {
        Some(source) if text.is_empty() => value_from(pod, container, source, facts),
        _ => Ok(Some(expand(text, known))),
    }
}

fn value_from(
    pod: &ValidPod,
    container: &Container,
    source: &EnvVarSource,
    facts: &Facts<'_>,
) -> Result<Option<String>, ConfigError> {
    if let Some(field) = source.field_ref.as_ref().and_then(|field| field.field()) {
        return Ok(Some(field::of_pod(pod, field, facts)));
    }
    if let Some(resource) = &source.resource_field_ref {
        return Ok(Some(field::of_resources(pod, container, resource, facts)));
    }
    if let Some(key) = &source.config_map_key_ref {
        return facts.referenced.config_map_key(key);
    }
    if let Some(key) = &source.secret_key_ref {
        return facts.referenced.secret_key(key);
    }
    if let Some(key) = &source.file_key_ref {
        return facts.referenced.file_key(key);
    }
    Ok(Some(String::new()))
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
pub(super) mod tests {
    use super::*;

    /// A machine of four processors and a gibibyte.
    fn facts(referenced: &Referenced) -> Facts<'_> {
        Facts {
            node: "n".into(),
            cpus: 4,
            memory: 1 << 30,
            disk: "/".into(),
            addresses: Addresses::default(),
            referenced,
        }
    }

    /// The variables of the first container of a spec.
    pub(super) fn list(containers: &str, referenced: &Referenced) -> Result<Vec<String>, String> {
        let text = format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: p}}, spec: {{containers: {containers}}}}}"
        );
        let pod = pod_spec::Pod::from_yaml(&text).expect("parses").validate().expect("valid");
        let made =
            variables(&pod, &pod.spec().containers[0], &["A=image".into()], &facts(referenced));
        made.map(|environment| environment.list()).map_err(|error| error.to_string())
    }

    #[test]
    fn b155_resources_are_rounded_up_and_without_a_limit_those_of_the_machine() {
        let with = |resources: &str, selector: &str| {
            let containers = format!(
                "[{{name: a, image: x, resources: {resources}, env: [{{name: V, valueFrom: {{resourceFieldRef: \
                 {{{selector}}}}}}}]}}, {{name: b, image: x, resources: {{limits: {{cpu: 3}}}}}}]"
            );
            let list = list(&containers, &Referenced::default()).expect("can be made");
            list[1].strip_prefix("V=").expect("is there").to_owned()
        };
        let given = "{limits: {cpu: 1500m, memory: 65Mi}, requests: {cpu: 250m, memory: 32Mi}}";
        let cases = [
            (given, "resource: limits.cpu", "2"),
            (given, "resource: limits.cpu, divisor: 1m", "1500"),
            (given, "resource: requests.cpu", "1"),
            (given, "resource: requests.cpu, divisor: 1m", "250"),
            (given, "resource: limits.memory", "68157440"),
            (given, "resource: limits.memory, divisor: 1Gi", "1"),
            (given, "resource: requests.memory, divisor: 1Ki", "32768"),
            (given, "resource: limits.cpu, containerName: b", "3"),
            ("{}", "resource: limits.cpu", "4"),
            ("{}", "resource: limits.memory, divisor: 1Mi", "1024"),
            ("{}", "resource: requests.memory", "0"),
            ("{}", "resource: requests.ephemeral-storage", "0"),
            ("{limits: {cpu: 500m}}", "resource: requests.cpu, divisor: 1m", "500"),
        ];
        for (resources, selector, want) in cases {
            assert_eq!(with(resources, selector), want, "{resources} {selector}");
        }
        assert_ne!(with("{}", "resource: limits.ephemeral-storage"), "0");
    }

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
        let referenced = Referenced::default();
        let facts = Facts { addresses, ..facts(&referenced) };
        let container = &pod.spec().containers[0];
        let image = ["PATH=/bin".into(), "HOME=/root".into()];
        let env = variables(&pod, container, &image, &facts).expect("can be made");
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
