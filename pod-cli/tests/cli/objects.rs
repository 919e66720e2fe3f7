//! ConfigMaps and Secrets: apply, create, get, delete, and pods that are configured with them.

use std::process::Command;

use pod_tests::image::{Registry, recipes};
use pod_tests::run as tool;
use serde_json::{Value, json};

use crate::host::{Host, script};

const OBJECTS: &str = "\
apiVersion: v1
kind: ConfigMap
metadata: {name: app}
data: {COLOUR: red, size: large}
---
apiVersion: v1
kind: Secret
metadata: {name: login}
stringData: {password: hunter2}
";

/// A pod that says what it is configured with.
fn reader() -> String {
    script("echo $COLOUR $PASSWORD", "Never").replace(
        "command:",
        "envFrom: [{configMapRef: {name: app}}], \
         env: [{name: PASSWORD, valueFrom: {secretKeyRef: {name: login, key: password}}}], command:",
    )
}

fn clear(host: &Host) {
    assert_eq!(host.pod("delete cm app").out, "configmap \"app\" deleted\n");
    assert_eq!(host.pod("delete secret/login").out, "secret \"login\" deleted\n");
}

#[test]
fn objects_are_made_changed_shown_and_removed() {
    let host = Host::new();
    let ran = host.pod_on("apply", OBJECTS);
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (0, "configmap/app created\nsecret/login created\n"),
        "{ran:?}"
    );
    let ran = host.pod_on("apply", &OBJECTS.replace("large", "small"));
    assert_eq!(ran.out, "configmap/app configured\nsecret/login unchanged\n", "{ran:?}");
    let ran = host.pod_on("create", OBJECTS);
    assert_eq!((ran.code, ran.out.as_str()), (5, ""), "{ran:?}");
    assert!(ran.err.contains("ConfigMap `app` exists already"), "{ran:?}");

    let words = |line: &str| -> Vec<String> {
        host.pod(line).out.split_whitespace().map(str::to_owned).collect()
    };
    let maps = words("get configmaps");
    assert_eq!(maps[..5], ["NAME", "DATA", "AGE", "app", "2"], "{maps:?}");
    let secrets = words("get secret login -A");
    assert!(secrets.is_empty(), "by name in one namespace: {secrets:?}");
    let secrets = words("get secrets -A");
    let want = ["NAMESPACE", "NAME", "TYPE", "DATA", "AGE", "default", "login", "Opaque", "1"];
    assert_eq!(secrets[..9], want, "{secrets:?}");
    assert_eq!(host.pod("get cm/app -o name").out, "configmap/app\n");
    let json: Value = serde_json::from_str(&host.pod("get cm app -o json").out).expect("JSON");
    assert_eq!(json["data"], json!({"COLOUR": "red", "size": "small"}));
    assert!(json["metadata"]["uid"].is_string() && json["metadata"]["resourceVersion"].is_string());
    let yaml = host.pod("get secret login -o yaml").out;
    assert!(
        yaml.contains("\n  password: aHVudGVyMg==\n") && yaml.contains("type: Opaque"),
        "{yaml}"
    );
    // What is shown is a manifest again, and the same one.
    let again = host.pod_on("apply", &yaml);
    assert_eq!(again.out, "secret/login unchanged\n", "{again:?}");
    let list = host.pod("get cm -o yaml").out;
    let again = host.pod_on("apply", &list);
    assert_eq!(again.out, "configmap/app unchanged\n", "{again:?}");

    let file = host.manifest(OBJECTS);
    let gone = host.pod(&format!("delete -f {file}"));
    assert_eq!(gone.out, "configmap \"app\" deleted\nsecret \"login\" deleted\n", "{gone:?}");
    let none = host.pod("delete cm app");
    assert_eq!(none.code, 4, "{none:?}");
    assert!(none.err.contains("there is no ConfigMap `app` in namespace `default`"), "{none:?}");
    assert_eq!(host.pod("delete cm app --ignore-not-found").code, 0);
    assert_eq!(host.pod("get secrets").err, "No resources found in default namespace.\n");
}

#[test]
fn an_immutable_object_is_not_changed() {
    let host = Host::new();
    let map =
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app}\nimmutable: true\ndata: {a: b}\n";
    assert_eq!(host.pod_on("apply", map).code, 0);
    let ran = host.pod_on("apply", &map.replace("a: b", "a: c"));
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.err.contains("cannot be changed")
            && ran.err.contains("data: it is immutable: delete it first"),
        "{ran:?}"
    );
    assert_eq!(host.pod("delete configmap app").code, 0);
}

#[test]
fn a_pod_may_stand_before_what_it_is_configured_with() {
    let host = Host::new();
    let ran = host.pod_on("apply", &format!("{}---\n{OBJECTS}", reader()));
    let want = "configmap/app created\nsecret/login created\npod/web created\n";
    assert_eq!((ran.code, ran.out.as_str()), (0, want), "{ran:?}");
    assert_eq!(host.pod("logs -f web").out, "red hunter2\n");
    let shown = host.pod("get pod web -o yaml").out;
    assert!(shown.contains("secretKeyRef") && !shown.contains("hunter2"), "{shown}");
    assert_eq!(host.pod("delete web").code, 0);
    clear(&host);
}

#[test]
fn a_pod_without_its_objects_is_kept_and_starts_when_they_come() {
    let host = Host::new();
    let ran = host.pod_on("apply", &reader());
    assert_eq!((ran.code, ran.out.as_str()), (1, "pod/web created\n"), "{ran:?}");
    assert!(ran.err.contains("CreateContainerConfigError: configmap \"app\" not found"), "{ran:?}");
    assert!(host.pod("get pods").out.contains("CreateContainerConfigError"));
    assert_eq!(host.pod_on("apply", OBJECTS).code, 0);
    assert_eq!(host.pod("logs -f web").out, "red hunter2\n");
    assert_eq!(host.pod("delete web").code, 0);
    clear(&host);
}

#[test]
fn objects_are_made_from_the_command_line() {
    let host = Host::new();
    let file = host.path("colour");
    std::fs::write(&file, "red").expect("it is written");
    let line = format!("create configmap app --from-file=COLOUR={}", file.display());
    let tried = host.pod(&format!("{line} --dry-run=client"));
    assert_eq!(tried.out, "configmap/app created (dry run)\n", "{tried:?}");
    assert_eq!(host.pod("get configmaps -o name").out, "");
    assert_eq!(host.pod(&line).out, "configmap/app created\n");
    assert_eq!(host.pod(&line).code, 5);
    let secret = "create secret generic login --from-literal=password=hunter2 -o name";
    assert_eq!(host.pod(secret).out, "secret/login\n");
    let ran = host.pod_on("up", &reader());
    assert_eq!((ran.code, ran.out.as_str()), (0, "app | red hunter2\n"), "{ran:?}");
    clear(&host);
    let pod = host.manifest(&reader());
    assert_eq!(host.pod(&format!("create -f {pod} configmap app")).code, 2);
}

#[test]
fn a_pod_in_the_foreground_has_its_objects_beside_it() {
    let host = Host::new();
    let ran = host.pod_on("up", &format!("{OBJECTS}---\n{}", reader()));
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("red hunter2"), "{ran:?}");
    clear(&host);
    let ran = host.pod_on("up", OBJECTS);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.err.contains("`pod up` runs pods, and the manifest has none"), "{ran:?}");
}

#[test]
fn nothing_is_made_when_one_object_is_wrong() {
    let host = Host::new();
    let wrong = format!("{OBJECTS}---\napiVersion: v1\nkind: Service\nmetadata: {{name: web}}\n");
    let ran = host.pod_on("apply", &wrong.replace("large", "5"));
    assert_eq!((ran.code, ran.out.as_str()), (3, ""), "{ran:?}");
    for words in [
        "`Service` is not read here",
        "document 3 of the text",
        "a `hostPort` leads to a pod",
        "found the number `5`",
    ] {
        assert!(ran.err.contains(words), "{words}: {ran:?}");
    }
    assert_eq!(host.pod("get cm").out, "");
}

#[test]
fn b205_a_private_image_is_pulled_with_the_secret_of_its_pod() {
    let (host, registry) = private();
    let image = format!("{}/docker.io/qiaocc/init-demo:1.0", registry.host());
    let pod = script("echo here", "Never").replace("pod.local/host", &image);
    let refused = host.pod_on("apply", &pod);
    assert_eq!((refused.code, refused.out.as_str()), (1, "pod/web created\n"), "{refused:?}");
    assert!(refused.err.contains("ErrImagePull"), "{refused:?}");
    assert_eq!(host.pod("delete web").code, 0);

    let logins = json!({"auths": {registry.host(): {"username": "user", "password": "hunter2"}}});
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "registry"},
        "type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": logins.to_string()},
    });
    let with =
        pod.replace("restartPolicy:", "imagePullSecrets: [{name: registry}]\n  restartPolicy:");
    let ran = host.pod_on("apply", &format!("{secret}\n---\n{with}"));
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(host.pod("logs -f web").out, "here\n");
    assert_eq!(host.pod("delete web").code, 0);
    assert_eq!(host.pod("delete secret registry").code, 0);
}

#[test]
fn b207_a_private_image_is_pulled_with_the_logins_of_the_machine() {
    let (host, registry) = private();
    let image = format!("{}/docker.io/qiaocc/init-demo:1.0", registry.host());
    let pod = host.manifest(&script("echo here", "Never").replace("pod.local/host", &image));
    // base64 of user:hunter2
    let logins = json!({"auths": {registry.host(): {"auth": "dXNlcjpodW50ZXIy"}}});
    std::fs::write(host.path("auth.json"), logins.to_string()).expect("can be written");
    let mut command = host.command(["apply", "-f", &pod]);
    let ran = crate::host::run(command.env("REGISTRY_AUTH_FILE", host.path("auth.json")), b"");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(host.pod("logs -f web").out, "here\n");
    assert_eq!(host.pod("delete web").code, 0);
}

/// A registry that wants to know who asks.
pub fn private() -> (Host, Registry) {
    let host = Host::new();
    let htpasswd = tool(Command::new("htpasswd").args(["-Bbn", "user", "hunter2"]));
    let images = [recipes::init_demo()];
    let dir = host.path("registry");
    let registry = Registry::private(&images, env!("CARGO_TARGET_TMPDIR"), &dir, &htpasswd);
    host.set_registries(&format!(
        "[[registry]]\nlocation = \"{}\"\ninsecure = true\n",
        registry.host()
    ));
    (host, registry)
}
