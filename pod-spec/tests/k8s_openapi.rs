//! Objects that come from, and go to, programs that speak to Kubernetes with k8s-openapi's types.

use std::fs;
use std::path::Path;

use k8s_openapi::api::{apps::v1 as apps, core::v1 as core};
use k8s_openapi::jiff::Timestamp;
use pod_spec::{ConfigMap, Deployment, FaultKind, Pod, Secret, Time};

#[test]
fn every_valid_manifest_goes_there_and_comes_back() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/valid");
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("a text");
        let pod = Pod::from_yaml(&text).expect("a pod");
        let there = core::Pod::try_from(&pod).unwrap_or_else(|e| panic!("{path:?}: {e}"));
        assert_eq!(Pod::try_from(&there).as_ref(), Ok(&pod), "{path:?}");
        assert_eq!(Pod::try_from(there), Ok(pod), "{path:?}");
    }
}

#[test]
fn values_become_those_of_the_other_side() {
    let text = "{apiVersion: v1, kind: Secret, metadata: {name: a, creationTimestamp: 2026-01-02T03:04:05.5Z}, \
                data: {key: aGVsbG8=}, stringData: {other: text}}";
    let secret = Secret::from_yaml(text).unwrap();
    let there = core::Secret::try_from(&secret).unwrap();
    assert_eq!(there.data.as_ref().unwrap()["key"].0, b"hello");
    let created: Timestamp = "2026-01-02T03:04:05.5Z".parse().unwrap();
    assert_eq!(there.metadata.creation_timestamp.as_ref().map(|time| time.0), Some(created));
    // What k8s-openapi writes is whole seconds.
    let back = Secret::try_from(there).unwrap();
    assert_eq!(back.metadata.creation_timestamp, Time::parse("2026-01-02T03:04:05Z").ok());
    assert_eq!((back.data, back.string_data), (secret.data, secret.string_data));
}

#[test]
fn what_does_not_fit_is_told_with_its_path() {
    let container = core::Container {
        name: "a".to_owned(),
        image_pull_policy: Some("Sometimes".to_owned()),
        ports: Some(vec![core::ContainerPort {
            container_port: 80,
            protocol: Some("tcp".to_owned()),
            ..Default::default()
        }]),
        ..Default::default()
    };
    let spec = core::PodSpec { containers: vec![container], ..Default::default() };
    let template = core::PodTemplateSpec { spec: Some(spec.clone()), ..Default::default() };
    let pod = core::Pod { spec: Some(spec), ..Default::default() };
    let of_pod = Pod::try_from(pod).unwrap_err();
    let wrong: Vec<_> = of_pod.iter().map(|f| (f.path.as_str(), f.kind, f.line)).collect();
    assert!(
        wrong.contains(&("spec.containers[0].imagePullPolicy", FaultKind::NotSupported, None)),
        "{wrong:?}"
    );
    assert!(
        wrong.contains(&("spec.containers[0].ports[0].protocol", FaultKind::NotSupported, None)),
        "{wrong:?}"
    );

    let deployment = apps::Deployment {
        spec: Some(apps::DeploymentSpec { template, ..Default::default() }),
        ..Default::default()
    };
    let of_deployment = Deployment::try_from(deployment).unwrap_err();
    assert!(
        of_deployment.iter().any(|f| f.path == "spec.template.spec.containers[0].imagePullPolicy")
    );
}

#[test]
fn an_empty_object_stays_one() {
    let there = core::ConfigMap::try_from(ConfigMap::default()).unwrap();
    assert_eq!(there, core::ConfigMap::default());
    assert_eq!(ConfigMap::try_from(there), Ok(ConfigMap::default()));
}
