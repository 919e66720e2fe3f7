//! What the state machine has to know of a pod.

use std::time::Duration;

use pod_lifecycle::{
    Backoff, ContainerKind, ContainerRules, ExitAction, ExitCodes, ExitRule, GraceSeconds, Hooks,
    LifecycleTable, MountAccess, MountedVolume, PodIdentity, ProbeRules, Probes, RestartPolicy,
    Restarts,
};
use pod_spec::{
    Container, ContainerRestartPolicy, ContainerRestartRule, ContainerRestartRuleAction,
    ExitCodesOperator, Probe, RestartBackoff, VolumeMount,
};

use super::{PodPlan, uid};

impl PodPlan {
    /// The rules that the pod lives by.
    pub fn lifecycle(&self) -> LifecycleTable {
        let spec = self.spec();
        let RestartBackoff { initial, max } = self.pod.restart_backoff();
        let init = spec.init_containers.iter().map(|c| {
            rules(c, if c.is_sidecar() { ContainerKind::Sidecar } else { ContainerKind::Init })
        });
        let mains = spec.containers.iter().map(|c| rules(c, ContainerKind::Main));
        let ephemeral = &spec.ephemeral_containers;
        let ephemeral = ephemeral.iter().map(|one| rules(&one.container, ContainerKind::Ephemeral));
        LifecycleTable {
            pod: PodIdentity {
                name: self.pod.name().to_owned(),
                namespace: self.pod.namespace().to_owned(),
                uid: uid(&self.pod).to_owned(),
            },
            containers: init.chain(mains).chain(ephemeral).collect(),
            restart_policy: match spec.restart_policy {
                Some(pod_spec::RestartPolicy::OnFailure) => RestartPolicy::OnFailure,
                Some(pod_spec::RestartPolicy::Never) => RestartPolicy::Never,
                Some(pod_spec::RestartPolicy::Always) | None => RestartPolicy::Always,
            },
            grace: spec
                .termination_grace_period_seconds
                .map_or(GraceSeconds::DEFAULT, GraceSeconds::from_spec),
            active_deadline: seconds(spec.active_deadline_seconds),
            backoff: Backoff { initial, max, ..Backoff::default() },
            readiness_gates: spec
                .readiness_gates
                .iter()
                .map(|g| g.condition_type.clone())
                .collect(),
            qos_class: self.pod.qos_class(),
            observed_generation: self.pod.metadata().generation,
        }
    }
}

fn seconds(given: Option<i64>) -> Option<Duration> {
    given.and_then(|n| u64::try_from(n).ok()).map(Duration::from_secs)
}

fn rules(container: &Container, kind: ContainerKind) -> ContainerRules {
    ContainerRules {
        name: container.name.clone(),
        kind,
        image: container.image.clone(),
        probes: Probes {
            startup: container.startup_probe.as_ref().map(probe_rules),
            liveness: container.liveness_probe.as_ref().map(probe_rules),
            readiness: container.readiness_probe.as_ref().map(probe_rules),
        },
        hooks: hooks(container),
        stop_signal: container.lifecycle.as_ref().and_then(|l| l.stop_signal.clone()),
        mounts: container.volume_mounts.iter().map(mounted).collect(),
        restarts: Restarts {
            policy: container.restart_policy.map(|policy| match policy {
                ContainerRestartPolicy::Always => RestartPolicy::Always,
                ContainerRestartPolicy::OnFailure => RestartPolicy::OnFailure,
                ContainerRestartPolicy::Never => RestartPolicy::Never,
            }),
            rules: container.restart_policy_rules.iter().filter_map(exit_rule).collect(),
        },
    }
}

fn mounted(mount: &VolumeMount) -> MountedVolume {
    let access = match mount.read_only {
        Some(true) if super::mounts::is_recursive(mount) => MountAccess::RecursivelyReadOnly,
        Some(true) => MountAccess::ReadOnly,
        _ => MountAccess::Writable,
    };
    MountedVolume { name: mount.name.clone(), path: mount.mount_path.clone(), access }
}

fn exit_rule(rule: &ContainerRestartRule) -> Option<ExitRule> {
    let codes = rule.exit_codes.as_ref()?;
    let values = codes.values.clone();
    Some(ExitRule {
        codes: match codes.operator {
            ExitCodesOperator::In => ExitCodes::In(values),
            ExitCodesOperator::NotIn => ExitCodes::NotIn(values),
        },
        action: match rule.action {
            ContainerRestartRuleAction::Restart => ExitAction::Restart,
            ContainerRestartRuleAction::RestartAllContainers => ExitAction::RestartAllContainers,
        },
    })
}

fn hooks(container: &Container) -> Hooks {
    let lifecycle = container.lifecycle.as_ref();
    Hooks {
        post_start: lifecycle.is_some_and(|l| l.post_start.is_some()),
        pre_stop: lifecycle.is_some_and(|l| l.pre_stop.is_some()),
    }
}

fn probe_rules(probe: &Probe) -> ProbeRules {
    let number =
        |given: Option<i32>, default| given.and_then(|n| u32::try_from(n).ok()).unwrap_or(default);
    let seconds = |given, default| Duration::from_secs(u64::from(number(given, default)));
    ProbeRules {
        initial_delay: seconds(probe.initial_delay_seconds, 0),
        period: seconds(probe.period_seconds, 10),
        success_threshold: number(probe.success_threshold, 1),
        failure_threshold: number(probe.failure_threshold, 3),
        grace: probe.termination_grace_period_seconds.map(GraceSeconds::from_spec),
    }
}
