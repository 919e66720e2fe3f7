//! Deletion and the end.

use pod_spec::status::PodPhase;

use crate::RestartPolicy::{Always, Never, OnFailure};
use crate::sim::{OnTerm, Play, Script, Sim, condition, ended, of, pod, reason, seconds};
use crate::{Action, Addresses, Event, Exit, GraceSeconds, PodMachine};

fn exits(code: i32) -> Script {
    Script::forever().on_term(OnTerm::Exit { after: 1, code })
}

fn ignores() -> Script {
    Script::forever().on_term(OnTerm::Ignore)
}

#[test]
fn b011_b012_b094_the_exit_codes_of_a_deleted_pod_decide_its_phase() {
    for policy in [Always, OnFailure, Never] {
        let rows = [
            (exits(0), PodPhase::Succeeded),
            (exits(1), PodPhase::Failed),
            (ignores(), PodPhase::Failed),
        ];
        for (script, phase) in rows {
            let mut sim = Sim::new(pod(policy, &["app"]), vec![script]);
            sim.delete(5, Some(10));
            assert_eq!(ended(&mut sim), phase, "{policy:?}");
        }
    }
}

#[test]
fn b010_b013_b143_a_pod_deleted_before_its_container_ran_has_failed() {
    let mut sim = Sim::new(pod(Always, &["app"]), vec![Script::forever().create_failures(9)]);
    sim.delete(12, None);
    assert_eq!(ended(&mut sim), PodPhase::Failed);
    let status = sim.machine.status();
    assert_eq!(reason(&status, "app"), "ContainerStatusUnknown");
    assert_eq!(of(&status, "app").state.terminated.as_ref().unwrap().exit_code, 137);
    assert_eq!(sim.times("remove sandbox"), [12]);
}

#[test]
fn b010_a_pod_deleted_before_its_sandbox_was_there_has_failed() {
    let mut sim = Sim::new(pod(Always, &["i1", "app"]), vec![Script::forever(), Script::forever()]);
    sim.world.sandbox_failures = 5;
    sim.delete(12, None);
    assert_eq!(ended(&mut sim), PodPhase::Failed);
    assert_eq!(reason(&sim.machine.status(), "app"), "PodInitializing");
}

#[test]
fn b037_a_deleted_pod_restarts_nothing() {
    let mut sim = Sim::new(
        pod(Always, &["s1", "a", "b"]),
        vec![Script::codes(1, &[1]), Script::codes(1, &[0]), ignores()],
    );
    sim.delete(5, Some(20));
    let status = sim.run_until(10);
    // What waited for a restart is over.
    assert_eq!([reason(&status, "a"), reason(&status, "s1")], ["Completed", "Error"]);
    assert_eq!(ended(&mut sim), PodPhase::Failed);
    assert_eq!(sim.times("start ").iter().filter(|at| **at > 5).count(), 0);
}

#[test]
fn b089_b145_b146_mains_are_stopped_together_and_sidecars_in_reverse_order_after_them() {
    let scripts = vec![
        exits(0),
        exits(0),
        Script::forever().on_term(OnTerm::Exit { after: 2, code: 0 }),
        Script::forever().on_term(OnTerm::Exit { after: 3, code: 0 }),
    ];
    let mut sim = Sim::new(pod(Always, &["s1", "s2", "a", "b"]), scripts);
    sim.delete(10, None);
    assert_eq!(ended(&mut sim), PodPhase::Succeeded);
    assert_eq!(
        sim.lines(&["term", "remove"]),
        [
            "10.0 term a#0",
            "10.0 term b#0",
            "13.0 term s2#0",
            "14.0 term s1#0",
            "15.0 remove sandbox"
        ]
    );
    let said: Vec<&str> = sim.lines(&["Killing"]);
    assert_eq!(said.len(), 4);
    assert_eq!(said[0], "10.0 Normal Killing: Stopping container a");
}

#[test]
fn b091_b135_who_had_no_turn_is_asked_at_the_end_of_the_grace_and_has_two_seconds() {
    let mut sim = Sim::new(pod(Always, &["s1", "s2", "app"]), vec![ignores(), exits(0), ignores()]);
    sim.delete(10, None);
    assert_eq!(ended(&mut sim), PodPhase::Failed);
    assert_eq!(
        sim.lines(&["term", "kill", "ends", "remove"]),
        [
            "10.0 term app#0",
            "40.0 term s2#0",
            "40.0 term s1#0",
            "40.0 kill app#0",
            "40.0 app#0 ends 137",
            "41.0 s2#0 ends 0",
            "42.0 kill s1#0",
            "42.0 s1#0 ends 137",
            "42.0 remove sandbox",
        ]
    );
}

#[test]
fn b090_a_pod_that_ended_by_itself_gives_its_sidecars_one_grace_period_together() {
    let scripts = vec![ignores(), ignores(), Script::codes(5, &[0])];
    let mut sim = Sim::new(pod(Never, &["s1", "s2", "app"]), scripts);
    assert_eq!(ended(&mut sim), PodPhase::Succeeded);
    assert_eq!(
        sim.lines(&["term", "kill"]),
        ["5.0 term s2#0", "35.0 term s1#0", "35.0 kill s2#0", "37.0 kill s1#0"]
    );
}

#[test]
fn b092_a_pod_deleted_while_it_is_initialized_does_not_hang() {
    let scripts = vec![exits(0), ignores(), Script::forever(), Script::forever()];
    let mut sim = Sim::new(pod(Always, &["s1", "i1", "s2", "app"]), scripts);
    sim.delete(3, Some(5));
    assert_eq!(ended(&mut sim), PodPhase::Failed);
    assert_eq!(
        sim.lines(&["term", "kill", "remove"]),
        ["3.0 term i1#0", "3.0 term s1#0", "8.0 kill i1#0", "8.0 remove sandbox"]
    );
}

#[test]
fn b141_a_grace_of_zero_still_gives_two_seconds() {
    for grace in [0, 1] {
        let mut sim = Sim::new(pod(Always, &["s1", "app"]), vec![ignores(), ignores()]);
        sim.delete(4, Some(grace));
        assert_eq!(ended(&mut sim), PodPhase::Failed);
        assert_eq!(sim.times("kill app"), [6]);
    }
}

#[test]
fn a_later_deletion_shortens_the_grace_and_never_lengthens_it() {
    for (second, killed) in [(None, 40), (Some(100), 40), (Some(5), 25), (Some(0), 20)] {
        let mut sim = Sim::new(pod(Always, &["app"]), vec![ignores()]);
        sim.delete(10, Some(30));
        sim.delete(20, second);
        assert_eq!(ended(&mut sim), PodPhase::Failed);
        assert_eq!(sim.times("kill app"), [killed], "{second:?}");
    }
}

/// A pod whose only container is just being started when the pod is deleted, and what was asked for then.
fn deleted_during_a_start(at: u64, grace: u32) -> (PodMachine, Vec<Action>) {
    let (mut machine, _) = PodMachine::new(pod(Always, &["app"]), seconds(0));
    machine.handle(seconds(0), Event::SandboxReady { addresses: Addresses::default() });
    let grace = Some(GraceSeconds::new(grace));
    let actions = machine.handle(seconds(at), Event::Delete { grace });
    (machine, actions)
}

fn failed_to_start(reason: &str, at: u64) -> Event {
    let (container, reason, message) =
        ("app".to_owned(), reason.to_owned(), "abandoned".to_owned());
    Event::StartFailed { container, attempt: 0, reason, message, image: None, at: seconds(at) }
}

#[test]
fn b013_a_start_under_way_is_abandoned() {
    let rows = [("CreateContainerError", "ContainerStatusUnknown"), ("StartError", "StartError")];
    for (reported, shown) in rows {
        let (mut machine, actions) = deleted_during_a_start(5, 10);
        assert_eq!(actions, [Action::Terminate { container: "app".to_owned(), attempt: 0 }]);
        assert_eq!(
            machine.handle(seconds(6), failed_to_start(reported, 6)),
            [Action::RemoveSandbox]
        );
        let status = machine.status();
        assert_eq!((status.phase, reason(&status, "app").as_str()), (PodPhase::Failed, shown));
    }
}

#[test]
fn a_container_that_comes_to_life_after_the_signal_gets_it_again_and_its_two_seconds() {
    let started = |at| Event::Started {
        container: "app".to_owned(),
        attempt: 0,
        id: "1".to_owned(),
        image_id: String::new(),
        volume_images: Default::default(),
        at: seconds(at),
    };
    let (mut machine, _) = deleted_during_a_start(5, 3);
    let actions = machine.handle(seconds(7), started(7));
    assert_eq!(
        actions.last(),
        Some(&Action::Terminate { container: "app".to_owned(), attempt: 0 })
    );
    assert_eq!(machine.next_deadline(), Some(seconds(9)));

    let (mut machine, _) = deleted_during_a_start(5, 0);
    let kill = Action::Kill { container: "app".to_owned(), attempt: 0 };
    assert_eq!(machine.handle(seconds(7), Event::Tick), std::slice::from_ref(&kill));
    assert_eq!(machine.handle(seconds(8), started(8)).last(), Some(&kill));
}

#[test]
fn b009_a_final_phase_stays() {
    let mut sim = Sim::new(pod(Never, &["app"]), vec![Script::codes(1, &[0])]);
    assert_eq!(ended(&mut sim), PodPhase::Succeeded);
    let before = sim.machine.status();
    let now = sim.world.now;
    let events = [
        Event::Delete { grace: Some(GraceSeconds::new(0)) },
        Event::SandboxLost { message: "late".to_owned() },
        Event::SandboxGone { message: "late".to_owned() },
        Event::SandboxReady { addresses: Addresses::default() },
        Event::SandboxRemoved,
        Event::Tick,
    ];
    for event in events {
        assert_eq!(sim.machine.handle(now, event), []);
        assert_eq!(sim.machine.status(), before);
    }
}

#[test]
fn b009_a_late_exit_code_is_shown_and_changes_nothing_else() {
    let mut sim =
        Sim::new(pod(OnFailure, &["i1", "app"]), vec![Script::forever(), Script::forever()]);
    sim.run_until(3);
    let lost = Event::SandboxGone { message: "keeper ended".to_owned() };
    sim.machine.handle(seconds(5), lost);
    let before = sim.machine.status();
    assert_eq!(reason(&before, "i1"), "ContainerStatusUnknown");
    let late = Event::Exited {
        container: "i1".to_owned(),
        attempt: 0,
        exit: Exit::with_code(0),
        started_at: seconds(0),
        finished_at: seconds(4),
        message: None,
    };
    assert_eq!(sim.machine.handle(seconds(6), late), []);
    let after = sim.machine.status();
    assert_eq!(reason(&after, "i1"), "Completed");
    assert_eq!((after.phase, after.conditions), (before.phase, before.conditions));
}

#[test]
fn b022_the_conditions_of_a_pod_that_is_over_say_so() {
    for (code, reason, initialized) in
        [(0, "PodCompleted", "True/PodCompleted/"), (1, "PodFailed", "True//")]
    {
        let mut sim =
            Sim::new(pod(Never, &["app"]), vec![Script::new(&[Play::Exit { after: 1, code }])]);
        let _ = ended(&mut sim);
        let status = sim.machine.status();
        assert_eq!(condition(&status, "Ready"), format!("False/{reason}/"));
        assert_eq!(condition(&status, "ContainersReady"), format!("False/{reason}/"));
        assert_eq!(condition(&status, "Initialized"), initialized);
        assert_eq!(condition(&status, "PodReadyToStartContainers"), "False//");
    }
}
