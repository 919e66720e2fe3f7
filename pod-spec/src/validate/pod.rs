//! The pod as a whole.

use std::collections::{BTreeMap, BTreeSet};

use super::check::{Check, Given as _};
use super::{
    annotation, container, dns, env, host, meta, pod_resources, resources, scheduling, security,
    volume, windows,
};
use crate::fault::{FaultKind, quoted};
use crate::names::rule;
use crate::path::Path;
use crate::spelling;
use crate::types::{
    Container, ObjectMeta, OsName, Pod, PodResourceClaim, PodSchedulingGate, PodSpec,
    PodTemplateSpec, Volume, VolumeSource,
};

/// How many names are compared with one that was not found.
const MAX_COMPARED: usize = 64;

/// What is wrong with a new pod.
pub(super) fn create(check: &mut Check<'_>, pod: &Pod) {
    pod_and_spec(check, pod);
    let at = Path::new("spec");
    if !pod.spec.ephemeral_containers.is_empty() {
        let message = "a new pod has none: they are added to a running one";
        check.forbidden(&at.field("ephemeralContainers"), message);
    }
    if pod.spec.node_name.given().is_some() && !pod.spec.scheduling_gates.is_empty() {
        let message = "a pod is not placed on a node while it has scheduling gates";
        check.forbidden(&at.field("nodeName"), message);
    }
    annotation::agree_with_fields(check, pod, &at);
}

/// What is wrong with a pod, new or changed.
pub(super) fn pod_and_spec(check: &mut Check<'_>, pod: &Pod) {
    let at = Path::new("metadata");
    meta::metadata(check, &pod.metadata, &at);
    annotation::annotations(check, &pod.metadata, &pod.spec, &at.field("annotations"));
    spec(check, &pod.spec, &pod.metadata, &Path::new("spec"));
}

/// What is wrong with what pods are made from; the metadata has labels and annotations that count.
pub(super) fn template(check: &mut Check<'_>, template: &PodTemplateSpec, at: &Path<'_>) {
    let PodTemplateSpec { metadata, spec } = template;
    let metadata_at = at.field("metadata");
    meta::labels(check, &metadata.labels, &metadata_at.field("labels"));
    let annotations = metadata_at.field("annotations");
    meta::annotations(check, &metadata.annotations, &annotations);
    annotation::annotations(check, metadata, spec, &annotations);
    let spec_at = at.field("spec");
    self::spec(check, spec, metadata, &spec_at);
    if !spec.ephemeral_containers.is_empty() {
        let message = "a new pod has none: they are added to a running one";
        check.forbidden(&spec_at.field("ephemeralContainers"), message);
    }
}

/// What the containers of a pod refer to.
pub(super) struct Around<'p> {
    pub(super) spec: &'p PodSpec,
    /// The volumes by name; the first has the right to it.
    pub(super) volumes: BTreeMap<&'p str, Option<&'p VolumeSource>>,
    /// The names of the pod's claims.
    pub(super) claims: BTreeSet<&'p str>,
}

impl<'p> Around<'p> {
    fn new(spec: &'p PodSpec) -> Self {
        let volumes: BTreeMap<_, _> = spec
            .volumes
            .iter()
            .rev()
            .map(|v: &Volume| (v.name.as_str(), v.source.as_ref()))
            .collect();
        let claims = spec.resource_claims.iter().map(|claim| claim.name.as_str());
        Self { spec, volumes, claims: claims.filter(|name| !name.is_empty()).collect() }
    }

    /// The system that the pod says it is for.
    pub(super) fn os(&self) -> Option<OsName> {
        self.spec.os.as_ref().map(|os| os.name)
    }
}

/// A container of any kind, and where it stands.
pub(super) struct AnyContainer<'p> {
    pub(super) container: &'p Container,
    pub(super) list: &'static str,
    pub(super) index: usize,
}

/// Every container: init, main and ephemeral.
pub(super) fn containers(spec: &PodSpec) -> impl Iterator<Item = AnyContainer<'_>> {
    let of = |list: &'static str| move |(index, container)| AnyContainer { container, list, index };
    let ephemeral = spec.ephemeral_containers.iter().map(|one| &one.container);
    let init = spec.init_containers.iter().enumerate().map(of("initContainers"));
    init.chain(spec.containers.iter().enumerate().map(of("containers")))
        .chain(ephemeral.enumerate().map(of("ephemeralContainers")))
}

fn spec(check: &mut Check<'_>, spec: &PodSpec, metadata: &ObjectMeta, at: &Path<'_>) {
    let around = Around::new(spec);
    volume::volumes(check, &spec.volumes, &metadata.name, &at.field("volumes"));
    claims(check, &spec.resource_claims, &at.field("resourceClaims"));
    container::containers(check, &around, at);
    pod_resources::pod(check, &around, at);
    resources::overhead(check, &spec.overhead, &at.field("overhead"));
    security::pod(check, spec, at);
    windows::pod(check, spec, at);
    host::host(check, spec, at);
    dns::dns(check, spec, at);
    names(check, spec, at);
    readiness_gates(check, spec, at);
    gates(check, &spec.scheduling_gates, &at.field("schedulingGates"));
    scheduling::scheduling(check, spec, metadata, at);
    env::files_in_volumes(check, &around, at);
    if let Some(seconds) = spec.active_deadline_seconds {
        check.range(&at.field("activeDeadlineSeconds"), seconds, 1..=i32::MAX.into());
    }
}

fn names(check: &mut Check<'_>, spec: &PodSpec, at: &Path<'_>) {
    meta::labels(check, &spec.node_selector, &at.field("nodeSelector"));
    let subdomains = [
        ("serviceAccountName", spec.service_account_name.given()),
        ("nodeName", spec.node_name.given()),
        ("priorityClassName", spec.priority_class_name.given()),
        ("runtimeClassName", spec.runtime_class_name.as_deref()),
    ];
    for (field, name) in subdomains {
        if let Some(name) = name {
            check.format(&at.field(field), name, rule::subdomain);
        }
    }
    if let Some(name) = spec.scheduling_group.as_ref().and_then(|g| g.pod_group_name.as_deref()) {
        check.format(&at.field("schedulingGroup").field("podGroupName"), name, rule::subdomain);
    }
}

fn readiness_gates(check: &mut Check<'_>, spec: &PodSpec, at: &Path<'_>) {
    let at = at.field("readinessGates");
    for (i, gate) in spec.readiness_gates.iter().enumerate() {
        let at = at.index(i);
        check.format(&at.field("conditionType"), &gate.condition_type, rule::qualified);
    }
}

fn gates(check: &mut Check<'_>, gates: &[PodSchedulingGate], at: &Path<'_>) {
    let mut taken = BTreeSet::new();
    for (i, gate) in gates.iter().enumerate() {
        check.format(&at.index(i), &gate.name, rule::qualified);
        check.unique(&at.index(i), &gate.name, &mut taken);
    }
}

fn claims(check: &mut Check<'_>, claims: &[PodResourceClaim], at: &Path<'_>) {
    let mut taken = BTreeSet::new();
    for (i, claim) in claims.iter().enumerate() {
        let at = at.index(i);
        if claim.name.is_empty() || taken.insert(claim.name.as_str()) {
            check.name(&at.field("name"), &claim.name, rule::label);
        } else {
            check.duplicate(&at.field("name"), &claim.name);
        }
        let sources = [
            ("resourceClaimName", &claim.resource_claim_name),
            ("resourceClaimTemplateName", &claim.resource_claim_template_name),
        ];
        if claim.resource_claim_name.is_some() == claim.resource_claim_template_name.is_some() {
            let message =
                "exactly one of `resourceClaimName` and `resourceClaimTemplateName` is given";
            check.invalid(&at, message);
        }
        for (field, name) in sources {
            if let Some(name) = name {
                check.format(&at.field(field), name, rule::subdomain);
            }
        }
    }
}

/// Notes a name that no volume, container or claim of the pod has.
pub(super) fn not_found<'n>(
    check: &mut Check<'_>,
    at: &Path<'_>,
    what: &str,
    name: &str,
    names: impl IntoIterator<Item = &'n str>,
) {
    let message = format!("the pod has no {what} {}", quoted(name));
    let suggestion = spelling::suggest(name, names.into_iter().take(MAX_COMPARED));
    check.fault_with(at, FaultKind::NotFound, message, suggestion);
}
