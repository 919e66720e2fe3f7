//! Ephemeral containers.

use pod_spec::status::{PodPhase, PodStatus};

use crate::RestartPolicy::{Always, Never};
use crate::sim::{OnTerm, Script, Sim, condition, ended, of, pod, reason, seconds};
use crate::{Action, ContainerKind, Event, LifecycleTable, PodMachine};

/// The table as it is before its last container is added, and the news of that.
fn without_last(mut table: LifecycleTable) -> (LifecycleTable, Event) {
    let rules = Box::new(table.containers.pop().unwrap());
    (table, Event::Added { rules, generation: Some(8) })
}

#[test]
fn b214_an_ephemeral_container_is_started_once_and_matters_to_nobody() {
    let scripts = vec![Script::forever(), Script::codes(5, &[1])];
    let mut sim = Sim::new(pod(Always, &["app", "e1"]), scripts);
    let status = sim.run_until(3);
    assert_eq!(reason(&status, "e1"), "Running");
    let e1 = of(&status, "e1");
    assert_eq!((e1.ready, e1.started, status.ephemeral_container_statuses.len()), (false, None, 1));
    let status = sim.run_until(600);
    let e1 = of(&status, "e1").state.terminated.clone().unwrap();
    assert_eq!((e1.exit_code, of(&status, "e1").restart_count), (1, 0));
    assert_eq!(sim.times("start e1"), [0]);
    assert_eq!((status.phase, condition(&status, "Ready").as_str()), (PodPhase::Running, "True//"));
}

#[test]
fn b214_it_is_started_while_init_containers_run() {
    let scripts = vec![Script::codes(50, &[0]), Script::forever(), Script::forever()];
    let mut sim = Sim::new(pod(Always, &["i1", "app", "e1"]), scripts);
    let status = sim.run_until(10);
    assert_eq!((status.phase, reason(&status, "e1").as_str()), (PodPhase::Pending, "Running"));
    assert!(condition(&status, "Initialized").ends_with("[i1]"));
    assert_eq!(of(&sim.run_until(60), "app").restart_count, 0);
    assert_eq!(sim.times("start app"), [50]);
}

#[test]
fn b214_a_pod_ends_without_asking_its_ephemeral_containers() {
    let ignores = Script::forever().on_term(OnTerm::Ignore);
    let scripts = vec![Script::codes(5, &[0]), Script::forever(), ignores];
    let mut sim = Sim::new(pod(Never, &["app", "s1", "e1"]), scripts);
    assert_eq!(ended(&mut sim), PodPhase::Succeeded);
    // The sidecar waits for the main container alone.
    assert_eq!(
        (sim.times("term e1"), sim.times("term s1"), sim.times("kill e1")),
        (vec![5], vec![5], vec![35])
    );
}

#[test]
fn b214_a_container_may_be_added_at_any_time() {
    let (table, added) = without_last(pod(Always, &["i1", "app", "e1"]));
    let (mut machine, _) = PodMachine::new(table.clone(), seconds(0));
    // Not before there is a sandbox.
    assert_eq!(machine.handle(seconds(1), added.clone()), []);
    let ready = Event::SandboxReady { addresses: Default::default() };
    let start = |name: &str| Action::StartContainer { container: name.to_owned(), attempt: 0 };
    assert_eq!(machine.handle(seconds(2), ready.clone()), [start("e1"), start("i1")]);
    let generation = |status: PodStatus| status.observed_generation;
    assert_eq!(generation(machine.status()), Some(8));
    // A second time it changes nothing.
    assert_eq!(machine.handle(seconds(3), added.clone()), []);
    assert_eq!(machine.status().ephemeral_container_statuses.len(), 1);

    let (mut machine, _) = PodMachine::new(table, seconds(0));
    machine.handle(seconds(1), ready);
    assert_eq!(machine.handle(seconds(2), added), [start("e1")]);
    assert_eq!(machine.status().ephemeral_container_statuses[0].name, "e1");
}

#[test]
fn b214_one_that_is_added_as_the_pod_ends_is_not_started() {
    let (table, added) = without_last(pod(Always, &["app", "e1"]));
    let mut sim = Sim::new(table, vec![Script::forever().on_term(OnTerm::Ignore)]);
    sim.run_until(1);
    sim.machine.handle(seconds(2), Event::Delete { grace: None });
    assert_eq!(sim.machine.handle(seconds(3), added), []);
    let status = sim.machine.status();
    assert_eq!(reason(&status, "e1"), "ContainerCreating");
}

#[test]
fn b214_what_is_added_is_ephemeral_whatever_it_says() {
    let mut table = pod(Always, &["app", "other"]);
    table.containers[1].kind = ContainerKind::Main;
    let (table, added) = without_last(table);
    let (mut machine, _) = PodMachine::new(table, seconds(0));
    machine.handle(seconds(1), added);
    let status = machine.status();
    assert_eq!(
        (status.container_statuses.len(), status.ephemeral_container_statuses.len()),
        (1, 1)
    );
}
