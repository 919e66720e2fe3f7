//! What the API server fills in where a pod says nothing.

use crate::types::{
    ConfigMap, Container, ContainerPort, Deployment, DnsPolicy, EmptyDirVolumeSource, HostPathType,
    ImagePullPolicy, Job, ObjectMeta, PersistentVolumeClaim, Pod, PodSecurityContext, PodSpec,
    Protocol, RestartPolicy, Secret, TerminationMessagePolicy, VolumeSource,
};

/// The namespace of a pod that names none.
pub(crate) const NAMESPACE: &str = "default";
/// The file that is read for the reason of a container's end.
const TERMINATION_LOG: &str = "/dev/termination-log";
/// Seconds between SIGTERM and SIGKILL.
const GRACE_SECONDS: i64 = 30;

/// What can be filled up.
pub(crate) trait Defaults {
    /// Fills in every default. Filling in twice changes nothing.
    fn fill(&mut self);
}

impl Defaults for Pod {
    fn fill(&mut self) {
        namespace(&mut self.metadata);
        pod_spec(&mut self.spec);
    }
}

impl Defaults for Deployment {
    fn fill(&mut self) {
        namespace(&mut self.metadata);
        pod_spec(&mut self.spec.template.spec);
    }
}

impl Defaults for Job {
    fn fill(&mut self) {
        namespace(&mut self.metadata);
        pod_spec(&mut self.spec.template.spec);
    }
}

impl Defaults for ConfigMap {
    fn fill(&mut self) {
        namespace(&mut self.metadata);
    }
}

impl Defaults for Secret {
    fn fill(&mut self) {
        namespace(&mut self.metadata);
    }
}

impl Defaults for PersistentVolumeClaim {
    fn fill(&mut self) {
        namespace(&mut self.metadata);
    }
}

fn namespace(metadata: &mut ObjectMeta) {
    if metadata.namespace.as_deref().is_none_or(str::is_empty) {
        metadata.namespace = Some(NAMESPACE.to_owned());
    }
}

fn pod_spec(spec: &mut PodSpec) {
    spec.restart_policy.get_or_insert(RestartPolicy::Always);
    spec.termination_grace_period_seconds.get_or_insert(GRACE_SECONDS);
    spec.dns_policy.get_or_insert(DnsPolicy::ClusterFirst);
    spec.enable_service_links.get_or_insert(true);
    spec.security_context.get_or_insert_with(PodSecurityContext::default);
    if spec.service_account_name.as_deref().is_none_or(str::is_empty) {
        spec.service_account_name = Some("default".to_owned());
    }
    for volume in &mut spec.volumes {
        let source = volume
            .source
            .get_or_insert_with(|| VolumeSource::EmptyDir(EmptyDirVolumeSource::default()));
        if let VolumeSource::HostPath(source) = source {
            source.kind.get_or_insert(HostPathType::Unset);
        }
    }
    spec.init_containers.iter_mut().chain(&mut spec.containers).for_each(container);
}

fn container(container: &mut Container) {
    container.image_pull_policy.get_or_insert(pull_policy(&container.image));
    container.termination_message_path.get_or_insert_with(|| TERMINATION_LOG.to_owned());
    container.termination_message_policy.get_or_insert(TerminationMessagePolicy::File);
    for (name, limit) in &container.resources.limits {
        container.resources.requests.entry(name.clone()).or_insert(*limit);
    }
    for ContainerPort { protocol, .. } in &mut container.ports {
        protocol.get_or_insert(Protocol::Tcp);
    }
    for var in &mut container.env {
        if let Some(field) = var.value_from.as_mut().and_then(|source| source.field_ref.as_mut()) {
            field.api_version.get_or_insert_with(|| "v1".to_owned());
        }
    }
}

/// `Always` for the tag latest, written or meant; a digest without a tag means none.
fn pull_policy(image: &str) -> ImagePullPolicy {
    let (name, digest) =
        image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
    let last = name.rsplit('/').next().unwrap_or(name);
    match (last.split_once(':'), digest) {
        (Some((_, "latest")), _) | (None, None) => ImagePullPolicy::Always,
        _ => ImagePullPolicy::IfNotPresent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_decides_when_to_pull() {
        let cases = [
            ("nginx", ImagePullPolicy::Always),
            ("nginx:latest", ImagePullPolicy::Always),
            ("nginx:1.8", ImagePullPolicy::IfNotPresent),
            ("localhost:5000/nginx", ImagePullPolicy::Always),
            ("localhost:5000/nginx:1", ImagePullPolicy::IfNotPresent),
            ("nginx@sha256:abc", ImagePullPolicy::IfNotPresent),
            ("nginx:latest@sha256:abc", ImagePullPolicy::Always),
        ];
        for (image, want) in cases {
            assert_eq!(pull_policy(image), want, "{image}");
        }
    }

    #[test]
    fn limits_are_requests_where_none_are_given() {
        let mut pod = Pod::from_yaml(
            "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: a, image: a, \
             resources: {limits: {cpu: 1, memory: 1Gi}, requests: {cpu: 500m}}}]}}",
        )
        .unwrap();
        pod.fill();
        let requests = &pod.spec.containers[0].resources.requests;
        assert_eq!(requests["cpu"].to_string(), "500m");
        assert_eq!(requests["memory"].to_string(), "1Gi");
        let once = pod.clone();
        pod.fill();
        assert_eq!(pod, once);
    }
}
