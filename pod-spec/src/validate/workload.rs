//! What makes pods.

use super::check::Check;
use super::{meta, pod, selector};
use crate::IntOrString;
use crate::fault::{FaultKind, quoted};
use crate::path::Path;
use crate::selector::Selector;
use crate::types::{
    CompletionMode, Deployment, DeploymentSpec, DeploymentStrategy, DeploymentStrategyType, Job,
    LabelSelector, PodTemplateSpec, RestartPolicy,
};

pub(super) fn deployment(check: &mut Check<'_>, deployment: &Deployment) {
    meta::metadata(check, &deployment.metadata, &Path::new("metadata"));
    let (spec, at) = (&deployment.spec, Path::new("spec"));
    let template = at.field("template");
    own_pods(check, &spec.selector, &spec.template, &at);
    pod::template(check, &spec.template, &template);
    always_running(check, &spec.template, &template.field("spec"));
    let counts = [
        ("replicas", spec.replicas),
        ("minReadySeconds", spec.min_ready_seconds),
        ("revisionHistoryLimit", spec.revision_history_limit),
        ("progressDeadlineSeconds", spec.progress_deadline_seconds),
    ];
    for (field, count) in counts {
        check.not_negative(&at.field(field), count.unwrap_or_default());
    }
    deadline(check, spec, &at.field("progressDeadlineSeconds"));
    strategy(check, &spec.strategy, &at.field("strategy"));
}

/// The selector must say something, and the template must be of what it says.
fn own_pods(
    check: &mut Check<'_>,
    selector: &LabelSelector,
    template: &PodTemplateSpec,
    at: &Path<'_>,
) {
    let here = at.field("selector");
    selector::labels(check, selector, &here);
    if selector.match_labels.is_empty() && selector.match_expressions.is_empty() {
        return check.required(&here);
    }
    if !Selector::from(selector).matches(&template.metadata.labels) {
        let template = at.field("template");
        let metadata = template.field("metadata");
        check.invalid(&metadata.field("labels"), "the selector does not select these labels");
    }
}

fn always_running(check: &mut Check<'_>, template: &PodTemplateSpec, at: &Path<'_>) {
    if let Some(policy) = template.spec.restart_policy.filter(|p| *p != RestartPolicy::Always) {
        let message =
            format!("{} is not `Always`, as it is for each pod here", quoted(policy.as_str()));
        check.fault(&at.field("restartPolicy"), FaultKind::NotSupported, message);
    }
    if template.spec.active_deadline_seconds.is_some() {
        check.forbidden(&at.field("activeDeadlineSeconds"), "these pods have no end");
    }
}

fn deadline(check: &mut Check<'_>, spec: &DeploymentSpec, at: &Path<'_>) {
    let ready = spec.min_ready_seconds.unwrap_or_default();
    if spec.progress_deadline_seconds.is_some_and(|deadline| deadline <= ready) {
        check.invalid(at, format!("it must be more than the {ready} of minReadySeconds"));
    }
}

fn strategy(check: &mut Check<'_>, strategy: &DeploymentStrategy, at: &Path<'_>) {
    let at = at.field("rollingUpdate");
    let Some(rolling) = &strategy.rolling_update else { return };
    if strategy.kind == Some(DeploymentStrategyType::Recreate) {
        return check.forbidden(&at, "pods are not replaced one after the other with `Recreate`");
    }
    let (missing, more) = (at.field("maxUnavailable"), at.field("maxSurge"));
    let numbers = [
        count(check, rolling.max_unavailable.as_ref(), &missing),
        count(check, rolling.max_surge.as_ref(), &more),
    ];
    if numbers[0].is_some_and(|percent| percent > 100) && is_share(rolling.max_unavailable.as_ref())
    {
        check.invalid(&missing, "more than 100% cannot be missing");
    }
    if numbers == [Some(0), Some(0)] {
        check.invalid(&missing, "it cannot be 0 when `maxSurge` is 0: no pod could be replaced");
    }
}

fn is_share(count: Option<&IntOrString>) -> bool {
    count.is_some_and(|count| count.percent().is_some())
}

/// The number, or the share in hundredths.
fn count(check: &mut Check<'_>, count: Option<&IntOrString>, at: &Path<'_>) -> Option<u32> {
    let count = count?;
    let number = match count {
        IntOrString::Int(number) => u32::try_from(*number).ok(),
        IntOrString::String(_) => count.percent(),
    };
    if number.is_none() {
        check.invalid(at, "it must be a number of pods, or a share such as `25%`");
    }
    number
}

pub(super) fn job(check: &mut Check<'_>, job: &Job) {
    meta::metadata(check, &job.metadata, &Path::new("metadata"));
    let (spec, at) = (&job.spec, Path::new("spec"));
    let template = at.field("template");
    pod::template(check, &spec.template, &template);
    ending(check, &spec.template, &template.field("spec"));
    let counts = [
        ("parallelism", spec.parallelism.map(i64::from)),
        ("completions", spec.completions.map(i64::from)),
        ("activeDeadlineSeconds", spec.active_deadline_seconds),
        ("backoffLimit", spec.backoff_limit.map(i64::from)),
        ("ttlSecondsAfterFinished", spec.ttl_seconds_after_finished.map(i64::from)),
    ];
    for (field, count) in counts {
        check.not_negative(&at.field(field), count.unwrap_or_default());
    }
    if spec.completion_mode == Some(CompletionMode::Indexed) && spec.completions.is_none() {
        let message = "required, but not given: completions with indexes are counted";
        check.fault(&at.field("completions"), FaultKind::Required, message);
    }
}

/// The default of a pod is no policy for a Job.
fn ending(check: &mut Check<'_>, template: &PodTemplateSpec, at: &Path<'_>) {
    if !matches!(
        template.spec.restart_policy,
        Some(RestartPolicy::OnFailure | RestartPolicy::Never)
    ) {
        let message = "a Job's pods end: it must be given as `OnFailure` or `Never`";
        check.fault(&at.field("restartPolicy"), FaultKind::Required, message);
    }
}

/// The selector stays.
pub(super) fn update_deployment(check: &mut Check<'_>, old: &Deployment, new: &Deployment) {
    if old.spec.selector != new.spec.selector {
        check.invalid(&Path::new("spec").field("selector"), "the selector stays as it is");
    }
}

/// What a Job runs stays, and how many times where that is counted by index.
pub(super) fn update_job(check: &mut Check<'_>, old: &Job, new: &Job) {
    let (at, old, new) = (Path::new("spec"), &old.spec, &new.spec);
    let kept = [
        ("template", old.template == new.template),
        ("selector", old.selector == new.selector),
        ("completionMode", old.completion_mode == new.completion_mode),
        ("completions", old.completions == new.completions),
    ];
    for (field, _) in kept.into_iter().filter(|(_, is_kept)| !is_kept) {
        check.invalid(&at.field(field), "it stays as it is: delete the Job and make another");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(spec: &str) -> Result<Deployment, crate::Faults> {
        let text = format!(
            "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: web}}, spec: {{{spec}}}}}"
        );
        Deployment::from_yaml(&text)?.validate()
    }

    fn job(spec: &str) -> Result<Job, crate::Faults> {
        let text = format!(
            "{{apiVersion: batch/v1, kind: Job, metadata: {{name: sum}}, spec: {{{spec}}}}}"
        );
        Job::from_yaml(&text)?.validate()
    }

    const WEB: &str = "selector: {matchLabels: {app: web}}, \
        template: {metadata: {labels: {app: web}}, spec: {containers: [{name: a, image: a}]}}";

    #[test]
    fn a_deployment_has_its_defaults() {
        let spec = deployment(WEB).unwrap().spec;
        assert_eq!((spec.replicas, spec.progress_deadline_seconds), (Some(1), Some(600)));
        let rolling = spec.strategy.rolling_update.unwrap();
        assert_eq!(rolling.max_surge, Some("25%".into()));
        assert_eq!(spec.template.spec.restart_policy, Some(RestartPolicy::Always));
    }

    #[test]
    fn each_fault_of_a_deployment_is_told() {
        let pod = "spec: {containers: [{name: a, image: a}]}";
        let cases = [
            (format!("template: {{{pod}}}"), "spec.selector: required"),
            (
                format!("selector: {{matchLabels: {{app: web}}}}, template: {{{pod}}}"),
                "spec.template.metadata.labels: the selector does not select these labels",
            ),
            (format!("replicas: -1, {WEB}"), "spec.replicas: -1 is less than nothing"),
            (
                WEB.replace("spec: {", "spec: {restartPolicy: Never, "),
                "spec.template.spec.restartPolicy: `Never` is not `Always`",
            ),
            (
                WEB.replace("spec: {", "spec: {activeDeadlineSeconds: 5, "),
                "spec.template.spec.activeDeadlineSeconds: these pods have no end",
            ),
            (
                format!("minReadySeconds: 600, {WEB}"),
                "spec.progressDeadlineSeconds: it must be more than the 600",
            ),
            (
                format!("strategy: {{rollingUpdate: {{maxSurge: 0, maxUnavailable: 0%}}}}, {WEB}"),
                "spec.strategy.rollingUpdate.maxUnavailable: it cannot be 0",
            ),
            (
                format!("strategy: {{rollingUpdate: {{maxSurge: some}}}}, {WEB}"),
                "spec.strategy.rollingUpdate.maxSurge: it must be a number",
            ),
            (
                format!("strategy: {{rollingUpdate: {{maxUnavailable: 101%}}}}, {WEB}"),
                "spec.strategy.rollingUpdate.maxUnavailable: more than 100%",
            ),
            (
                format!("strategy: {{type: Recreate, rollingUpdate: {{maxSurge: 1}}}}, {WEB}"),
                "spec.strategy.rollingUpdate: pods are not replaced one after the other",
            ),
            (WEB.replace("name: a", "name: A"), "spec.template.spec.containers[0].name"),
        ];
        for (spec, wanted) in cases {
            let told = deployment(&spec).unwrap_err().to_string();
            assert!(told.contains(wanted), "{spec}: {told}");
        }
    }

    #[test]
    fn the_selector_of_a_deployment_stays() {
        let old = deployment(WEB).unwrap();
        let mut new = old.clone();
        new.spec.replicas = Some(3);
        assert_eq!(old.check_update(&new), Ok(()));
        new.spec.selector.match_labels.insert("b".into(), "c".into());
        new.spec.template.metadata.labels.insert("b".into(), "c".into());
        let told = old.check_update(&new).unwrap_err().to_string();
        assert!(told.contains("spec.selector: the selector stays"), "{told}");
    }

    #[test]
    fn each_fault_of_a_job_is_told() {
        let pod = |policy: &str| {
            format!("template: {{spec: {{{policy}containers: [{{name: a, image: a}}]}}}}")
        };
        let cases = [
            (pod(""), "spec.template.spec.restartPolicy: a Job's pods end"),
            (pod("restartPolicy: Always, "), "spec.template.spec.restartPolicy: a Job's pods end"),
            (
                format!(
                    "completionMode: Indexed, parallelism: 1, {}",
                    pod("restartPolicy: Never, ")
                ),
                "spec.completions: required",
            ),
            (
                format!("backoffLimit: -1, {}", pod("restartPolicy: Never, ")),
                "spec.backoffLimit: -1 is less than nothing",
            ),
        ];
        for (spec, wanted) in cases {
            let told = job(&spec).unwrap_err().to_string();
            assert!(told.contains(wanted), "{spec}: {told}");
        }
        let good = job(&pod("restartPolicy: OnFailure, ")).unwrap();
        assert_eq!((good.spec.completions, good.spec.backoff_limit), (Some(1), Some(6)));
        let mut new = good.clone();
        new.spec.template.spec.containers[0].image = "b".into();
        let told = good.check_update(&new).unwrap_err().to_string();
        assert!(told.contains("spec.template: it stays"), "{told}");
    }
}
