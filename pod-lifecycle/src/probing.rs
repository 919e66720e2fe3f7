//! Probes and hooks of a pod's containers: when they begin, and what comes of them.

use pod_spec::Time;

use crate::container::{ContainerLife, StopCause};
use crate::health::Finding;
use crate::state::PodState;
use crate::{Action, ContainerKind, HookKind, PodMachine, ProbeKind, ProbeResult, RestartPolicy};

impl PodMachine {
    /// Begins every probe that is due.
    pub(crate) fn begin_probes(&mut self, now: Time, actions: &mut Vec<Action>) {
        for index in 0..self.state.containers.len() {
            for probe in self.wanted_probes(index) {
                let Some(rules) = self.table.containers[index].probes.of(probe) else { continue };
                let record = &mut self.state.containers[index];
                let Some((instance, health)) = record.running_mut() else { continue };
                if health.due(probe, rules, instance.started_at).is_some_and(|at| at <= now) {
                    health.begin(probe, rules, now);
                    let attempt = instance.attempt;
                    let container = record.name.clone();
                    actions.push(Action::Probe { container, attempt, probe });
                }
            }
        }
    }

    /// When the next probe is due.
    pub(crate) fn next_probe(&self) -> Option<Time> {
        let due = |index: usize| {
            let record = &self.state.containers[index];
            let (instance, health) = record.running()?;
            let probes = self.table.containers[index].probes;
            let times = self
                .wanted_probes(index)
                .into_iter()
                .filter_map(|probe| health.due(probe, probes.of(probe)?, instance.started_at));
            times.min()
        };
        (0..self.state.containers.len()).filter_map(due).min()
    }

    /// The kinds of probes that may be made of a container now: while it, or the whole pod, is being stopped only its
    /// readiness matters.
    fn wanted_probes(&self, index: usize) -> Vec<ProbeKind> {
        let stopping = matches!(self.state.pod, PodState::Terminating { .. })
            || matches!(self.state.containers[index].life, ContainerLife::Stopping { .. });
        let all = ProbeKind::ALL.into_iter();
        all.filter(|probe| !stopping || *probe == ProbeKind::Readiness).collect()
    }

    /// A probe has been made.
    pub(crate) fn probed(
        &mut self,
        index: usize,
        probe: ProbeKind,
        result: ProbeResult,
        now: Time,
        actions: &mut Vec<Action>,
    ) {
        let Some(rules) = self.table.containers[index].probes.of(probe) else { return };
        let wanted = self.wanted_probes(index).contains(&probe);
        let record = &mut self.state.containers[index];
        let Some((_, health)) = record.running_mut() else { return };
        if !health.end(probe) || !wanted {
            return;
        }
        let word = probe.word();
        let (success, news) = match result {
            ProbeResult::Success => (Some(true), None),
            ProbeResult::Warning(why) => {
                (Some(true), Some(("ProbeWarning", format!("{word} probe warning: {why}"))))
            }
            ProbeResult::Failure(why) => {
                (Some(false), Some(("Unhealthy", format!("{word} probe failed: {why}"))))
            }
            ProbeResult::Unknown(why) => {
                let said = format!("{word} probe errored and resulted in unknown state: {why}");
                (None, Some(("Unhealthy", said)))
            }
        };
        let finding = success.map(|success| health.found(probe, rules, success));
        if let Some((reason, said)) = news {
            actions.push(Action::warning(reason, &record.name, said));
        }
        if finding == Some(Finding::Fatal) {
            let grace = rules.grace.unwrap_or(self.table.grace);
            let deadline = now + grace.as_duration();
            let said = self.failed_probe_words(index, probe);
            self.begin_stop(index, StopCause::Probe, deadline, said, actions);
        }
    }

    fn failed_probe_words(&self, index: usize, probe: ProbeKind) -> String {
        let rules = &self.table.containers[index];
        let probe = probe.word().to_lowercase();
        match (rules.kind, self.table.policy(rules)) {
            (ContainerKind::Init | ContainerKind::Sidecar, _) => {
                format!("Init container {} failed {probe} probe", rules.name)
            }
            (ContainerKind::Main | ContainerKind::Ephemeral, RestartPolicy::Never) => {
                format!("Container {} failed {probe} probe", rules.name)
            }
            (
                ContainerKind::Main | ContainerKind::Ephemeral,
                RestartPolicy::Always | RestartPolicy::OnFailure,
            ) => {
                format!("Container {} failed {probe} probe, will be restarted", rules.name)
            }
        }
    }

    /// Asks for the `postStart` hook of a container that has just begun to run, or whose hook was cut short.
    pub(crate) fn begin_post_start(&self, index: usize, actions: &mut Vec<Action>) {
        let record = &self.state.containers[index];
        if let ContainerLife::Running { instance, health } = &record.life
            && !health.is_hooked()
        {
            let container = record.name.clone();
            let (attempt, hook) = (instance.attempt, HookKind::PostStart);
            actions.push(Action::RunHook { container, attempt, hook });
        }
    }

    /// A `postStart` hook is over.
    pub(crate) fn post_start_ended(
        &mut self,
        index: usize,
        result: Result<(), String>,
        now: Time,
        actions: &mut Vec<Action>,
    ) {
        let record = &mut self.state.containers[index];
        let ContainerLife::Running { health, .. } = &mut record.life else { return };
        if health.is_hooked() {
            return;
        }
        match result {
            Ok(()) => health.hooked(),
            Err(why) => {
                let said = "PostStartHook failed".to_owned();
                actions.push(Action::warning("FailedPostStartHook", &record.name, said));
                let deadline = now + self.table.grace.as_duration();
                let said = "FailedPostStartHook".to_owned();
                let cause = StopCause::PostStart { message: why };
                self.begin_stop(index, cause, deadline, said, actions);
            }
        }
    }
}
