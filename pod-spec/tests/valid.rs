//! Manifests that are taken, and what becomes of them.

use std::fs;
use std::path::Path;

use pod_spec::{
    Admitted, EphemeralContainer, ImagePullPolicy, PersistentVolumeClaim, Pod, Protocol, QosClass,
    RestartPolicy, Time, ValidPod, VolumeSource,
};

fn data(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/valid").join(name);
    fs::read_to_string(path).expect("a file")
}

fn valid(name: &str) -> ValidPod {
    Pod::from_yaml(&data(name)).and_then(Pod::validate).expect("a valid pod")
}

fn every_valid_manifest() -> Vec<(String, String)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/valid");
    let entries =
        fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry").file_name());
    let names = entries.map(|name| name.into_string().expect("UTF-8"));
    names.map(|name| (name.clone(), data(&name))).collect()
}

#[test]
fn manifests_are_read_checked_and_written_back_unchanged() {
    let manifests = every_valid_manifest();
    assert!(manifests.len() >= 6);
    for (name, text) in manifests {
        let pod = Pod::from_yaml(&text).unwrap_or_else(|faults| panic!("{name}:\n{faults}"));
        assert_eq!(Pod::from_yaml(&pod.to_yaml().unwrap()).as_ref(), Ok(&pod), "{name}");
        assert_eq!(Pod::from_json(&pod.to_json().unwrap()).as_ref(), Ok(&pod), "{name}");
        let saved = serde_json::to_string(&pod).unwrap();
        assert_eq!(serde_json::from_str::<Pod>(&saved).unwrap(), pod, "{name}");

        let valid = pod.validate().unwrap_or_else(|faults| panic!("{name}:\n{faults}"));
        let saved = serde_json::to_string(&valid).unwrap();
        let back: ValidPod = serde_json::from_str(&saved).unwrap();
        assert_eq!(back.pod(), valid.pod(), "{name}");
        let again = Pod::from_yaml(&valid.pod().to_yaml().unwrap()).unwrap().validate().unwrap();
        assert_eq!(again.pod(), valid.pod(), "{name}");
    }
}

#[test]
fn line_ends_and_a_byte_order_mark_make_no_difference() {
    for (name, text) in every_valid_manifest() {
        let other = format!("\u{feff}{}", text.replace('\n', "\r\n"));
        assert_eq!(Pod::from_yaml(&other), Pod::from_yaml(&text), "{name}");
    }
}

#[test]
fn everything_that_is_honoured_is_read() {
    let valid = valid("everything.yaml");
    let spec = valid.spec();
    assert_eq!((valid.namespace(), valid.name()), ("prod", "everything"));
    assert_eq!(spec.restart_policy, Some(RestartPolicy::OnFailure));
    assert_eq!(spec.share_process_namespace, Some(true));
    assert_eq!(spec.host_aliases[0].hostnames, ["db", "db.example.com"]);
    assert!(!spec.init_containers[0].is_sidecar() && spec.init_containers[1].is_sidecar());
    assert_eq!(spec.init_containers[0].env[2].value.as_deref(), Some(""));
    let web = &spec.containers[0];
    assert_eq!(web.args[..3], ["yes", "0644", "1e3"]);
    assert_eq!(web.image_pull_policy, Some(ImagePullPolicy::Never));
    assert_eq!(web.resources.requests["cpu"].milli_value(), 250);
    assert_eq!(web.resources.limits["memory"].value(), 128 << 20);
    assert!(
        matches!(&spec.volumes[0].source, Some(VolumeSource::EmptyDir(dir)) if !dir.is_memory())
    );
    assert!(
        matches!(&spec.volumes[1].source, Some(VolumeSource::EmptyDir(dir)) if dir.is_memory())
    );
    assert_eq!(valid.qos_class(), QosClass::Burstable);
    let notices = valid.supported().unwrap();
    let notices: Vec<_> = notices.iter().map(|n| n.path.as_str()).collect();
    assert_eq!(notices, ["spec.nodeSelector", "spec.tolerations", "status"]);
    // What needs a cluster is kept, what a server sets is not.
    assert_eq!(spec.node_selector.len(), 1);
    let taken_on = valid.with_identity("a", Time::default(), None).unwrap();
    assert_eq!(taken_on.pod().status, None);
}

#[test]
fn a_limit_on_bandwidth_is_noticed() {
    let text = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  annotations: {kubernetes.io/ingress-bandwidth: 1M, a: b}\n\
                spec:\n  containers: [{name: a, image: x}]\n";
    let notices = Admitted::from_yaml(text).unwrap().notices;
    let notices: Vec<_> = notices.iter().map(ToString::to_string).collect();
    let want =
        "metadata.annotations[kubernetes.io/ingress-bandwidth]: bandwidth is not limited here";
    assert_eq!(notices, [want]);
}

#[test]
fn defaults_are_those_of_the_api_server() {
    let valid = valid("kiada.yaml");
    let want = "apiVersion: v1
kind: Pod
metadata:
  name: kiada
  namespace: default
spec:
  containers:
  - image: qiaocc/kiada:1.0
    imagePullPolicy: IfNotPresent
    name: kiada
    ports:
    - containerPort: 8080
      protocol: TCP
    terminationMessagePath: /dev/termination-log
    terminationMessagePolicy: File
  dnsPolicy: ClusterFirst
  enableServiceLinks: true
  restartPolicy: Always
  schedulerName: default-scheduler
  securityContext: {}
  serviceAccountName: default
  terminationGracePeriodSeconds: 30
";
    assert_eq!(valid.pod().to_yaml().unwrap(), want);
    assert_eq!(valid.spec().containers[0].ports[0].protocol, Some(Protocol::Tcp));
    assert_eq!(valid.qos_class(), QosClass::BestEffort);
    assert_eq!(valid.supported(), Ok(Vec::new()));
}

#[test]
fn an_identity_is_given_and_kept() {
    let valid = valid("kiada.yaml");
    let created = Time::parse("2026-01-02T03:04:05Z").unwrap();
    let valid = valid
        .with_identity("0f8fad5b-d9cb-469f-a165-70867728950e", created, Some("other"))
        .unwrap();
    let back: ValidPod = serde_json::from_str(&serde_json::to_string(&valid).unwrap()).unwrap();
    assert_eq!(back.namespace(), "other");
    assert_eq!(back.metadata().creation_timestamp, Some(created));
    assert_eq!(back.metadata().uid.as_deref(), Some("0f8fad5b-d9cb-469f-a165-70867728950e"));
    let faults = back.with_identity("../../etc", created, Some("a/b")).unwrap_err();
    assert_eq!(
        faults.iter().map(|f| f.path.as_str()).collect::<Vec<_>>(),
        ["metadata.uid", "metadata.namespace"]
    );
}

#[test]
fn guaranteed_needs_limits_in_every_container() {
    let pod = |init: &str| {
        let text = format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: a}}, spec: {{initContainers: [{init}], containers: \
             [{{name: a, image: a, resources: {{limits: {{cpu: 1, memory: 1Gi}}}}}}]}}}}"
        );
        Pod::from_yaml(&text).unwrap().validate().unwrap().qos_class()
    };
    assert_eq!(pod(""), QosClass::Guaranteed);
    assert_eq!(pod("{name: i, image: i}"), QosClass::Burstable);
    assert_eq!(
        pod("{name: i, image: i, resources: {limits: {cpu: 1, memory: 1Mi}}}"),
        QosClass::Guaranteed
    );
}

#[test]
fn json_is_read_with_its_own_escapes() {
    let text = r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "annotations": {"b": "\ud83d\ude00\/"}},
	"spec": {"containers": [{"name": "a", "image": "a"}]}}"#;
    let pod = Pod::from_json(text).unwrap();
    assert_eq!(pod.metadata.annotations["b"], "\u{1f600}/");
}

#[test]
fn b214_a_container_is_added_to_a_pod_that_exists() {
    let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers: [{name: app, image: x}]\n";
    let pod = Pod::from_yaml(text).and_then(Pod::validate).expect("valid");
    let pod = pod.with_identity("u1", Time::from_nanos(0), None).expect("valid");
    let one = |json: &str| serde_json::from_str::<EphemeralContainer>(json).expect("is one");
    let added = pod
        .with_ephemeral_container(one(
            r#"{"name": "looks", "image": "y", "targetContainerName": "app"}"#,
        ))
        .expect("is added");
    assert_eq!((pod.metadata().generation, added.metadata().generation), (Some(1), Some(2)));
    let container = &added.spec().ephemeral_containers[0].container;
    // It has its defaults, and is read back as it is.
    assert_eq!(container.image_pull_policy, Some(ImagePullPolicy::Always));
    let saved = serde_json::to_string(&added).unwrap();
    assert_eq!(serde_json::from_str::<ValidPod>(&saved).unwrap(), added);
    // A new pod has none.
    let faults = Pod::from_json(&saved).and_then(Pod::validate).expect_err("is refused");
    assert!(faults.to_string().contains("spec.ephemeralContainers"), "{faults}");
    for wrong in [
        r#"{"name": "looks", "image": "y"}"#,
        r#"{"name": "app", "image": "y"}"#,
        r#"{"name": "b", "image": "y", "targetContainerName": "looks"}"#,
        r#"{"name": "b", "image": "y", "livenessProbe": {"exec": {"command": ["x"]}}}"#,
    ] {
        assert!(added.with_ephemeral_container(one(wrong)).is_err(), "{wrong}");
    }
}

#[test]
fn the_size_of_a_claim_is_told_not_to_be_enforced() {
    let text = "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: a},
                 spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}";
    let notices = PersistentVolumeClaim::from_yaml(text).unwrap().supported().unwrap();
    let notices: Vec<_> = notices.iter().map(ToString::to_string).collect();
    let want = "spec.resources.requests: the size is kept and shown, and not enforced: a claim may fill the disk that it lies on";
    assert_eq!(notices, [want]);
}
