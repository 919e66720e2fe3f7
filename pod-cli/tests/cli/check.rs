//! `pod check` and `pod explain`: what is known before anything runs.

use crate::host::{Host, Ran};

fn check(manifest: &str, options: &str) -> Ran {
    let host = Host::new();
    std::fs::write(host.path("pod.yaml"), manifest).expect("can be written");
    host.pod(&format!("check {} {options}", host.path("pod.yaml").display()))
}

#[test]
fn every_object_of_a_file_is_checked() {
    let good = "{apiVersion: v1, kind: Pod, metadata: {name: good}, spec: {nodeSelector: {a: b}, \
                containers: [{name: a, image: pod.local/host}]}}\n";
    let ran = check(good, "");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.ends_with("pod.yaml: pod/good can be run\n"), "{ran:?}");
    assert!(ran.err.contains("note: spec.nodeSelector: "), "{ran:?}");

    let bad = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: bad}\nspec:\n  containers:\n  - name: a\n    comand: [x]\n    \
               securityContext: {seLinuxOptions: {level: s0}}\n---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: c}}\n---\n\
               {apiVersion: batch/v1, kind: Job, metadata: {name: j}, spec: {template: {}}}\n---\n\
               {apiVersion: v1, kind: Service, metadata: {name: s}}\n";
    let ran = check(&format!("{good}{bad}"), "");
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.out.contains("pod/good can be run") && !ran.out.contains("bad"), "{ran:?}");
    assert!(ran.out.contains("configmap/c can be kept for pods"), "{ran:?}");
    for words in [
        "unknown field `comand`",
        "pod.yaml:9:5",
        "did you mean `command`?",
        "(spec.containers[0].image)",
        "(spec.containers[0].securityContext.seLinuxOptions)",
        "a Job's pods end: it must be given as `OnFailure` or `Never`",
        "`Service` is not read here",
        "(document 5 of the text)",
        "a `hostPort` leads to a pod",
    ] {
        assert!(ran.err.contains(words), "{words}: {ran:?}");
    }
}

#[test]
fn what_is_found_is_data_too() {
    let ran = check(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: A}\nspec: {containers: []}\n",
        "-o json",
    );
    assert_eq!(ran.code, 3, "{ran:?}");
    let json: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    let faults = json[0]["objects"][0]["faults"].as_array().expect("a list");
    let paths: Vec<_> = faults.iter().map(|f| f["path"].as_str().unwrap_or_default()).collect();
    assert_eq!(paths, ["metadata.name", "spec.containers"]);
    assert_eq!((&faults[0]["line"], &faults[0]["kind"]), (&3.into(), &"Invalid".into()));
    let ran = check("a: [", "-o json");
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.out.contains("\"kind\": \"Syntax\""), "{ran:?}");
}

#[test]
fn fields_are_explained() {
    let host = Host::new();
    let ran = host.pod("explain pod.spec.containers.livenessProbe.httpGet");
    assert_eq!(ran.code, 0, "{ran:?}");
    for words in ["KIND:       Pod", "httpGet <HTTPGetAction>", "port\t<IntOrString> -required-"] {
        assert!(ran.out.contains(words), "{words}: {ran:?}");
    }
    let ran = host.pod("explain pod.spec.container");
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("did you mean `containers`?"), "{ran:?}");
}
