//! What makes pods: Deployments and Jobs.

use super::{ExitCodesOperator, LabelSelector, ObjectMeta, PodTemplateSpec};
use crate::schema::{kind, object, words};
use crate::status::ConditionStatus;
use crate::{IntOrString, Time};

kind! {
    /// Keeps a number of pods alike running.
    pub struct Deployment: "apps/v1" "Deployment" {
        /// Name, labels and the like.
        "metadata" metadata: ObjectMeta,
        /// Which pods, and how many.
        "spec" spec: DeploymentSpec,
        /// What has become of it.
        "status" status: Option<DeploymentStatus>,
    }
}

object! {
    /// Which pods a Deployment keeps, and how many.
    pub struct DeploymentSpec: "apps/v1.DeploymentSpec" {
        /// How many. 1 when not given.
        "replicas" replicas: Option<i32>,
        /// The pods that are its own: those of the template have these labels.
        "selector" selector: LabelSelector => required,
        /// What each pod is like.
        "template" template: PodTemplateSpec => required,
        /// How pods of an old template are replaced.
        "strategy" strategy: DeploymentStrategy,
        /// Seconds that a pod must be ready to count as available. 0 when not given.
        "minReadySeconds" min_ready_seconds: Option<i32>,
        /// How many old templates are kept. 10 when not given.
        "revisionHistoryLimit" revision_history_limit: Option<i32>,
        /// Whether a change of the template waits.
        "paused" paused: Option<bool>,
        /// Seconds after which a change that does not go on counts as failed. 600 when not given.
        "progressDeadlineSeconds" progress_deadline_seconds: Option<i32>,
    }
}

object! {
    /// How pods of an old template are replaced.
    pub struct DeploymentStrategy: "apps/v1.DeploymentStrategy" {
        /// All at once, or one after the other. `RollingUpdate` when not given.
        "type" kind: Option<DeploymentStrategyType>,
        /// How many at a time, with `RollingUpdate`.
        "rollingUpdate" rolling_update: Option<RollingUpdateDeployment>,
    }
}

words! {
    /// Whether pods are replaced all at once.
    pub enum DeploymentStrategyType {
        /// One after the other.
        #[default]
        RollingUpdate = "RollingUpdate",
        /// All are stopped before new ones are started.
        Recreate = "Recreate",
    }
}

object! {
    /// How many pods are replaced at a time.
    pub struct RollingUpdateDeployment: "apps/v1.RollingUpdateDeployment" {
        /// How many may be missing: a number, or a share such as `25%`. `25%` when not given.
        "maxUnavailable" max_unavailable: Option<IntOrString>,
        /// How many may be too many: a number, or a share such as `25%`. `25%` when not given.
        "maxSurge" max_surge: Option<IntOrString>,
    }
}

object! {
    /// What has become of a Deployment.
    pub struct DeploymentStatus: "apps/v1.DeploymentStatus" {
        /// The `metadata.generation` this status speaks of.
        "observedGeneration" observed_generation: Option<i64>,
        /// How many pods there are.
        "replicas" replicas: Option<i32>,
        /// How many are of the newest template.
        "updatedReplicas" updated_replicas: Option<i32>,
        /// How many are ready.
        "readyReplicas" ready_replicas: Option<i32>,
        /// How many have been ready for long enough.
        "availableReplicas" available_replicas: Option<i32>,
        /// How many are missing.
        "unavailableReplicas" unavailable_replicas: Option<i32>,
        /// How many are about to be gone.
        "terminatingReplicas" terminating_replicas: Option<i32>,
        /// The latest observations.
        "conditions" conditions: Vec<DeploymentCondition>,
        /// How often a name was taken already.
        "collisionCount" collision_count: Option<i32>,
    }
}

object! {
    /// One observation about a Deployment.
    pub struct DeploymentCondition: "apps/v1.DeploymentCondition" {
        /// What is observed.
        "type" kind: String => required,
        /// Whether it holds.
        "status" status: ConditionStatus => required,
        /// When it was last written.
        "lastUpdateTime" last_update_time: Option<Time>,
        /// When `status` last changed.
        "lastTransitionTime" last_transition_time: Option<Time>,
        /// Why, in one CamelCase word.
        "reason" reason: Option<String>,
        /// Why, for people.
        "message" message: Option<String>,
    }
}

kind! {
    /// Runs pods until enough of them have succeeded.
    pub struct Job: "batch/v1" "Job" {
        /// Name, labels and the like.
        "metadata" metadata: ObjectMeta,
        /// Which pods, and until when.
        "spec" spec: JobSpec,
        /// What has become of it.
        "status" status: Option<JobStatus>,
    }
}

object! {
    /// Which pods a Job runs, and until when.
    pub struct JobSpec: "batch/v1.JobSpec" {
        /// How many pods run at a time. 1 when not given.
        "parallelism" parallelism: Option<i32>,
        /// How many pods must succeed.
        "completions" completions: Option<i32>,
        /// Seconds from the start after which it has failed.
        "activeDeadlineSeconds" active_deadline_seconds: Option<i64>,
        /// By how a pod failed, what is done about it.
        "podFailurePolicy" pod_failure_policy: Option<PodFailurePolicy>,
        /// When it has succeeded before all completions are there.
        "successPolicy" success_policy: Option<SuccessPolicy>,
        /// How many pods may fail. 6 when not given.
        "backoffLimit" backoff_limit: Option<i32>,
        /// How many pods of one index may fail.
        "backoffLimitPerIndex" backoff_limit_per_index: Option<i32>,
        /// How many indexes may fail.
        "maxFailedIndexes" max_failed_indexes: Option<i32>,
        /// The pods that are its own. Made by the server.
        "selector" selector: Option<LabelSelector>,
        /// Whether `selector` is given by hand.
        "manualSelector" manual_selector: Option<bool>,
        /// What each pod is like.
        "template" template: PodTemplateSpec => required,
        /// Seconds that it is kept after its end.
        "ttlSecondsAfterFinished" ttl_seconds_after_finished: Option<i32>,
        /// Whether each completion has an index. `NonIndexed` when not given.
        "completionMode" completion_mode: Option<CompletionMode>,
        /// Whether it waits.
        "suspend" suspend: Option<bool>,
        /// When a pod is replaced.
        "podReplacementPolicy" pod_replacement_policy: Option<PodReplacementPolicy>,
        /// Who runs it, when not the cluster's own controller.
        "managedBy" managed_by: Option<String>,
    }
}

words! {
    /// Whether each completion of a Job has an index.
    pub enum CompletionMode {
        /// No: they are alike.
        #[default]
        NonIndexed = "NonIndexed",
        /// Yes: from 0 on.
        Indexed = "Indexed",
    }
}

words! {
    /// When a Job's pod is replaced.
    pub enum PodReplacementPolicy {
        /// As soon as it is asked to end, or has failed.
        #[default]
        TerminatingOrFailed = "TerminatingOrFailed",
        /// When it has ended.
        Failed = "Failed",
    }
}

object! {
    /// What is done about pods that fail.
    pub struct PodFailurePolicy: "batch/v1.PodFailurePolicy" {
        /// The rules; the first that fits counts.
        "rules" rules: Vec<PodFailurePolicyRule> => required,
    }
}

object! {
    /// What is done about pods that fail in one way. Exactly one of the two ways is set.
    pub struct PodFailurePolicyRule: "batch/v1.PodFailurePolicyRule" {
        /// What is done.
        "action" action: PodFailurePolicyAction => required,
        /// With which exit codes.
        "onExitCodes" on_exit_codes: Option<PodFailurePolicyOnExitCodesRequirement>,
        /// With which conditions.
        "onPodConditions" on_pod_conditions: Vec<PodFailurePolicyOnPodConditionsPattern>,
    }
}

words! {
    /// What is done about a pod that failed.
    pub enum PodFailurePolicyAction {
        /// The Job fails.
        FailJob = "FailJob",
        /// The pod's index fails.
        FailIndex = "FailIndex",
        /// It does not count.
        Ignore = "Ignore",
        /// It counts.
        #[default]
        Count = "Count",
    }
}

object! {
    /// Exit codes of a pod that failed.
    pub struct PodFailurePolicyOnExitCodesRequirement: "batch/v1.PodFailurePolicyOnExitCodesRequirement" {
        /// The container; each when absent.
        "containerName" container_name: Option<String>,
        /// Whether these codes are meant, or all others.
        "operator" operator: ExitCodesOperator => required,
        /// The codes.
        "values" values: Vec<i32> => required,
    }
}

object! {
    /// A condition of a pod that failed.
    pub struct PodFailurePolicyOnPodConditionsPattern: "batch/v1.PodFailurePolicyOnPodConditionsPattern" {
        /// The condition's type.
        "type" kind: String => required,
        /// The condition's status. `True` when not given.
        "status" status: Option<ConditionStatus>,
    }
}

object! {
    /// When a Job has succeeded before all completions are there.
    pub struct SuccessPolicy: "batch/v1.SuccessPolicy" {
        /// The rules; any one is enough.
        "rules" rules: Vec<SuccessPolicyRule> => required,
    }
}

object! {
    /// Completions that are enough for a Job to succeed.
    pub struct SuccessPolicyRule: "batch/v1.SuccessPolicyRule" {
        /// The indexes: `0,2-4`.
        "succeededIndexes" succeeded_indexes: Option<String>,
        /// How many of them.
        "succeededCount" succeeded_count: Option<i32>,
    }
}

object! {
    /// What has become of a Job.
    pub struct JobStatus: "batch/v1.JobStatus" {
        /// The latest observations.
        "conditions" conditions: Vec<JobCondition>,
        /// When it began.
        "startTime" start_time: Option<Time>,
        /// When it succeeded.
        "completionTime" completion_time: Option<Time>,
        /// How many pods are not over.
        "active" active: Option<i32>,
        /// How many pods have succeeded.
        "succeeded" succeeded: Option<i32>,
        /// How many pods have failed.
        "failed" failed: Option<i32>,
        /// How many pods are about to be gone.
        "terminating" terminating: Option<i32>,
        /// The indexes that have succeeded.
        "completedIndexes" completed_indexes: Option<String>,
        /// The indexes that have failed.
        "failedIndexes" failed_indexes: Option<String>,
        /// Pods that are over and not counted yet.
        "uncountedTerminatedPods" uncounted_terminated_pods: Option<UncountedTerminatedPods>,
        /// How many pods are ready.
        "ready" ready: Option<i32>,
    }
}

object! {
    /// One observation about a Job.
    pub struct JobCondition: "batch/v1.JobCondition" {
        /// What is observed.
        "type" kind: String => required,
        /// Whether it holds.
        "status" status: ConditionStatus => required,
        /// When it was last looked at.
        "lastProbeTime" last_probe_time: Option<Time>,
        /// When `status` last changed.
        "lastTransitionTime" last_transition_time: Option<Time>,
        /// Why, in one CamelCase word.
        "reason" reason: Option<String>,
        /// Why, for people.
        "message" message: Option<String>,
    }
}

object! {
    /// Pods of a Job that are over and not counted yet, by id.
    pub struct UncountedTerminatedPods: "batch/v1.UncountedTerminatedPods" {
        /// Those that succeeded.
        "succeeded" succeeded: Vec<String>,
        /// Those that failed.
        "failed" failed: Vec<String>,
    }
}
