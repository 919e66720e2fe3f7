//! What has to hold at every step of every pod.

use std::collections::{BTreeMap, BTreeSet};

use pod_spec::Time;
use pod_spec::status::{PodCondition, PodStatus};

use super::world::{Instance, Sandbox, World};
use crate::container::{Beginning, ContainerLife, StopCause};
use crate::machine::MINIMUM_GRACE;
use crate::state::PodState;
use crate::{
    Action, ContainerKind, ContainerRules, HookKind, LifecycleTable, PodMachine, ProbeKind,
};

/// The last status, to compare the next one with, and where each container began.
#[derive(Default)]
pub(crate) struct Checks {
    last: Option<PodStatus>,
    /// The first attempt at each container since the pod began, anew or for the first time.
    first: BTreeMap<String, u32>,
}

impl Checks {
    pub(crate) fn status(&mut self, machine: &PodMachine, now: Time) {
        let status = machine.status();
        let deadline = machine.next_deadline();
        assert!(
            deadline.is_none_or(|at| at > now),
            "nothing came of the deadline {deadline:?} at {now:?}"
        );
        if let Some(last) = &self.last {
            if last.phase.is_terminal() {
                assert_eq!(status.phase, last.phase, "a phase is final");
                assert_eq!(status.conditions, last.conditions, "conditions are frozen");
            }
            let (before, after) = (counts(last), counts(&status));
            for (name, count) in &before {
                assert!(after[name] >= *count, "the restart count of {name} fell from {count}");
            }
            for (old, new) in last.conditions.iter().zip(&status.conditions) {
                transition(old, new);
            }
        }
        self.last = Some(status);
        for record in &machine.state().containers {
            if let ContainerLife::NotStarted
            | ContainerLife::Starting { from: Beginning::First, .. } = record.life
            {
                self.first.insert(record.name.clone(), record.restarts);
            }
        }
    }
}

fn counts(status: &PodStatus) -> BTreeMap<String, u32> {
    let all = status.init_container_statuses.iter().chain(&status.container_statuses);
    all.map(|c| (c.name.clone(), c.restart_count)).collect()
}

fn transition(old: &PodCondition, new: &PodCondition) {
    assert_eq!(old.kind, new.kind);
    if old.status == new.status {
        assert_eq!(
            old.last_transition_time, new.last_transition_time,
            "{} did not change",
            new.kind
        );
    }
    assert!(old.last_transition_time <= new.last_transition_time);
}

impl Checks {
    /// What has to be so before an action is carried out.
    pub(crate) fn action(
        &self,
        machine: &PodMachine,
        table: &LifecycleTable,
        world: &World,
        action: &Action,
    ) {
        let is_done = |name: &String| is_done(world, name, self.first[name]);
        let was_started =
            |rules: &ContainerRules| was_started(world, rules, self.first[&rules.name]);
        match action {
            Action::StartContainer { container, attempt } => {
                // It may have died without the machine knowing yet.
                assert_ne!(world.sandbox, Sandbox::Absent, "{container} starts in a sandbox");
                let index = index(table, container);
                for (earlier, rules) in table.containers.iter().enumerate() {
                    let name = &rules.name;
                    let matters = match table.containers[index].kind {
                        ContainerKind::Main => true,
                        ContainerKind::Init | ContainerKind::Sidecar => earlier < index,
                        ContainerKind::Ephemeral => false,
                    };
                    match rules.kind {
                        ContainerKind::Init if matters && name != container => {
                            assert!(is_done(name), "{container} before {name} was done");
                        }
                        ContainerKind::Sidecar if matters && name != container => {
                            assert!(was_started(rules), "{container} before {name} was started");
                        }
                        ContainerKind::Init
                        | ContainerKind::Sidecar
                        | ContainerKind::Main
                        | ContainerKind::Ephemeral => {}
                    }
                }
                for ((name, number), instance) in &world.instances {
                    let same_again = number == attempt && matches!(instance, Instance::Created);
                    assert!(
                        name != container || !instance.is_live() || same_again,
                        "a second {container}: #{attempt} beside #{number} {instance:?}"
                    );
                }
            }
            Action::Terminate { container, attempt } => {
                let hook = (container.clone(), *attempt, HookKind::PreStop);
                assert!(
                    world.done.hooks.get(&hook) != Some(&false)
                        || grace_is_over(machine, container, world.now),
                    "{container} is asked to end although its hook runs"
                );
                let is_terminating = matches!(machine.state().pod, PodState::Terminating { .. });
                let index = index(table, container);
                if table.containers[index].kind == ContainerKind::Sidecar && is_terminating {
                    let blocks = |(later, rules): (usize, &ContainerRules)| {
                        is_live(world, &rules.name)
                            && match rules.kind {
                                ContainerKind::Main => true,
                                ContainerKind::Sidecar => later > index,
                                ContainerKind::Init | ContainerKind::Ephemeral => false,
                            }
                    };
                    let in_turn = !table.containers.iter().enumerate().any(blocks);
                    // What was asked of it before the pod came to its end is asked again after a crash.
                    let again = world.done.resumed && is_stopped_alone(machine, container);
                    assert!(
                        in_turn || again || grace_is_over(machine, container, world.now),
                        "{container} was not at its turn"
                    );
                }
            }
            Action::Kill { container, attempt } => {
                assert!(grace_is_over(machine, container, world.now), "{container} had time left");
                let asked = world.done.signals.get(&(container.clone(), *attempt));
                assert!(
                    world.done.resumed
                        || matches!(
                            machine.state().pod,
                            PodState::RestartingAll | PodState::ReplacingSandbox
                        )
                        || asked.is_none_or(|at| world.now.since(*at) >= MINIMUM_GRACE),
                    "{container} had no time"
                );
            }
            Action::Probe { container, attempt, probe } => {
                let rules = &table.containers[index(table, container)];
                check_probe(machine, rules, world, *attempt, *probe);
            }
            Action::RunHook { container, attempt, hook } => {
                let known = world.done.hooks.contains_key(&(container.clone(), *attempt, *hook));
                assert!(!known, "{hook:?} of {container} a second time");
                let signalled = world.done.signals.contains_key(&(container.clone(), *attempt));
                assert!(!signalled, "{hook:?} of {container} although it was asked to end");
            }
            Action::RemoveSandbox => {
                let alive =
                    world.instances.iter().find(|(_, i)| matches!(i, Instance::Alive { .. }));
                assert!(alive.is_none(), "{alive:?} is alive");
            }
            Action::CreateSandbox => {
                assert!(matches!(world.sandbox, Sandbox::Absent | Sandbox::Lost));
                let live = world.instances.iter().find(|(_, i)| i.is_live());
                assert!(live.is_none(), "{live:?} is left of the sandbox before");
            }
            Action::Record(_) => {}
        }
    }
}

/// Whether a sidecar was started, by this attempt or a later one.
fn was_started(world: &World, rules: &ContainerRules, first: u32) -> bool {
    let has = |all: &BTreeSet<(String, u32)>| {
        all.iter().any(|(name, attempt)| *name == rules.name && *attempt >= first)
    };
    has(&world.ever_alive)
        && (rules.probes.startup.is_none() || has(&world.ever_up))
        && (!rules.hooks.post_start || has(&world.ever_hooked))
}

fn check_probe(
    machine: &PodMachine,
    rules: &ContainerRules,
    world: &World,
    attempt: u32,
    probe: ProbeKind,
) {
    let (name, key) = (&rules.name, (rules.name.clone(), attempt));
    let timing = rules.probes.of(probe).expect("the container has this probe");
    let what = format!("{probe:?} probe of {name}");
    if let Some(Instance::Alive { since }) = world.instances.get(&key) {
        assert!(world.now.since(*since) >= timing.initial_delay, "{what} before its time");
    }
    if let Some((last, answered)) = world.done.probes.get(&(key.0.clone(), key.1, probe)) {
        assert!(answered, "a second {what} beside the first");
        assert!(world.now.since(*last) >= timing.period, "{what} too early after the last");
    }
    assert!(!rules.hooks.post_start || world.ever_hooked.contains(&key), "{what} before the hook");
    let up = world.ever_up.contains(&key);
    match probe {
        ProbeKind::Startup => {}
        ProbeKind::Liveness | ProbeKind::Readiness => {
            assert!(rules.probes.startup.is_none() || up, "{what} before it was up");
        }
    }
    let terminating = matches!(machine.state().pod, PodState::Terminating { .. });
    assert!(!terminating || probe == ProbeKind::Readiness, "{what} although the pod goes");
}

fn index(table: &LifecycleTable, container: &str) -> usize {
    table.containers.iter().position(|rules| rules.name == container).unwrap()
}

/// Whether a program of this container runs or is about to. One that was only created waits for a start that may not
/// come any more.
fn is_live(world: &World, name: &str) -> bool {
    let live = |instance: &Instance| matches!(instance, Instance::Coming | Instance::Alive { .. });
    world.instances.iter().any(|((n, _), instance)| n == name && live(instance))
}

/// Whether an init container has done its work, by this attempt or a later one.
fn is_done(world: &World, name: &str, first: u32) -> bool {
    let done = |instance: &Instance| matches!(instance, Instance::Over { exit, .. } if exit.code == 0 && !exit.oom_killed);
    world
        .instances
        .iter()
        .any(|((n, attempt), instance)| n == name && *attempt >= first && done(instance))
}

/// Whether a container is being stopped for a reason of its own.
fn is_stopped_alone(machine: &PodMachine, container: &str) -> bool {
    let record = machine.state().containers.iter().find(|record| record.name == container);
    record.and_then(|record| record.stop()).is_some_and(|stop| stop.cause != StopCause::Pod)
}

/// Whether the grace period of the pod, or that of this container alone, is over.
fn grace_is_over(machine: &PodMachine, container: &str, now: Time) -> bool {
    let state = machine.state();
    let record = state.containers.iter().find(|record| record.name == container).unwrap();
    matches!(state.pod, PodState::Terminating { deadline, .. } if deadline <= now)
        || record.stop().is_some_and(|stop| stop.deadline <= now)
}
