use std::os::unix::fs::PermissionsExt;

use pod_spec::{ConfigMap, Deployment, DeploymentStatus, Secret};

use super::*;

/// A runtime in a directory of its own, which goes with it.
struct Lab(PathBuf);

impl Lab {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("pod-objects-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).expect("can be made");
        Self(dir)
    }

    fn runtime(&self) -> Runtime {
        Runtime::open(&self.0).expect("opens")
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).expect("can be removed");
    }
}

fn map(data: &str, more: &str) -> ConfigMap {
    let text =
        format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: a}}, data: {data}{more}}}");
    ConfigMap::from_yaml(&text).expect("is one")
}

fn secret(value: &str) -> Secret {
    let text = format!(
        "{{apiVersion: v1, kind: Secret, metadata: {{name: a, namespace: b}}, stringData: {{key: {value}}}}}"
    );
    Secret::from_yaml(&text).expect("is one")
}

#[test]
fn an_object_is_made_changed_and_left_alone() {
    let lab = Lab::new("apply");
    let maps = lab.runtime().config_maps();
    assert_eq!(maps.apply(map("{k: one}", "")).expect("applied"), Applied::Created);
    let first = maps.get("default", "a").expect("is there");
    assert_eq!(maps.apply(map("{k: one}", "")).expect("applied"), Applied::Unchanged);
    assert_eq!(maps.get("default", "a").expect("is there"), first);
    assert_eq!(maps.apply(map("{l: two}", "")).expect("applied"), Applied::Configured);
    let second = maps.get("default", "a").expect("is there");
    assert_eq!(second.data.keys().collect::<Vec<_>>(), ["l"]);
    assert_eq!(second.metadata.uid, first.metadata.uid);
    assert_eq!(second.metadata.creation_timestamp, first.metadata.creation_timestamp);
    let version = |map: &ConfigMap| {
        map.metadata
            .resource_version
            .as_ref()
            .and_then(|v| v.parse::<i64>().ok())
            .expect("a number")
    };
    assert!(version(&second) > version(&first));
    assert!(matches!(maps.create(map("{}", "")), Err(ObjectError::Exists { .. })));
    maps.delete("default", "a").expect("removed");
    assert!(matches!(maps.delete("default", "a"), Err(ObjectError::NotFound { .. })));
    maps.create(map("{}", "")).expect("made");
    assert_ne!(maps.get("default", "a").expect("is there").metadata.uid, first.metadata.uid);
}

#[test]
fn an_immutable_object_can_only_be_removed() {
    let lab = Lab::new("immutable");
    let maps = lab.runtime().config_maps();
    maps.apply(map("{k: one}", ", immutable: true")).expect("applied");
    let error = maps.apply(map("{k: two}", "")).expect_err("cannot be changed").to_string();
    assert!(
        error.contains("data: it is immutable") && error.contains("delete it first"),
        "{error}"
    );
    assert_eq!(maps.get("default", "a").expect("is there").data["k"], "one");
    maps.delete("default", "a").expect("removed");
}

#[test]
fn a_secret_is_roots_alone_and_its_value_is_told_to_nobody() {
    let lab = Lab::new("secret");
    let secrets = lab.runtime().secrets();
    secrets.apply(secret("hunter2")).expect("applied");
    let mode = |path: &Path| fs::metadata(path).expect("is there").permissions().mode() & 0o777;
    let file = lab.0.join("run/objects/b/secrets/a");
    assert_eq!(mode(&file), 0o600);
    assert_eq!(mode(file.parent().expect("has one")), 0o700);
    let kept = secrets.get("b", "a").expect("is there");
    assert_eq!(kept.data["key"].0, b"hunter2");
    assert!(kept.string_data.is_empty() && !format!("{kept:?}").contains("hunter2"));
    let mut typed = secret("hunter3");
    typed.kind = Some("example.com/other".to_owned());
    let error = secrets.apply(typed).expect_err("its type is for good").to_string();
    assert!(error.contains("type") && !error.contains("hunter"), "{error}");
}

#[test]
fn namespaces_and_kinds_are_worlds_of_their_own() {
    let lab = Lab::new("namespaces");
    let runtime = lab.runtime();
    runtime.secrets().apply(secret("x")).expect("applied");
    assert!(matches!(runtime.config_maps().get("b", "a"), Err(ObjectError::NotFound { .. })));
    assert!(runtime.secrets().list(Some("default")).expect("can be read").is_empty());
    assert_eq!(runtime.secrets().list(None).expect("can be read").len(), 1);
    for (namespace, name) in [("..", "a"), ("b", "../a"), ("", "a"), ("b", ".new")] {
        assert!(matches!(
            runtime.secrets().get(namespace, name),
            Err(ObjectError::NotFound { .. })
        ));
    }
}

#[test]
fn what_is_wrong_is_not_kept() {
    let lab = Lab::new("wrong");
    let maps = lab.runtime().config_maps();
    assert!(matches!(maps.apply(map("{'a/b': x}", "")), Err(ObjectError::Manifest(_))));
    let mut nameless = map("{}", "");
    nameless.metadata.name.clear();
    nameless.metadata.generate_name = Some("a-".to_owned());
    assert!(matches!(maps.apply(nameless), Err(ObjectError::Manifest(_))));
    assert!(maps.list(None).expect("can be read").is_empty());
}

#[tokio::test]
async fn changes_are_told() {
    let lab = Lab::new("changes");
    let runtime = lab.runtime();
    let mut changes = runtime.object_changes("b").expect("can be watched");
    let told = async |changes: &mut ObjectChanges| {
        let soon = std::time::Duration::from_secs(30);
        tokio::time::timeout(soon, changes.next()).await.expect("in time").expect("is told");
    };
    runtime.secrets().apply(secret("x")).expect("applied");
    told(&mut changes).await;
    runtime.secrets().apply(secret("z")).expect("applied");
    told(&mut changes).await;
    runtime.secrets().delete("b", "a").expect("removed");
    told(&mut changes).await;
}

#[test]
fn the_generation_of_a_deployment_grows_with_its_spec_alone() {
    let lab = Lab::new("generation");
    let deployments = lab.runtime().objects::<Deployment>();
    let text = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {selector: {matchLabels: {a: b}}, \
                template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: d}]}}}}";
    let web = || Deployment::from_yaml(text).expect("is one");
    assert_eq!(deployments.apply(web()).expect("applied"), Applied::Created);
    let status = DeploymentStatus { replicas: Some(1), ..DeploymentStatus::default() };
    let note = |web: &mut Deployment| web.status = Some(status.clone());
    deployments.note("default", "web", note).expect("noted");
    let noted = deployments.get("default", "web").expect("is there");
    assert_eq!((noted.metadata.generation, &noted.status), (Some(1), &Some(status.clone())));
    deployments.note("default", "web", note).expect("noted");
    assert_eq!(deployments.get("default", "web").expect("is there"), noted);
    // What is said is still the same.
    assert_eq!(deployments.apply(web()).expect("applied"), Applied::Unchanged);
    let scale = |web: &mut Deployment| web.spec.replicas = Some(3);
    let changed = deployments.change("default", "web", scale).expect("changed");
    assert_eq!(changed, Applied::Configured);
    let scaled = deployments.get("default", "web").expect("is there");
    assert_eq!((scaled.metadata.generation, scaled.status), (Some(2), Some(status)));
    let wrong = |web: &mut Deployment| web.spec.replicas = Some(-1);
    let error = deployments.change("default", "web", wrong).expect_err("is wrong");
    assert!(matches!(error, ObjectError::Manifest(_)), "{error}");
    deployments
        .note("default", "web", |web| web.metadata.deletion_timestamp = Some(now()))
        .expect("noted");
    let error = deployments.apply(web()).expect_err("is going");
    assert!(matches!(error, ObjectError::Terminating { .. }), "{error}");
}
