//! The engine was away.

use std::time::Duration;

use pod_spec::Time;
use pod_spec::status::PodPhase;

use crate::RestartPolicy::{Always, Never};
use crate::sim::{OnTerm, Script, Sim, of, pod, reason, seconds};
use crate::{
    Action, Addresses, Event, LifecycleTable, Observed, ObservedContainer, ObservedSandbox,
    ObservedState, PodMachine,
};

const READY: ObservedSandbox =
    ObservedSandbox::Ready { addresses: Addresses { pod: Vec::new(), host: Vec::new() } };

fn resumed(
    sim: &Sim,
    table: &LifecycleTable,
    observed: Observed,
    now: Time,
) -> (PodMachine, Vec<Action>) {
    PodMachine::resume(table.clone(), sim.machine.state().clone(), observed, now)
}

#[test]
fn b032_a_running_pod_is_resumed_without_a_change() {
    let table = pod(Always, &["s1", "app"]);
    let mut sim = Sim::new(table.clone(), vec![Script::forever(), Script::forever()]);
    let before = sim.run_until(60);
    let (machine, actions) = resumed(&sim, &table, sim.world.observe(), seconds(90));
    assert_eq!((machine.status(), actions), (before, vec![]));
}

#[test]
fn b060_a_completed_init_container_is_not_repeated_when_its_record_is_gone() {
    let table = pod(Always, &["i1", "app"]);
    let mut sim = Sim::new(table.clone(), vec![Script::codes(1, &[0]), Script::forever()]);
    sim.run_until(5);
    let mut observed = sim.world.observe();
    observed.containers.retain(|c| c.name != "i1");
    assert_eq!(resumed(&sim, &table, observed, seconds(9)).1, []);
}

#[test]
fn b038_a_container_that_was_created_but_not_started_is_started() {
    let table = pod(Always, &["app"]);
    let (mut machine, _) = PodMachine::new(table.clone(), seconds(0));
    machine.handle(seconds(0), Event::SandboxReady { addresses: Addresses::default() });
    for containers in [
        vec![],
        vec![ObservedContainer {
            name: "app".to_owned(),
            attempt: 0,
            state: ObservedState::Created,
        }],
    ] {
        let observed = Observed { sandbox: READY, containers };
        let (_, actions) =
            PodMachine::resume(table.clone(), machine.state().clone(), observed, seconds(1));
        assert_eq!(actions, [Action::StartContainer { container: "app".to_owned(), attempt: 0 }]);
    }
}

#[test]
fn back_off_goes_on_where_it_was() {
    let table = pod(Always, &["app"]);
    let mut sim = Sim::new(table.clone(), vec![Script::codes(1, &[1])]);
    sim.run_until(15);
    let (mut machine, actions) = resumed(&sim, &table, sim.world.observe(), seconds(20));
    assert_eq!(actions, []);
    assert_eq!(machine.next_deadline(), Some(seconds(33)));
    assert_eq!(
        machine.handle(seconds(33), Event::Tick),
        [Action::StartContainer { container: "app".to_owned(), attempt: 3 }]
    );
}

#[test]
fn the_back_off_of_an_end_during_the_absence_counts_from_that_end() {
    let table = pod(Always, &["app"]);
    let mut sim = Sim::new(table.clone(), vec![Script::codes(5, &[1])]);
    sim.run_until(6);
    let state = sim.machine.state().clone();
    sim.run_until(10);
    let observed = sim.world.observe();
    let (machine, _) =
        PodMachine::resume(table.clone(), state.clone(), observed.clone(), seconds(17));
    assert_eq!(machine.next_deadline(), Some(seconds(20)));
    let (_, actions) = PodMachine::resume(table, state, observed, seconds(21));
    assert_eq!(actions, [Action::StartContainer { container: "app".to_owned(), attempt: 2 }]);
}

#[test]
fn a_sandbox_that_was_not_made_is_asked_for_again() {
    let table = pod(Never, &["app"]);
    let (machine, _) = PodMachine::new(table.clone(), seconds(0));
    let again = |sandbox| {
        let observed = Observed { sandbox, containers: vec![] };
        PodMachine::resume(table.clone(), machine.state().clone(), observed, seconds(1))
    };
    assert_eq!(again(ObservedSandbox::Absent).1, [Action::CreateSandbox]);
    let start = Action::StartContainer { container: "app".to_owned(), attempt: 0 };
    assert_eq!(again(READY).1, [start]);
    assert_eq!(again(ObservedSandbox::Lost).1, [Action::CreateSandbox]);
    let (gone, actions) = again(ObservedSandbox::Gone);
    assert_eq!((gone.status().phase, actions), (PodPhase::Failed, vec![Action::RemoveSandbox]));
}

#[test]
fn a_start_that_was_being_abandoned_is_over_when_nothing_runs() {
    let table = pod(Never, &["app"]);
    let (mut machine, _) = PodMachine::new(table.clone(), seconds(0));
    machine.handle(seconds(0), Event::SandboxReady { addresses: Addresses::default() });
    machine.handle(seconds(1), Event::Delete { grace: None });
    let created =
        ObservedContainer { name: "app".to_owned(), attempt: 0, state: ObservedState::Created };
    for containers in [vec![], vec![created]] {
        let observed = Observed { sandbox: READY, containers };
        let state = machine.state().clone();
        let (machine, actions) = PodMachine::resume(table.clone(), state, observed, seconds(2));
        assert_eq!(
            (machine.status().phase, actions),
            (PodPhase::Failed, vec![Action::RemoveSandbox])
        );
    }
}

#[test]
fn signals_that_may_not_have_been_sent_are_sent_again() {
    let table = pod(Always, &["app"]);
    let mut sim = Sim::new(table.clone(), vec![Script::forever().on_term(OnTerm::Ignore)]);
    sim.delete(5, Some(10));
    sim.run_until(6);
    let (mut machine, actions) = resumed(&sim, &table, sim.world.observe(), seconds(7));
    assert_eq!(actions, [Action::Terminate { container: "app".to_owned(), attempt: 0 }]);
    let kill = vec![Action::Kill { container: "app".to_owned(), attempt: 0 }];
    assert_eq!(machine.next_deadline(), Some(seconds(15)));
    assert_eq!(machine.handle(seconds(15), Event::Tick), kill);
    let (_, actions) =
        PodMachine::resume(table, machine.state().clone(), sim.world.observe(), seconds(16));
    assert_eq!(actions, kill);
}

#[test]
fn b061_a_container_that_is_gone_without_a_trace_has_failed_and_is_restarted() {
    let table = pod(Always, &["app"]);
    let mut sim = Sim::new(table.clone(), vec![Script::forever()]);
    sim.run_until(60);
    let observed = Observed { sandbox: READY, containers: vec![] };
    let (machine, actions) = resumed(&sim, &table, observed, seconds(70));
    assert_eq!(actions, [Action::StartContainer { container: "app".to_owned(), attempt: 1 }]);
    assert_eq!(reason(&machine.status(), "app"), "ContainerStatusUnknown");
}

#[test]
fn an_exit_during_the_absence_is_noted_with_its_own_time() {
    let table = pod(Never, &["s1", "app"]);
    let mut sim = Sim::new(table.clone(), vec![Script::forever(), Script::codes(10, &[4])]);
    sim.run_until(5);
    let state = sim.machine.state().clone();
    sim.run_until(10);
    let (machine, actions) = PodMachine::resume(table, state, sim.world.observe(), seconds(100));
    let status = machine.status();
    let end = of(&status, "app").state.terminated.clone().unwrap();
    assert_eq!((end.exit_code, end.finished_at), (4, Some(seconds(10))));
    assert!(actions.contains(&Action::Terminate { container: "s1".to_owned(), attempt: 0 }));
}

#[test]
fn a_sandbox_that_died_meanwhile_fails_the_pod_unless_it_was_over() {
    for (code, phase) in [(0, PodPhase::Succeeded), (1, PodPhase::Failed)] {
        let table = pod(Never, &["app"]);
        let mut sim = Sim::new(table.clone(), vec![Script::codes(10, &[code])]);
        sim.run_until(5);
        let state = sim.machine.state().clone();
        sim.run_until(10);
        let observed = Observed { sandbox: ObservedSandbox::Lost, ..sim.world.observe() };
        let (machine, actions) =
            PodMachine::resume(table.clone(), state.clone(), observed, seconds(20));
        assert_eq!((machine.status().phase, machine.status().reason), (phase, None));
        assert_eq!(actions, [Action::RemoveSandbox]);

        for sandbox in [ObservedSandbox::Absent, ObservedSandbox::Gone] {
            let observed = Observed { sandbox, containers: vec![] };
            let (machine, actions) =
                PodMachine::resume(table.clone(), state.clone(), observed, seconds(20));
            let status = machine.status();
            assert_eq!(
                (status.phase, status.reason.as_deref()),
                (PodPhase::Failed, Some("SandboxLost"))
            );
            assert_eq!(actions, [Action::RemoveSandbox]);
        }
    }
}

#[test]
fn the_removal_is_asked_for_until_it_is_answered() {
    let table = pod(Never, &["app"]);
    let (mut machine, _) = PodMachine::new(table.clone(), seconds(0));
    assert_eq!(machine.handle(seconds(1), Event::Delete { grace: None }), [Action::RemoveSandbox]);
    let observed = Observed { sandbox: ObservedSandbox::Absent, containers: vec![] };
    let later = seconds(1) + Duration::from_secs(1);
    let (mut machine, actions) =
        PodMachine::resume(table, machine.state().clone(), observed, later);
    assert_eq!(actions, [Action::RemoveSandbox]);
    machine.handle(later, Event::SandboxRemoved);
    assert!(machine.is_finished());
}
