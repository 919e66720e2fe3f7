//! What has to hold at every step of every pod.

use std::collections::BTreeMap;

use pod_spec::Time;
use pod_spec::status::{PodCondition, PodStatus};

use super::world::{Instance, Sandbox, World};
use crate::state::PodState;
use crate::{Action, ContainerKind, LifecycleTable, PodMachine};

/// The last status, to compare the next one with.
#[derive(Default)]
pub(crate) struct Checks {
    last: Option<PodStatus>,
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

/// What has to be so before an action is carried out.
pub(crate) fn action(machine: &PodMachine, table: &LifecycleTable, world: &World, action: &Action) {
    match action {
        Action::StartContainer { container, attempt } => {
            // It may have died without the machine knowing yet.
            assert_ne!(world.sandbox, Sandbox::Absent, "{container} starts in a sandbox");
            let index = index(table, container);
            for (earlier, rules) in table.containers.iter().enumerate() {
                let name = &rules.name;
                let matters =
                    earlier < index || table.containers[index].kind == ContainerKind::Main;
                match rules.kind {
                    ContainerKind::Init if matters && name != container => {
                        assert!(is_done(world, name), "{container} before {name} was done");
                    }
                    ContainerKind::Sidecar if matters && name != container => {
                        assert!(
                            world.ever_alive.contains(name),
                            "{container} before {name} was started"
                        );
                    }
                    ContainerKind::Init | ContainerKind::Sidecar | ContainerKind::Main => {}
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
        Action::Terminate { container, .. } => {
            let index = index(table, container);
            if table.containers[index].kind == ContainerKind::Sidecar {
                let blocks = |(later, rules): (usize, &crate::ContainerRules)| {
                    is_live(world, &rules.name)
                        && match rules.kind {
                            ContainerKind::Main => true,
                            ContainerKind::Sidecar => later > index,
                            ContainerKind::Init => false,
                        }
                };
                let in_turn = !table.containers.iter().enumerate().any(blocks);
                assert!(
                    in_turn || grace_is_over(machine, world.now),
                    "{container} was not at its turn"
                );
            }
        }
        Action::Kill { container, .. } => {
            assert!(grace_is_over(machine, world.now), "{container} had time left");
        }
        Action::RemoveSandbox => {
            let alive = world.instances.iter().find(|(_, i)| matches!(i, Instance::Alive { .. }));
            assert!(alive.is_none(), "{alive:?} is alive");
        }
        Action::CreateSandbox => assert_ne!(world.sandbox, Sandbox::Ready),
        Action::Record(_) => {}
    }
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

fn is_done(world: &World, name: &str) -> bool {
    let done = |instance: &Instance| matches!(instance, Instance::Over { exit, .. } if exit.code == 0 && !exit.oom_killed);
    world.instances.iter().any(|((n, _), instance)| n == name && done(instance))
}

fn grace_is_over(machine: &PodMachine, now: Time) -> bool {
    matches!(machine.state().pod, PodState::Terminating { deadline, .. } if deadline <= now)
}
