//! ConfigMaps and Secrets.

use std::collections::BTreeMap;

use super::check::{Check, Given as _};
use super::meta;
use crate::ByteString;
use crate::fault::FaultKind;
use crate::names::rule;
use crate::path::Path;
use crate::types::{ConfigMap, Secret};

/// The most that the values may hold together, in bytes.
const MAX_SIZE: usize = 1 << 20;
/// The annotation with the service account whose token a Secret holds.
const ACCOUNT: &str = "kubernetes.io/service-account.name";
/// The key that a Secret for SSH has.
const SSH_KEY: &str = "ssh-privatekey";

pub(super) fn config_map(check: &mut Check<'_>, config: &ConfigMap) {
    meta::metadata(check, &config.metadata, &Path::new("metadata"));
    let (data, binary) = (Path::new("data"), Path::new("binaryData"));
    for key in config.data.keys() {
        check.format(&data.key(key), key, rule::config_key);
        if config.binary_data.contains_key(key) {
            check.invalid(&data.key(key), "the key stands in `binaryData` too");
        }
    }
    for key in config.binary_data.keys() {
        check.format(&binary.key(key), key, rule::config_key);
    }
    let texts = config.data.values().map(String::len);
    let bytes = config.binary_data.values().map(|value| value.0.len());
    size(check, texts.chain(bytes).sum(), &Path::ROOT);
}

fn size(check: &mut Check<'_>, size: usize, at: &Path<'_>) {
    if size > MAX_SIZE {
        let message = format!("the values have {size} bytes, and {MAX_SIZE} are allowed");
        check.fault(at, FaultKind::TooLong, message);
    }
}

pub(super) fn secret(check: &mut Check<'_>, secret: &Secret) {
    meta::metadata(check, &secret.metadata, &Path::new("metadata"));
    let at = Path::new("data");
    for key in secret.data.keys() {
        check.format(&at.key(key), key, rule::config_key);
    }
    size(check, secret.data.values().map(|value| value.0.len()).sum(), &at);
    match secret.kind.given().unwrap_or("Opaque") {
        "kubernetes.io/service-account-token" => account(check, secret),
        "kubernetes.io/dockercfg" => object(check, &secret.data, ".dockercfg", &at),
        "kubernetes.io/dockerconfigjson" => object(check, &secret.data, ".dockerconfigjson", &at),
        "kubernetes.io/basic-auth" => login(check, &secret.data, &at),
        "kubernetes.io/ssh-auth" => private_key(check, &secret.data, &at),
        "kubernetes.io/tls" => present(check, &secret.data, &["tls.crt", "tls.key"], &at),
        _ => {}
    }
}

fn account(check: &mut Check<'_>, secret: &Secret) {
    if secret.metadata.annotations.get(ACCOUNT).is_none_or(String::is_empty) {
        let at = Path::new("metadata");
        check.required(&at.field("annotations").key(ACCOUNT));
    }
}

/// A name or a password is enough.
fn login(check: &mut Check<'_>, data: &BTreeMap<String, ByteString>, at: &Path<'_>) {
    const KEYS: [&str; 2] = ["username", "password"];
    if !KEYS.iter().any(|key| data.contains_key(*key)) {
        present(check, data, &KEYS, at);
    }
}

fn private_key(check: &mut Check<'_>, data: &BTreeMap<String, ByteString>, at: &Path<'_>) {
    if data.get(SSH_KEY).is_none_or(|key| key.0.is_empty()) {
        check.required(&at.key(SSH_KEY));
    }
}

fn present(
    check: &mut Check<'_>,
    data: &BTreeMap<String, ByteString>,
    keys: &[&str],
    at: &Path<'_>,
) {
    for key in keys.iter().filter(|key| !data.contains_key(**key)) {
        check.required(&at.key(key));
    }
}

/// Checks that there is a JSON object under the key. What is in it is not told.
fn object(check: &mut Check<'_>, data: &BTreeMap<String, ByteString>, key: &str, at: &Path<'_>) {
    type Object = serde_json::Map<String, serde_json::Value>;
    match data.get(key) {
        None => check.required(&at.key(key)),
        Some(value) if serde_json::from_slice::<Object>(&value.0).is_err() => {
            check.invalid(&at.key(key), "it is no object in JSON");
        }
        Some(_) => {}
    }
}

/// What is wrong with the change of a ConfigMap.
pub(super) fn update_config_map(check: &mut Check<'_>, old: &ConfigMap, new: &ConfigMap) {
    if old.immutable == Some(true) {
        let changed = [
            ("immutable", new.immutable != Some(true)),
            ("data", new.data != old.data),
            ("binaryData", new.binary_data != old.binary_data),
        ];
        immutable(check, changed);
    }
}

/// What is wrong with the change of a Secret.
pub(super) fn update_secret(check: &mut Check<'_>, old: &Secret, new: &Secret) {
    if old.kind != new.kind {
        check.invalid(&Path::new("type"), "the type of a Secret cannot be changed");
    }
    if old.immutable == Some(true) {
        immutable(
            check,
            [("immutable", new.immutable != Some(true)), ("data", new.data != old.data)],
        );
    }
}

fn immutable<const N: usize>(check: &mut Check<'_>, changed: [(&'static str, bool); N]) {
    for (field, _) in changed.into_iter().filter(|(_, changed)| *changed) {
        check.forbidden(&Path::new(field), "it is immutable");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_a_secret_is_not_told() {
        let secret = Secret::from_yaml(
            "{apiVersion: v1, kind: Secret, metadata: {name: a}, type: kubernetes.io/dockerconfigjson, \
             stringData: {.dockerconfigjson: '{\"auths\": hunter2}'}}",
        )
        .unwrap();
        let told = secret.validate().unwrap_err();
        let told = format!("{told} {told:?}");
        assert!(told.contains("it is no object in JSON") && !told.contains("hunter2"), "{told}");
    }
}
