use super::*;
use crate::environment::tests::list;

/// A ConfigMap `map` and two Secrets, `secret` and `odd`.
fn referenced() -> Referenced {
    let map = "{apiVersion: v1, kind: ConfigMap, metadata: {name: map}, data: {A: map, B.b-c: dots, S: from-map}, \
               binaryData: {BIN: AAE=}}";
    let secret = "{apiVersion: v1, kind: Secret, metadata: {name: secret}, stringData: {S: secret, T: '$(A)'}}";
    let odd = "{apiVersion: v1, kind: Secret, metadata: {name: odd}, data: {bytes: /w==, nul: YQA=, text: dGV4dA==}}";
    let secrets = [secret, odd].map(|text| {
        let secret = Secret::from_yaml(text).and_then(Secret::validate).expect("is one");
        (secret.metadata.name.clone(), secret)
    });
    Referenced {
        namespace: "ns".to_owned(),
        config_maps: [("map".to_owned(), ConfigMap::from_yaml(map).expect("is one"))].into(),
        secrets: secrets.into(),
        ..Referenced::default()
    }
}

/// The variables of a container with these fields, or why there are none.
fn made(fields: &str) -> Result<Vec<String>, String> {
    list(&format!("[{{name: a, image: x, {fields}}}]"), &referenced())
}

#[test]
fn b153_b154_whole_objects_become_variables_under_any_prefix() {
    for prefix in ["", "p_", "1-", "$_-", "123"] {
        let fields = format!(
            "envFrom: [{{prefix: '{prefix}', configMapRef: {{name: map}}}}, {{prefix: '{prefix}', secretRef: {{name: secret}}}}]"
        );
        let mut made = made(&fields).expect("can be made");
        made.sort();
        let mut want = [("A", "map"), ("B.b-c", "dots"), ("S", "secret"), ("T", "$(A)")]
            .map(|(key, value)| format!("{prefix}{key}={value}"))
            .to_vec();
        if !prefix.is_empty() {
            want.push("A=image".to_owned());
        }
        want.sort();
        assert_eq!(made, want, "bytes are no variables, and the later source wins");
    }
}

#[test]
fn b149_b154_a_variable_of_its_own_wins_and_sees_whole_objects() {
    let fields = "envFrom: [{configMapRef: {name: map}}], env: [{name: X, value: '$(A)!$(LATER)'}, {name: A, value: own}, \
                  {name: LATER, valueFrom: {secretKeyRef: {name: secret, key: T}}}, {name: LAST, value: '$(LATER)$(A)'}]";
    let made = made(fields).expect("can be made");
    for want in ["X=map!$(LATER)", "A=own", "LATER=$(A)", "LAST=$(A)own", "S=from-map"] {
        assert!(made.iter().any(|variable| variable == want), "{want}: {made:?}");
    }
}

#[test]
fn what_is_missing_is_an_error_unless_it_may_be() {
    let cases = [
        ("configMapKeyRef: {name: none, key: A", "configmap \"none\" not found"),
        ("configMapKeyRef: {name: map, key: none", "couldn't find key none in ConfigMap ns/map"),
        ("configMapKeyRef: {name: map, key: BIN", "couldn't find key BIN in ConfigMap ns/map"),
        ("secretKeyRef: {name: none, key: A", "secret \"none\" not found"),
        ("secretKeyRef: {name: secret, key: A", "couldn't find key A in Secret ns/secret"),
    ];
    for (reference, want) in cases {
        let with =
            |more: &str| made(&format!("env: [{{name: V, valueFrom: {{{reference}{more}}}}}}}]"));
        assert_eq!(with("").expect_err("is missing"), want);
        assert_eq!(with(", optional: true").expect("may be missing"), ["A=image"]);
    }
    for (reference, want) in [
        ("configMapRef: {name: none", "configmap \"none\" not found"),
        ("secretRef: {name: none", "secret \"none\" not found"),
    ] {
        let with = |more: &str| made(&format!("envFrom: [{{{reference}{more}}}}}]"));
        assert_eq!(with("").expect_err("is missing"), want);
        assert_eq!(with(", optional: true").expect("may be missing"), ["A=image"]);
    }
}

#[test]
fn bytes_that_are_no_text_are_no_variable() {
    let with = |key: &str| {
        made(&format!("env: [{{name: V, valueFrom: {{secretKeyRef: {{name: odd, key: {key}}}}}}}]"))
    };
    assert_eq!(with("text").expect("is a text")[1], "V=text");
    for key in ["bytes", "nul"] {
        let error = with(key).expect_err("is no text");
        assert!(error.starts_with(&format!("key {key} in Secret ns/odd is no text")), "{error}");
    }
}
