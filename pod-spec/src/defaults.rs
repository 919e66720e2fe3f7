//! What the API server fills in where an object says nothing (`pkg/apis/core/v1/defaults.go` of Kubernetes, and what its
//! admission adds on every server).

use std::collections::BTreeMap;

use crate::types::*;
use crate::{ByteString, IntOrString, Quantity, aggregate, huge_pages};

/// The namespace of an object that names none.
pub(crate) const NAMESPACE: &str = "default";
/// The file that is read for the reason of a container's end.
const TERMINATION_LOG: &str = "/dev/termination-log";
/// Seconds between SIGTERM and SIGKILL.
const GRACE_SECONDS: i64 = 30;
/// The mode of files in volumes.
const FILE_MODE: i32 = 0o644;
/// Seconds that a token of a service account lasts.
const TOKEN_SECONDS: i64 = 3600;

/// A default of a v1.Pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DefaultValue {
    /// The field, with `[]` for the items of lists. What holds in `spec.containers[]` holds in the other lists of
    /// containers as well.
    pub path: &'static str,
    /// The value, or in words where it comes from.
    pub value: &'static str,
}

/// Every default of a v1.Pod, in the order of the paths. [`Pod::validate`] applies them.
pub const DEFAULTS: &[DefaultValue] = &[
    set("metadata.namespace", "default"),
    set("spec.containers[].env[].valueFrom.fieldRef.apiVersion", "v1"),
    set("spec.containers[].imagePullPolicy", "`Always` for the tag latest, else `IfNotPresent`"),
    set("spec.containers[].lifecycle.postStart.httpGet.path", "/"),
    set("spec.containers[].lifecycle.postStart.httpGet.scheme", "HTTP"),
    set("spec.containers[].lifecycle.preStop.httpGet.path", "/"),
    set("spec.containers[].lifecycle.preStop.httpGet.scheme", "HTTP"),
    set("spec.containers[].livenessProbe.failureThreshold", "3"),
    set("spec.containers[].livenessProbe.grpc.service", ""),
    set("spec.containers[].livenessProbe.httpGet.path", "/"),
    set("spec.containers[].livenessProbe.httpGet.scheme", "HTTP"),
    set("spec.containers[].livenessProbe.periodSeconds", "10"),
    set("spec.containers[].livenessProbe.successThreshold", "1"),
    set("spec.containers[].livenessProbe.timeoutSeconds", "1"),
    set("spec.containers[].ports[].hostPort", "the containerPort, with hostNetwork"),
    set("spec.containers[].ports[].protocol", "TCP"),
    set("spec.containers[].readinessProbe.failureThreshold", "3"),
    set("spec.containers[].readinessProbe.grpc.service", ""),
    set("spec.containers[].readinessProbe.httpGet.path", "/"),
    set("spec.containers[].readinessProbe.httpGet.scheme", "HTTP"),
    set("spec.containers[].readinessProbe.periodSeconds", "10"),
    set("spec.containers[].readinessProbe.successThreshold", "1"),
    set("spec.containers[].readinessProbe.timeoutSeconds", "1"),
    set("spec.containers[].resources.requests", "the limits, resource by resource"),
    set("spec.containers[].startupProbe.failureThreshold", "3"),
    set("spec.containers[].startupProbe.grpc.service", ""),
    set("spec.containers[].startupProbe.httpGet.path", "/"),
    set("spec.containers[].startupProbe.httpGet.scheme", "HTTP"),
    set("spec.containers[].startupProbe.periodSeconds", "10"),
    set("spec.containers[].startupProbe.successThreshold", "1"),
    set("spec.containers[].startupProbe.timeoutSeconds", "1"),
    set("spec.containers[].terminationMessagePath", "/dev/termination-log"),
    set("spec.containers[].terminationMessagePolicy", "File"),
    set("spec.dnsPolicy", "ClusterFirst"),
    set("spec.enableServiceLinks", "true"),
    set("spec.resources.limits", "of hugepages: the limits of the containers taken together"),
    set(
        "spec.resources.requests",
        "the requests of the containers taken together, else the limits",
    ),
    set("spec.restartPolicy", "Always"),
    set("spec.schedulerName", "default-scheduler"),
    set("spec.securityContext", "{}"),
    set("spec.serviceAccountName", "serviceAccount, else `default`"),
    set("spec.terminationGracePeriodSeconds", "30"),
    set("spec.volumes[].azureDisk.cachingMode", "ReadWrite"),
    set("spec.volumes[].azureDisk.fsType", "ext4"),
    set("spec.volumes[].azureDisk.kind", "Shared"),
    set("spec.volumes[].azureDisk.readOnly", "false"),
    set("spec.volumes[].configMap.defaultMode", "420"),
    set("spec.volumes[].downwardAPI.defaultMode", "420"),
    set("spec.volumes[].downwardAPI.items[].fieldRef.apiVersion", "v1"),
    set("spec.volumes[].emptyDir", "{}, when the volume is of no kind"),
    set("spec.volumes[].ephemeral.volumeClaimTemplate.spec.volumeMode", "Filesystem"),
    set("spec.volumes[].hostPath.type", ""),
    set("spec.volumes[].image.pullPolicy", "`Always` for the tag latest, else `IfNotPresent`"),
    set("spec.volumes[].iscsi.iscsiInterface", "default"),
    set("spec.volumes[].projected.defaultMode", "420"),
    set("spec.volumes[].projected.sources[].downwardAPI.items[].fieldRef.apiVersion", "v1"),
    set("spec.volumes[].projected.sources[].serviceAccountToken.expirationSeconds", "3600"),
    set("spec.volumes[].rbd.keyring", "/etc/ceph/keyring"),
    set("spec.volumes[].rbd.pool", "rbd"),
    set("spec.volumes[].rbd.user", "admin"),
    set("spec.volumes[].scaleIO.fsType", "xfs"),
    set("spec.volumes[].scaleIO.storageMode", "ThinProvisioned"),
    set("spec.volumes[].secret.defaultMode", "420"),
];

const fn set(path: &'static str, value: &'static str) -> DefaultValue {
    DefaultValue { path, value }
}

/// What can be filled up.
pub(crate) trait Defaults {
    /// Fills in every default. Filling in twice changes nothing.
    fn fill(&mut self);
}

impl Defaults for Pod {
    fn fill(&mut self) {
        namespace(&mut self.metadata);
        pod_spec(&mut self.spec);
        pod_only(&mut self.spec);
    }
}

impl Defaults for ConfigMap {
    fn fill(&mut self) {
        namespace(&mut self.metadata);
    }
}

impl Defaults for Secret {
    /// The texts become bytes like the others, as the API server keeps them.
    fn fill(&mut self) {
        namespace(&mut self.metadata);
        text(&mut self.kind, "Opaque");
        let texts = std::mem::take(&mut self.string_data).into_iter();
        self.data.extend(texts.map(|(key, text)| (key, ByteString(text.0.into_bytes()))));
    }
}

impl Defaults for PersistentVolumeClaim {
    fn fill(&mut self) {
        namespace(&mut self.metadata);
        claim(&mut self.spec);
    }
}

impl Defaults for Deployment {
    fn fill(&mut self) {
        namespace(&mut self.metadata);
        let spec = &mut self.spec;
        spec.replicas.get_or_insert(1);
        spec.revision_history_limit.get_or_insert(10);
        spec.progress_deadline_seconds.get_or_insert(600);
        if *spec.strategy.kind.get_or_insert_default() == DeploymentStrategyType::RollingUpdate {
            let rolling = spec.strategy.rolling_update.get_or_insert_default();
            let quarter = || IntOrString::from("25%");
            rolling.max_unavailable.get_or_insert_with(quarter);
            rolling.max_surge.get_or_insert_with(quarter);
        }
        pod_spec(&mut spec.template.spec);
    }
}

impl Defaults for Job {
    fn fill(&mut self) {
        namespace(&mut self.metadata);
        let spec = &mut self.spec;
        if (spec.completions, spec.parallelism) == (None, None) {
            spec.completions = Some(1);
        }
        spec.parallelism.get_or_insert(1);
        // With a limit for each index there is none for all of them.
        let limit = if spec.backoff_limit_per_index.is_some() { i32::MAX } else { 6 };
        spec.backoff_limit.get_or_insert(limit);
        spec.completion_mode.get_or_insert_default();
        spec.suspend.get_or_insert(false);
        let replaced = match spec.pod_failure_policy {
            Some(_) => PodReplacementPolicy::Failed,
            None => PodReplacementPolicy::TerminatingOrFailed,
        };
        spec.pod_replacement_policy.get_or_insert(replaced);
        for rule in spec.pod_failure_policy.iter_mut().flat_map(|policy| &mut policy.rules) {
            for pattern in &mut rule.on_pod_conditions {
                pattern.status.get_or_insert(crate::status::ConditionStatus::True);
            }
        }
        pod_spec(&mut spec.template.spec);
    }
}

fn namespace(metadata: &mut ObjectMeta) {
    text(&mut metadata.namespace, NAMESPACE);
}

/// Fills in a text; the empty one says nothing, as in Go.
fn text(field: &mut Option<String>, value: &str) {
    if field.as_deref().is_none_or(str::is_empty) {
        *field = Some(value.to_owned());
    }
}

/// Fills in a number; zero says nothing, as in Go.
fn number(field: &mut Option<i32>, value: i32) {
    if field.unwrap_or_default() == 0 {
        *field = Some(value);
    }
}

/// What is filled in for templates of pods as well.
fn pod_spec(spec: &mut PodSpec) {
    spec.restart_policy.get_or_insert_default();
    spec.termination_grace_period_seconds.get_or_insert(GRACE_SECONDS);
    spec.dns_policy.get_or_insert_default();
    spec.security_context.get_or_insert_default();
    text(&mut spec.scheduler_name, "default-scheduler");
    round(&mut spec.overhead);
    spec.volumes.iter_mut().for_each(volume);
    spec.init_containers.iter_mut().chain(&mut spec.containers).for_each(container);
    spec.ephemeral_containers.iter_mut().for_each(|one| container(&mut one.container));
    if let Some(resources) = &mut spec.resources {
        round(&mut resources.limits);
        round(&mut resources.requests);
    }
}

/// What is filled in for pods alone.
fn pod_only(spec: &mut PodSpec) {
    spec.enable_service_links.get_or_insert(true);
    let account = spec.service_account.as_deref().filter(|name| !name.is_empty());
    text(&mut spec.service_account_name, account.unwrap_or("default"));
    for container in spec.init_containers.iter_mut().chain(&mut spec.containers) {
        requests(&mut container.resources);
        if spec.host_network == Some(true) {
            container.ports.iter_mut().for_each(|p| number(&mut p.host_port, p.container_port));
        }
    }
    if let Some(mut resources) = spec.resources.take() {
        pod_resources(&mut resources, spec);
        spec.resources = Some(resources);
    }
}

fn container(container: &mut Container) {
    container.image_pull_policy.get_or_insert(pull_policy(&container.image));
    text(&mut container.termination_message_path, TERMINATION_LOG);
    container.termination_message_policy.get_or_insert_default();
    round(&mut container.resources.limits);
    round(&mut container.resources.requests);
    for port in &mut container.ports {
        port.protocol.get_or_insert_default();
    }
    let env = container.env.iter_mut().filter_map(|var| var.value_from.as_mut());
    env.filter_map(|source| source.field_ref.as_mut()).for_each(field_ref);
    let probes = [
        &mut container.liveness_probe,
        &mut container.readiness_probe,
        &mut container.startup_probe,
    ];
    probes.into_iter().flatten().for_each(probe);
    if let Some(lifecycle) = &mut container.lifecycle {
        let hooks = [&mut lifecycle.post_start, &mut lifecycle.pre_stop].into_iter().flatten();
        hooks.filter_map(|hook| hook.http_get.as_mut()).for_each(http_get);
    }
}

/// Resources have no parts smaller than a thousandth: they are rounded up.
fn round(amounts: &mut BTreeMap<String, Quantity>) {
    for amount in amounts.values_mut().filter(|amount| amount.as_nanos() % 1_000_000 != 0) {
        *amount = Quantity::from_milli(amount.milli_value()).with_format(amount.format());
    }
}

/// A limit is a request too, where none is given.
fn requests(resources: &mut ResourceRequirements) {
    for (name, limit) in &resources.limits {
        resources.requests.entry(name.clone()).or_insert(*limit);
    }
}

/// What the pod as a whole may use and is sure to get, from what it says in part and what its containers say.
fn pod_resources(resources: &mut ResourceRequirements, spec: &PodSpec) {
    let is_huge = |name: &str| name.starts_with(huge_pages::RESOURCE);
    if resources.limits.is_empty() && resources.requests.is_empty() {
        return;
    }
    for (name, limit) in aggregate::containers(spec, |resources| &resources.limits) {
        if is_huge(name) && !resources.requests.contains_key(name) {
            resources.limits.entry(name.to_owned()).or_insert(limit);
        }
    }
    if resources.limits.is_empty() {
        return;
    }
    for (name, amount) in aggregate::containers(spec, |resources| &resources.requests) {
        if matches!(name, "cpu" | "memory") {
            resources.requests.entry(name.to_owned()).or_insert(amount);
        }
    }
    for (name, limit) in &resources.limits {
        if matches!(name.as_str(), "cpu" | "memory") || is_huge(name) {
            resources.requests.entry(name.clone()).or_insert(*limit);
        }
    }
}

fn probe(probe: &mut Probe) {
    number(&mut probe.timeout_seconds, 1);
    number(&mut probe.period_seconds, 10);
    number(&mut probe.success_threshold, 1);
    number(&mut probe.failure_threshold, 3);
    if let Some(action) = &mut probe.handler.http_get {
        http_get(action);
    }
    if let Some(action) = &mut probe.handler.grpc {
        action.service.get_or_insert_default();
    }
}

fn http_get(action: &mut HttpGetAction) {
    text(&mut action.path, "/");
    action.scheme.get_or_insert_default();
}

fn field_ref(field: &mut ObjectFieldSelector) {
    text(&mut field.api_version, "v1");
}

fn volume(volume: &mut Volume) {
    let source = volume
        .source
        .get_or_insert_with(|| VolumeSource::EmptyDir(EmptyDirVolumeSource::default()));
    match source {
        VolumeSource::HostPath(source) => {
            source.kind.get_or_insert_default();
        }
        VolumeSource::ConfigMap(source) => {
            source.default_mode.get_or_insert(FILE_MODE);
        }
        VolumeSource::Secret(source) => {
            source.default_mode.get_or_insert(FILE_MODE);
        }
        VolumeSource::DownwardApi(source) => {
            source.default_mode.get_or_insert(FILE_MODE);
            files(&mut source.items);
        }
        VolumeSource::Projected(source) => projected(source),
        VolumeSource::Image(source) => {
            let reference = source.reference.as_deref().unwrap_or_default();
            source.pull_policy.get_or_insert(pull_policy(reference));
        }
        VolumeSource::Ephemeral(source) => {
            if let Some(template) = &mut source.volume_claim_template {
                claim(&mut template.spec);
            }
        }
        source => remote_volume(source),
    }
}

fn projected(source: &mut ProjectedVolumeSource) {
    source.default_mode.get_or_insert(FILE_MODE);
    for projection in &mut source.sources {
        if let Some(source) = &mut projection.downward_api {
            files(&mut source.items);
        }
        if let Some(source) = &mut projection.service_account_token {
            source.expiration_seconds.get_or_insert(TOKEN_SECONDS);
        }
    }
}

fn files(files: &mut [DownwardApiVolumeFile]) {
    files.iter_mut().filter_map(|file| file.field_ref.as_mut()).for_each(field_ref);
}

fn remote_volume(source: &mut VolumeSource) {
    match source {
        VolumeSource::Iscsi(source) => text(&mut source.iscsi_interface, "default"),
        VolumeSource::Rbd(source) => {
            text(&mut source.pool, "rbd");
            text(&mut source.user, "admin");
            text(&mut source.keyring, "/etc/ceph/keyring");
        }
        VolumeSource::ScaleIo(source) => {
            text(&mut source.storage_mode, "ThinProvisioned");
            text(&mut source.fs_type, "xfs");
        }
        VolumeSource::AzureDisk(source) => {
            source.caching_mode.get_or_insert_default();
            source.kind.get_or_insert_default();
            source.fs_type.get_or_insert_with(|| "ext4".to_owned());
            source.read_only.get_or_insert(false);
        }
        _ => {}
    }
}

fn claim(spec: &mut PersistentVolumeClaimSpec) {
    spec.volume_mode.get_or_insert_default();
}

/// `Always` for the tag latest, written or meant; a digest without a tag means none.
pub(crate) fn pull_policy(image: &str) -> ImagePullPolicy {
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

    /// A pod that has every object a default lies in, and says nothing in it.
    const BARE: &str = "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {hostNetwork: true, resources: \
        {limits: {cpu: 4}}, containers: [{name: a, image: a, resources: {limits: {cpu: 1}}, \
        env: [{name: a, valueFrom: {fieldRef: {fieldPath: metadata.name}}}], ports: [{containerPort: 80}], \
        lifecycle: {postStart: {httpGet: {port: 80}}, preStop: {httpGet: {port: 80}}}, \
        livenessProbe: {httpGet: {port: 80}, grpc: {port: 80}}, readinessProbe: {httpGet: {port: 80}, grpc: {port: 80}}, \
        startupProbe: {httpGet: {port: 80}, grpc: {port: 80}}}], volumes: [{name: v}, {name: v, azureDisk: {}}, \
        {name: v, configMap: {}}, {name: v, downwardAPI: {items: [{path: a, fieldRef: {fieldPath: a}}]}}, \
        {name: v, ephemeral: {volumeClaimTemplate: {spec: {storageClassName: a}}}}, {name: v, hostPath: {path: /}}, \
        {name: v, image: {reference: a}}, {name: v, iscsi: {}}, {name: v, rbd: {}}, {name: v, scaleIO: {}}, \
        {name: v, secret: {}}, {name: v, projected: {sources: [{serviceAccountToken: {path: a}}, \
        {downwardAPI: {items: [{path: a, fieldRef: {fieldPath: a}}]}}]}}]}}";

    /// Every value with its path, `[]` standing for the items of lists.
    fn values(json: &serde_json::Value, path: String, out: &mut BTreeMap<String, String>) {
        use serde_json::Value;
        match json {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let dot = if path.is_empty() { "" } else { "." };
                    values(value, format!("{path}{dot}{name}"), out);
                }
                out.insert(path, "{}".to_owned());
            }
            Value::Array(items) => {
                items.iter().for_each(|item| values(item, format!("{path}[]"), out));
            }
            Value::String(text) => drop(out.insert(path, text.clone())),
            other => drop(out.insert(path, other.to_string())),
        }
    }

    #[test]
    fn the_table_lists_what_is_filled_in() {
        let mut pod: Pod = serde_yaml::from_str(BARE).unwrap();
        let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
        values(&serde_json::to_value(&pod).unwrap(), String::new(), &mut before);
        pod.fill();
        values(&serde_json::to_value(&pod).unwrap(), String::new(), &mut after);
        after.retain(|path, _| !before.contains_key(path) && !path.ends_with(".cpu"));
        let listed: Vec<_> = DEFAULTS.iter().map(|d| d.path).collect();
        // Its containers have no huge pages.
        after.insert("spec.resources.limits".to_owned(), String::new());
        assert_eq!(after.keys().collect::<Vec<_>>(), listed);
        for default in DEFAULTS.iter().filter(|d| !d.value.contains(' ')) {
            assert_eq!(after[default.path], default.value, "{}", default.path);
        }
        let once = pod.clone();
        pod.fill();
        assert_eq!(pod, once);
    }

    #[test]
    fn a_pod_requests_what_its_containers_do_together() {
        let requests = |containers: &str| {
            let text = format!(
                "{{apiVersion: v1, kind: Pod, metadata: {{name: a}}, spec: {{{containers}, resources: {{limits: {{cpu: 9}}}}}}}}"
            );
            let mut pod: Pod = serde_yaml::from_str(&text).unwrap();
            pod.fill();
            pod.spec.resources.unwrap().requests["cpu"].to_string()
        };
        let one = |name: &str, cpu: u8, more: &str| {
            format!("{{name: {name}, image: a, {more} resources: {{requests: {{cpu: {cpu}}}}}}}")
        };
        let (a, b) = (one("a", 1, ""), one("b", 2, ""));
        let (init, sidecar) = (one("i", 5, ""), one("s", 1, "restartPolicy: Always,"));
        assert_eq!(requests(&format!("containers: [{a}, {b}]")), "3");
        assert_eq!(requests(&format!("containers: [{a}], initContainers: [{init}]")), "5");
        assert_eq!(
            requests(&format!("containers: [{a}], initContainers: [{sidecar}, {init}]")),
            "6"
        );
        assert_eq!(requests(&format!("containers: [{a}, {b}], initContainers: [{sidecar}]")), "4");
        assert_eq!(requests(&format!("containers: [{a}, {{name: b, image: b}}]")), "1");
        assert_eq!(requests("containers: [{name: b, image: b}]"), "9");
    }

    #[test]
    fn limits_and_requests_of_containers_are_counted_apart() {
        let mut pod: Pod = serde_yaml::from_str(
            "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {resources: {limits: {cpu: 4}}, containers: [
               {name: a, image: a, resources: {requests: {hugepages-2Mi: 2Mi}}},
               {name: b, image: a, resources: {limits: {hugepages-2Mi: 4Mi}}}]}}",
        )
        .unwrap();
        pod.fill();
        let limits = pod.spec.resources.unwrap().limits;
        assert_eq!(limits["hugepages-2Mi"].to_string(), "4Mi");
    }

    #[test]
    fn the_texts_of_a_secret_become_bytes_and_win() {
        let mut secret: Secret = serde_yaml::from_str(
            "{apiVersion: v1, kind: Secret, metadata: {name: a}, data: {a: YQ==, b: Yg==}, stringData: {b: x}}",
        )
        .unwrap();
        secret.fill();
        assert_eq!((&secret.data["a"].0[..], &secret.data["b"].0[..]), (&b"a"[..], &b"x"[..]));
        assert!(secret.string_data.is_empty());
    }
}
