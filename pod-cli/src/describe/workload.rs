//! Deployments and Jobs.

use pod_spec::{
    Deployment, DeploymentStrategyType, IntOrString, Job, LabelSelector, LabelSelectorOperator,
    ObjectMeta, PodTemplateSpec,
};

use super::{Page, container, moment, title, volume};

fn head(page: &mut Page, metadata: &ObjectMeta) {
    page.pair("Name", &metadata.name);
    page.pair("Namespace", metadata.namespace.as_deref().unwrap_or_default());
}

pub fn deployment(page: &mut Page, deployment: &Deployment) {
    let (metadata, spec) = (&deployment.metadata, &deployment.spec);
    let status = deployment.status.clone().unwrap_or_default();
    head(page, metadata);
    page.some("CreationTimestamp", metadata.creation_timestamp.map(moment));
    page.labels(metadata);
    page.pair("Selector", selector(&spec.selector));
    let count = Option::unwrap_or_default;
    page.pair(
        "Replicas",
        format!(
            "{} desired | {} updated | {} total | {} available | {} unavailable",
            count(spec.replicas),
            count(status.updated_replicas),
            count(status.replicas),
            count(status.available_replicas),
            count(status.unavailable_replicas),
        ),
    );
    let kind = spec.strategy.kind.unwrap_or_default();
    page.pair("StrategyType", kind.as_str());
    page.pair("MinReadySeconds", count(spec.min_ready_seconds).to_string());
    if let (DeploymentStrategyType::RollingUpdate, Some(rolling)) =
        (kind, &spec.strategy.rolling_update)
    {
        let words = |count: &Option<IntOrString>| {
            count.as_ref().map(ToString::to_string).unwrap_or_default()
        };
        let (missing, surplus) = (words(&rolling.max_unavailable), words(&rolling.max_surge));
        page.pair(
            "RollingUpdateStrategy",
            format!("{missing} max unavailable, {surplus} max surge"),
        );
    }
    template(page, &spec.template);
    if status.conditions.is_empty() {
        return;
    }
    page.line("Conditions:");
    page.within(|page| {
        page.line("Type\tStatus\tReason");
        page.line("----\t------\t------");
        for condition in &status.conditions {
            let reason = condition.reason.as_deref().unwrap_or_default();
            page.line(format!("{}\t{}\t{reason}", condition.kind, condition.status.as_str()));
        }
    });
}

pub fn job(page: &mut Page, job: &Job) {
    let (metadata, spec) = (&job.metadata, &job.spec);
    let status = job.status.clone().unwrap_or_default();
    head(page, metadata);
    page.labels(metadata);
    page.some("Parallelism", spec.parallelism.map(|count| count.to_string()));
    let completions = spec.completions.map(|count| count.to_string());
    page.pair("Completions", completions.unwrap_or_else(|| "<unset>".to_owned()));
    page.some("Completion Mode", spec.completion_mode.map(|mode| mode.as_str()));
    page.some("Suspend", spec.suspend.map(|waits| title(waits).to_lowercase()));
    page.some("Backoff Limit", spec.backoff_limit.map(|count| count.to_string()));
    page.some(
        "TTL Seconds After Finished",
        spec.ttl_seconds_after_finished.map(|seconds| seconds.to_string()),
    );
    page.some("Start Time", status.start_time.map(moment));
    page.some("Completed At", status.completion_time.map(moment));
    if let (Some(start), Some(end)) = (status.start_time, status.completion_time) {
        page.pair("Duration", crate::span::age(end.since(start)));
    }
    let deadline = spec.active_deadline_seconds.map(|seconds| format!("{seconds}s"));
    page.some("Active Deadline Seconds", deadline);
    let count = Option::unwrap_or_default;
    page.pair(
        "Pods Statuses",
        format!(
            "{} Active ({} Ready) / {} Succeeded / {} Failed",
            count(status.active),
            count(status.ready),
            count(status.succeeded),
            count(status.failed),
        ),
    );
    page.some("Completed Indexes", status.completed_indexes.as_ref());
    template(page, &spec.template);
}

/// What pods are made from.
fn template(page: &mut Page, template: &PodTemplateSpec) {
    let pod = template.pod("", "");
    page.line("Pod Template:");
    page.within(|page| {
        page.words("Labels", &template.metadata.labels, "=");
        if !template.metadata.annotations.is_empty() {
            page.words("Annotations", &template.metadata.annotations, ": ");
        }
        let lists = [
            ("Init Containers", &template.spec.init_containers),
            ("Containers", &template.spec.containers),
        ];
        for (name, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
            page.line(format!("{name}:"));
            list.iter().for_each(|one| container::describe(page, &pod, one, None));
        }
        volume::all(page, &template.spec.volumes);
    });
}

/// A selector as the command line takes it.
fn selector(selector: &LabelSelector) -> String {
    let labels = selector.match_labels.iter().map(|(key, value)| format!("{key}={value}"));
    let expressions = selector.match_expressions.iter().map(|expression| {
        let (key, values) = (&expression.key, expression.values.join(","));
        match expression.operator {
            LabelSelectorOperator::In => format!("{key} in ({values})"),
            LabelSelectorOperator::NotIn => format!("{key} notin ({values})"),
            LabelSelectorOperator::Exists => key.clone(),
            LabelSelectorOperator::DoesNotExist => format!("!{key}"),
        }
    });
    labels.chain(expressions).collect::<Vec<_>>().join(",")
}
