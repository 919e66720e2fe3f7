//! Whose images are that were pulled with a Secret.

use pod_tests::image::Registry;
use serde_json::json;

use crate::host::{Host, run, script};
use crate::objects::private;

/// A Secret with the login of the registry's only user.
fn secret(name: &str, registry: &Registry) -> String {
    let logins = json!({"auths": {registry.host(): {"username": "user", "password": "hunter2"}}});
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
        "type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": logins.to_string()},
    });
    secret.to_string()
}

fn image(registry: &Registry) -> String {
    format!("{}/docker.io/qiaocc/init-demo:1.0", registry.host())
}

/// A pod of the private image, with Secrets.
fn pod(registry: &Registry, policy: &str, secrets: &str) -> String {
    let image = format!("{}, imagePullPolicy: {policy}", image(registry));
    let secrets = format!("imagePullSecrets: [{secrets}]\n  restartPolicy:");
    script("echo here", "Never")
        .replace("pod.local/host", &image)
        .replace("restartPolicy:", &secrets)
}

/// Runs a pod to its end.
fn runs(host: &Host, manifest: &str) {
    let ran = host.pod_on("apply", manifest);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(host.pod("logs -f web").out, "here\n");
    assert_eq!(host.pod("delete web").code, 0);
}

/// Sees a pod wait for its image, and why.
fn waits(host: &Host, manifest: &str, words: &[&str]) {
    let ran = host.pod_on("apply", manifest);
    assert_eq!((ran.code, ran.out.as_str()), (1, "pod/web created\n"), "{ran:?}");
    for word in words {
        assert!(ran.err.contains(word), "{word}: {ran:?}");
    }
    assert_eq!(host.pod("delete web").code, 0);
}

/// A registry, and its image on the machine, pulled by a pod with the Secret `registry`.
fn pulled() -> (Host, Registry) {
    let (host, registry) = private();
    assert_eq!(host.pod_on("apply", &secret("registry", &registry)).code, 0);
    runs(&host, &pod(&registry, "IfNotPresent", "{name: registry}"));
    (host, registry)
}

fn clear(host: &Host) {
    assert_eq!(host.pod("delete secrets --all").code, 0);
}

#[test]
fn b210_an_image_pulled_with_a_secret_is_not_for_pods_without_it() {
    let (host, mut registry) = pulled();
    waits(&host, &pod(&registry, "IfNotPresent", ""), &["ErrImagePull", "it needs a login"]);
    let never = ["ErrImageNeverPull", "is present but cannot be accessed by the pod"];
    waits(&host, &pod(&registry, "Never", ""), &never);
    registry.stop();
    waits(&host, &pod(&registry, "IfNotPresent", ""), &["ErrImagePull", "refused"]);
    clear(&host);
}

#[test]
fn b210_pods_with_the_same_secret_or_the_same_login_do_not_ask_again() {
    let (host, mut registry) = pulled();
    assert_eq!(host.pod_on("apply", &secret("other", &registry)).code, 0);
    let wrong = secret("wrong", &registry).replace("hunter2", "hunter3");
    assert_eq!(host.pod_on("apply", &wrong).code, 0);
    registry.stop();
    for policy in ["IfNotPresent", "Never"] {
        runs(&host, &pod(&registry, policy, "{name: registry}"));
        runs(&host, &pod(&registry, policy, "{name: other}"));
        runs(&host, &pod(&registry, policy, "{name: wrong}, {name: other}"));
    }
    waits(&host, &pod(&registry, "Never", "{name: wrong}"), &["ErrImageNeverPull"]);
    clear(&host);
}

#[test]
fn b210_an_image_pulled_with_the_logins_of_the_machine_is_for_all_pods() {
    let (host, mut registry) = pulled();
    let image = image(&registry);
    waits(&host, &pod(&registry, "Never", ""), &["ErrImageNeverPull"]);
    // base64 of user:hunter2
    let logins = json!({"auths": {registry.host(): {"auth": "dXNlcjpodW50ZXIy"}}});
    std::fs::write(host.path("auth.json"), logins.to_string()).expect("can be written");
    let mut command = host.command(["image", "pull", &image]);
    let ran = run(command.env("REGISTRY_AUTH_FILE", host.path("auth.json")), b"");
    assert_eq!(ran.code, 0, "{ran:?}");
    registry.stop();
    runs(&host, &pod(&registry, "IfNotPresent", ""));
    runs(&host, &pod(&registry, "Never", ""));
    clear(&host);
}

#[test]
fn b210_an_image_that_is_loaded_is_for_all_pods() {
    let (host, mut registry) = pulled();
    let image = image(&registry);
    let archive = host.path("image.tar").display().to_string();
    let saved = host.pod_args(&["image", "save", "-o", &archive, &image]);
    assert_eq!(saved.code, 0, "{saved:?}");
    registry.stop();
    // Another name of it is for the same pods.
    assert_eq!(host.pod_args(&["image", "tag", &image, "test.local/app:1"]).code, 0);
    let other = |manifest: String| manifest.replace(&image, "test.local/app:1");
    waits(&host, &other(pod(&registry, "Never", "")), &["ErrImageNeverPull"]);
    runs(&host, &other(pod(&registry, "Never", "{name: registry}")));

    let loaded = host.pod_args(&["image", "load", "-i", &archive]);
    assert_eq!(loaded.code, 0, "{loaded:?}");
    runs(&host, &pod(&registry, "Never", ""));
    clear(&host);
}
