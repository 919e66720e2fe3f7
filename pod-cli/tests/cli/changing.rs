//! apply, create, replace, diff, run, label, annotate and set, in kubectl's words.

use std::fs;

use serde_json::Value;

use crate::host::{Host, script, server};

const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app}\ndata: {COLOUR: red}\n";

fn object(host: &Host, what: &str) -> Value {
    serde_json::from_str(&host.pod(&format!("get {what} -o json")).out).expect("it is JSON")
}

#[test]
fn a_pod_that_cannot_be_changed_is_replaced() {
    let host = Host::new();
    assert_eq!(host.pod_on("apply", &server()).out, "pod/web created\n");
    let uid = object(&host, "pod web")["metadata"]["uid"].clone();
    let other = host.manifest(&server().replace("hello", "good day"));
    let shown = host.pod(&format!("diff -f {other}"));
    assert_eq!((shown.code, shown.err.as_str()), (1, ""), "{shown:?}");
    assert!(shown.out.contains("echo hello"), "{}", shown.out);
    assert!(
        shown.out.contains("v1.Pod.default.web") && shown.out.contains("echo good day"),
        "{}",
        shown.out
    );
    let dry = host.pod(&format!("apply -f {other} --dry-run=server"));
    assert_eq!((dry.code, dry.out.as_str()), (0, "pod/web replaced (server dry run)\n"), "{dry:?}");
    let refused = host.pod(&format!("replace -f {other}"));
    assert_eq!(refused.code, 5, "{refused:?}");
    assert!(
        refused.err.contains("spec.containers[0].command") && refused.err.contains("--force"),
        "{refused:?}"
    );
    assert_eq!(object(&host, "pod web")["metadata"]["uid"], uid);

    let replaced = host.pod(&format!("apply -f {other}"));
    assert_eq!((replaced.code, replaced.out.as_str()), (0, "pod/web replaced\n"), "{replaced:?}");
    assert!(replaced.err.contains("note: pod/web is replaced by a new one"), "{replaced:?}");
    assert_ne!(object(&host, "pod web")["metadata"]["uid"], uid);
    let same = host.pod(&format!("diff -f {other}"));
    assert_eq!((same.code, same.out.as_str()), (0, ""), "{same:?}");
    let forced = host.pod_on("replace --force", &server());
    assert_eq!((forced.code, forced.out.as_str()), (0, "pod/web replaced\n"), "{forced:?}");
    assert_eq!(host.pod("delete pod web").code, 0);
    let missing = host.pod_on("replace", &server());
    assert_eq!(missing.code, 4, "{missing:?}");
    assert!(host.pod("diff -f /nothing").code > 1);
}

#[test]
fn a_pod_that_is_replaced_may_be_given_less_time() {
    let host = Host::new();
    let patient = |text: &str| {
        let text = format!("trap '' TERM; echo {text}; while :; do sleep 1000; done");
        script(&text, "Always").replace("Seconds: 2", "Seconds: 3600")
    };
    assert_eq!(host.pod_on("apply", &patient("hello")).code, 0);
    let file = host.manifest(&patient("good day"));
    assert_eq!(host.pod(&format!("replace --grace-period=0 -f {file}")).code, 2);
    let replaced = host.pod(&format!("replace --force --grace-period=0 -f {file}"));
    assert_eq!((replaced.code, replaced.out.as_str()), (0, "pod/web replaced\n"), "{replaced:?}");
    assert_eq!(host.pod("delete pod web --force").code, 0);
}

#[test]
fn directories_of_manifests_are_applied_and_deleted() {
    let host = Host::new();
    let dir = host.path("manifests");
    fs::create_dir_all(dir.join("more")).expect("it can be made");
    let write =
        |name: &str, text: &str| fs::write(dir.join(name), text).expect("it can be written");
    write("a.yaml", MAP);
    write("notes.txt", "not a manifest");
    write(
        "more/b.json",
        r#"{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"}, "stringData": {"a": "b"}}"#,
    );
    let dir = dir.display();
    assert_eq!(host.pod(&format!("apply -f {dir}")).out, "configmap/app created\n");
    let dry = host.pod(&format!("apply -R -f {dir} --dry-run=client"));
    assert_eq!(
        dry.out, "configmap/app unchanged (dry run)\nsecret/login created (dry run)\n",
        "{dry:?}"
    );
    assert_eq!(host.pod("get secrets -o name").out, "");
    let both = host.pod(&format!("apply -R -f {dir} -o name"));
    assert_eq!(both.out, "configmap/app\nsecret/login\n", "{both:?}");

    let changed =
        "apiVersion: v1\nkind: Secret\nmetadata: {name: login}\nstringData: {a: c, d: e}\n";
    let shown = host.pod_with_input("diff -f -", changed.as_bytes());
    assert_eq!(shown.code, 1, "{shown:?}");
    for line in ["\n-  a: '*** (before)'\n", "\n+  a: '*** (after)'\n", "\n+  d: '***'\n"] {
        assert!(shown.out.contains(line), "{line} in {}", shown.out);
    }
    let dry = host.pod(&format!("delete -R -f {dir} --dry-run=client"));
    assert_eq!(
        dry.out,
        "configmap \"app\" deleted (dry run)\nsecret \"login\" deleted (dry run)\n"
    );
    let gone = host.pod(&format!("delete -R -f {dir}"));
    assert_eq!(gone.out, "configmap \"app\" deleted\nsecret \"login\" deleted\n", "{gone:?}");
}

#[test]
fn a_pod_is_run_from_the_command_line() {
    let host = Host::new();
    let dry =
        host.pod("run web --image=pod.local/host --dry-run=client -o yaml --command -- sleep 1000");
    assert!(dry.out.contains("\n    run: web\n") && dry.out.ends_with("status: {}\n"), "{dry:?}");
    assert_eq!(host.pod("get pods").out, "");
    // What is printed can be applied.
    let ran = host.pod_with_input("create -f -", dry.out.as_bytes());
    assert_eq!((ran.code, ran.out.as_str()), (0, "pod/web created\n"), "{ran:?}");
    let words = [
        "run",
        "job",
        "--image=pod.local/host",
        "--restart=Never",
        "--env=A=b c",
        "-l",
        "app=job",
        "--command",
    ];
    let ran = host.pod_args(&[&words[..], &["--", "sh", "-c", "echo $A"]].concat());
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "pod/job created\n", ""));
    assert_eq!(host.pod("logs -f job").out, "b c\n");
    assert_eq!(host.pod("get pods -l app=job -o name").out, "pod/job\n");
    let wrong = host.pod("run Web --image=pod.local/host");
    assert_eq!(wrong.code, 3, "{wrong:?}");
    assert_eq!(host.pod("run web --image=pod.local/host").code, 5);
    assert_eq!(host.pod("delete pods --all --now").code, 0);
}

#[test]
fn labels_annotations_and_images_of_a_running_pod_are_changed() {
    let host = Host::new();
    let ran = host.pod_on("apply", &format!("{}---\n{MAP}", server()));
    assert_eq!(ran.code, 0, "{ran:?}");
    let said = |line: &str| host.pod(line).out;
    assert_eq!(said("label pod web app=web tier=front"), "pod/web labeled\n");
    assert_eq!(said("get pods -l app=web -o name"), "pod/web\n");
    let kept = host.pod("label pod/web app=api");
    assert_eq!(kept.code, 1, "{kept:?}");
    assert!(
        kept.err.contains("'app' already has a value (web), and --overwrite is false"),
        "{kept:?}"
    );
    assert_eq!(said("label pods --all app=api --overwrite"), "pod/web labeled\n");
    assert_eq!(said("label pod/web tier-"), "pod/web unlabeled\n");
    assert_eq!(said("label pod/web app=api"), "pod/web not labeled\n");
    assert_eq!(said("label pod/web --list"), "app=api\n");
    assert_eq!(said("annotate pod/web a=b --dry-run=client"), "pod/web annotated (dry run)\n");
    assert_eq!(
        said("annotate pod/web cm/app note=x"),
        "pod/web annotated\nconfigmap/app annotated\n"
    );
    let web = object(&host, "pod web");
    assert_eq!(web["metadata"]["annotations"]["note"], "x");
    assert_eq!(web["status"]["containerStatuses"][0]["restartCount"], 0);
    assert_eq!(object(&host, "cm app")["data"]["COLOUR"], "red");

    let none = host.pod("set image pod/web no=pod.local/host");
    assert!(
        none.code == 1 && none.err.contains("unable to find container named \"no\""),
        "{none:?}"
    );
    assert_eq!(said("set image pod/web app=pod.local/host"), "");
    let other = said("set image pod/web app=pod.local/other --dry-run=client");
    assert_eq!(other, "pod/web image updated (dry run)\n");
    assert_eq!(said("set image pod/web app=pod.local/other"), "pod/web image updated\n");
    assert_eq!(object(&host, "pod web")["spec"]["containers"][0]["image"], "pod.local/other");
    assert_eq!(host.pod("delete pod/web cm/app --now").code, 0);
}

#[test]
fn what_the_program_is_it_says() {
    let host = Host::new();
    let version: Value =
        serde_json::from_str(&host.pod("version --client -o json").out).expect("JSON");
    assert_eq!(version["clientVersion"]["gitVersion"], format!("v{}", env!("CARGO_PKG_VERSION")));
    let types = host.pod("api-resources").out;
    let rows: Vec<String> =
        types.lines().map(|row| row.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for row in ["pods po v1 true Pod", "deployments deploy apps/v1 true Deployment"] {
        assert!(rows.iter().any(|shown| shown == row), "{row}: {types}");
    }
    for shell in ["bash", "zsh", "fish"] {
        let script = host.pod(&format!("completion {shell}")).out;
        assert!(script.contains(" __complete -- "), "{shell}");
    }
    let completed = host.pod("__complete -- port-f").out;
    assert!(completed.starts_with("port-forward\t"), "{completed}");
}
