//! Conditions and what else is read off the status.

use std::time::Duration;

use pod_spec::Time;

use pod_spec::status::{ConditionStatus, PodCondition, PodPhase, PodStatus};

use crate::RestartPolicy::{Always, Never};
use crate::sim::{OnTerm, Script, Sim, condition, of, pod, probe, seconds};
use crate::{Action, Addresses, Event, EventKind, Exit, LifecycleTable, PodMachine, ProbeKind};

fn changed(status: &PodStatus, kind: &str) -> i64 {
    let found = status.conditions.iter().find(|c| c.kind == kind).unwrap();
    found.last_transition_time.unwrap().as_nanos() / 1_000_000_000
}

#[test]
fn b024_b033_conditions_come_true_in_order() {
    let scripts = vec![Script::codes(4, &[0]), Script::forever()];
    let mut sim = Sim::new(pod(Always, &["i1", "app"]), scripts);
    sim.world.sandbox_failures = 1;
    let status = sim.run_until(60);
    let kinds =
        ["PodScheduled", "PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready"];
    assert_eq!(kinds.map(|kind| changed(&status, kind)), [0, 10, 14, 14, 14]);

    let mut sim = Sim::new(pod(Always, &["app"]), vec![Script::forever()]);
    sim.world.sandbox_failures = 1;
    let status = sim.run_until(60);
    assert_eq!(kinds.map(|kind| changed(&status, kind)), [0, 10, 0, 10, 10]);
}

#[test]
fn b025_without_a_sandbox_only_what_needs_none_holds() {
    for (names, initialized) in [
        (vec!["app"], "True//"),
        (
            vec!["i1", "app"],
            "False/ContainersNotInitialized/containers with incomplete status: [i1]",
        ),
    ] {
        let scripts = names.iter().map(|_| Script::forever()).collect();
        let mut sim = Sim::new(pod(Always, &names), scripts);
        sim.world.sandbox_failures = 9;
        let status = sim.run_until(5);
        let kinds = ["PodScheduled", "PodReadyToStartContainers", "Initialized"];
        assert_eq!(kinds.map(|kind| condition(&status, kind)), ["True//", "False//", initialized]);
        assert!(condition(&status, "Ready").starts_with("False/ContainersNotReady"));
    }
}

#[test]
fn b027_the_sandbox_condition_follows_the_sandbox() {
    let mut sim = Sim::new(pod(Always, &["app"]), vec![Script::forever()]);
    assert_eq!(condition(&sim.machine.status(), "PodReadyToStartContainers"), "False//");
    assert_eq!(condition(&sim.run_until(1), "PodReadyToStartContainers"), "True//");
    sim.world.sandbox_failures = 1;
    sim.world.lose_sandbox(5);
    assert_eq!(condition(&sim.run_until(14), "PodReadyToStartContainers"), "False//");
    assert_eq!(condition(&sim.run_until(15), "PodReadyToStartContainers"), "True//");
}

#[test]
fn b023_initialized_holds_when_every_sidecar_is_started() {
    let scripts =
        vec![Script::codes(1, &[0]), Script::forever().create_failures(1), Script::forever()];
    let mut sim = Sim::new(pod(Always, &["i1", "s1", "app"]), scripts);
    let words = "False/ContainersNotInitialized/containers with incomplete status: [s1]";
    assert_eq!(condition(&sim.run_until(5), "Initialized"), words);
    assert_eq!(condition(&sim.run_until(12), "Initialized"), "True//");
}

#[test]
fn b028_b029_b030_started_and_ready_without_probes() {
    let scripts = vec![Script::codes(1, &[0]), Script::forever()];
    let mut sim = Sim::new(pod(Always, &["i1", "app"]), scripts);
    let status = sim.run_until(0);
    let flags = |status: &PodStatus, name: &str| (of(status, name).started, of(status, name).ready);
    assert_eq!(
        [flags(&status, "i1"), flags(&status, "app")],
        [(Some(true), false), (Some(false), false)]
    );
    let status = sim.run_until(1);
    assert_eq!(
        [flags(&status, "i1"), flags(&status, "app")],
        [(Some(false), true), (Some(true), true)]
    );
}

#[test]
fn b034_b035_generation_and_addresses_are_shown() {
    let mut sim = Sim::new(pod(Always, &["app"]), vec![Script::forever()]);
    let status = sim.run_until(1);
    assert_eq!(status.observed_generation, Some(7));
    assert!(status.conditions.iter().all(|c| c.observed_generation == Some(7)));
    assert_eq!(status.pod_ip.as_deref(), Some("10.0.0.2"));
    assert_eq!(status.pod_ips[0].ip, "10.0.0.2");
    assert_eq!(status.host_ips[0].ip, status.host_ip.clone().unwrap());
    assert_eq!(status.start_time, Some(seconds(0)));
    let app = of(&status, "app");
    assert_eq!(
        (app.container_id.as_deref(), app.image_id.as_str()),
        (Some("pod://app-0"), "sha256:1")
    );
}

#[test]
fn b115_a_deleted_pod_is_ready_while_its_containers_are() {
    let mut sim = Sim::new(pod(Always, &["app"]), vec![Script::forever()]);
    sim.delete(5, None);
    let status = sim.run_until(5);
    assert_eq!((status.phase, condition(&status, "Ready").as_str()), (PodPhase::Running, "True//"));
}

#[test]
fn what_happens_is_told_in_the_kubelets_words() {
    let mut sim = Sim::new(pod(Always, &["app"]), vec![Script::forever().create_failures(2)]);
    sim.run_until(60);
    assert_eq!(
        sim.lines(&["Normal", "Warning"]),
        [
            "0.0 Warning Failed: Failed to pull image \"image\": no such thing",
            "0.0 Warning Failed: Error: ErrImagePull",
            "10.0 Warning Failed: Failed to pull image \"image\": no such thing",
            "10.0 Warning Failed: Error: ErrImagePull",
            "10.0 Warning BackOff: Back-off pulling image \"image\"",
            "10.0 Warning Failed: Error: ImagePullBackOff",
            "30.0 Normal Created: Container created",
            "30.0 Normal Started: Container started",
        ]
    );
}

/// A condition from outside.
fn given(kind: &str, status: ConditionStatus) -> Event {
    let condition = PodCondition { kind: kind.to_owned(), status, ..PodCondition::default() };
    Event::ConditionSet { condition }
}

fn gated(gates: &[&str]) -> Sim {
    let readiness_gates = gates.iter().map(|gate| (*gate).to_owned()).collect();
    let table = LifecycleTable { readiness_gates, ..pod(Always, &["app"]) };
    Sim::new(table, vec![Script::forever()])
}

#[test]
fn b020_b021_a_pod_is_ready_when_its_gates_are_open() {
    let mut sim = gated(&["a.io/x", "a.io/y"]);
    sim.order(10, given("a.io/x", ConditionStatus::False));
    sim.order(20, given("a.io/x", ConditionStatus::True));
    sim.order(30, given("a.io/y", ConditionStatus::True));
    sim.order(40, given("a.io/x", ConditionStatus::False));
    let shut = |words: &str| format!("False/ReadinessGatesNotReady/{words}");
    let missing =
        |gate| format!("corresponding condition of pod readiness gate \"{gate}\" does not exist.");
    let closed = "the status of pod readiness gate \"a.io/x\" is not \"True\", but False";
    for (second, ready) in [
        (5, shut(&format!("{}, {}", missing("a.io/x"), missing("a.io/y")))),
        (15, shut(&format!("{closed}, {}", missing("a.io/y")))),
        (25, shut(&missing("a.io/y"))),
        (35, "True//".to_owned()),
        (45, shut(closed)),
    ] {
        let status = sim.run_until(second);
        assert_eq!(condition(&status, "Ready"), ready, "{second}");
        assert_eq!(condition(&status, "ContainersReady"), "True//", "{second}");
    }
    assert_eq!(changed(&sim.run_until(50), "Ready"), 40);
}

#[test]
fn b020_the_containers_come_before_the_gates() {
    let table =
        LifecycleTable { readiness_gates: vec!["a.io/x".to_owned()], ..pod(Never, &["app"]) };
    let mut sim = Sim::new(table, vec![Script::codes(5, &[0])]);
    let ready = condition(&sim.machine.status(), "Ready");
    assert_eq!(ready, "False/ContainersNotReady/containers with unready status: [app]");
    assert_eq!(condition(&sim.run(), "Ready"), "False/PodCompleted/");
}

#[test]
fn b018_b228_conditions_of_others_are_kept() {
    let mut sim = gated(&[]);
    sim.order(10, given("DisruptionTarget", ConditionStatus::True));
    sim.order(20, given("DisruptionTarget", ConditionStatus::True));
    sim.order(20, given("Ready", ConditionStatus::False));
    sim.delete(30, None);
    let status = sim.run_until(25);
    assert_eq!((condition(&status, "Ready").as_str(), changed(&status, "Ready")), ("True//", 0));
    let status = sim.run();
    assert_eq!(condition(&status, "DisruptionTarget"), "True//");
    assert_eq!(changed(&status, "DisruptionTarget"), 10);
    // They are what is saved, too.
    let text = serde_json::to_string(sim.machine.state()).unwrap();
    assert!(text.contains("DisruptionTarget"));
}

#[test]
fn b017_the_reason_of_a_phase_stays_as_long_as_the_phase() {
    let table = LifecycleTable {
        active_deadline: Some(Duration::from_secs(10)),
        ..pod(Always, &["app", "other"])
    };
    let stubborn = Script::forever().on_term(OnTerm::Ignore);
    let mut sim = Sim::new(table, vec![stubborn, Script::forever()]);
    let why = |status: &PodStatus| (status.phase, status.reason.clone(), status.message.clone());
    let over = sim.run();
    assert_eq!((over.phase, over.reason.as_deref()), (PodPhase::Failed, Some("DeadlineExceeded")));
    let exit = Event::Exited {
        container: "app".to_owned(),
        attempt: 0,
        exit: Exit::with_code(0),
        started_at: seconds(0),
        finished_at: seconds(60),
        message: None,
    };
    sim.order(100, exit);
    sim.order(110, given("a.io/x", ConditionStatus::True));
    assert_eq!(why(&sim.run()), why(&over));

    let mut sim = Sim::new(pod(Always, &["app"]), vec![Script::forever()]);
    sim.world.sandbox_failures = 2;
    let (first, later) = (why(&sim.run_until(5)), why(&sim.run_until(15)));
    assert_eq!((first.0, first.1.is_some()), (PodPhase::Pending, true));
    assert_eq!(first, later);
}

#[test]
fn b031_before_the_first_result_a_container_is_alive_and_neither_up_nor_ready() {
    let rules = probe(20, 10, 1);
    let first_look = |kind| {
        let table = pod(Always, &["app"]).with_probe("app", kind, rules);
        let mut sim = Sim::new(table, vec![Script::forever()]);
        let status = sim.run_until(19);
        let app = of(&status, "app");
        (app.started, app.ready, sim.run_until(21).container_statuses[0].ready)
    };
    assert_eq!(first_look(ProbeKind::Readiness), (Some(true), false, true));
    assert_eq!(first_look(ProbeKind::Liveness), (Some(true), true, true));
    assert_eq!(first_look(ProbeKind::Startup), (Some(false), false, true));
}

#[test]
fn b203_the_containers_of_a_pod_share_the_room_for_messages() {
    for (names, most) in
        [(vec!["a"], 12_288), (vec!["a", "b", "c"], 4096), (vec!["a", "b", "c", "d"], 3072)]
    {
        let scripts = names.iter().map(|_| Script::forever()).collect();
        let mut sim = Sim::new(pod(Never, &names), scripts);
        sim.run_until(1);
        let exit = |message: String| Event::Exited {
            container: "a".to_owned(),
            attempt: 0,
            exit: Exit::with_code(1),
            started_at: seconds(0),
            finished_at: seconds(2),
            message: Some(message),
        };
        let said = |text: String| {
            let mut machine: PodMachine = sim.machine.clone();
            machine.handle(seconds(2), exit(text));
            of(&machine.status(), "a").state.terminated.clone().unwrap().message.unwrap()
        };
        assert_eq!(said("x".repeat(20_000)), "x".repeat(most));
        // A character is kept whole or not at all.
        assert_eq!(said(format!("x{}", "ü".repeat(10_000))).len(), most - 1);
        sim.delete(3, Some(0));
        sim.run();
    }
}

fn fail_volumes(machine: &mut PodMachine, now: Time) -> Vec<Action> {
    let message = "MountVolume.SetUp failed for volume \"v\"".to_owned();
    machine.handle(now, Event::SandboxFailed { reason: "FailedMount".to_owned(), message })
}

#[test]
fn b025_b026_a_pod_waits_for_its_volumes_and_goes_on_when_they_are_there() {
    let mut now = Time::default();
    let (mut machine, _) = PodMachine::new(pod(Always, &["app"]), now);
    let mut pauses = Vec::new();
    for _ in 0..10 {
        let told = fail_volumes(&mut machine, now);
        let [Action::Record(event)] = &told[..] else { panic!("{told:?}") };
        assert_eq!((event.kind, event.reason.as_str()), (EventKind::Warning, "FailedMount"));
        assert!(event.message.starts_with("MountVolume.SetUp failed for volume"));
        let status = machine.status();
        assert_eq!(status.phase, PodPhase::Pending);
        let kinds = ["PodScheduled", "PodReadyToStartContainers", "Initialized"];
        assert_eq!(kinds.map(|kind| condition(&status, kind)), ["True//", "False//", "True//"]);
        let waiting = of(&status, "app").state.waiting.as_ref().unwrap();
        assert_eq!(waiting.reason.as_deref(), Some("ContainerCreating"));
        let next = machine.next_deadline().unwrap();
        pauses.push(next.since(now).as_millis());
        now = next;
        assert_eq!(machine.handle(now, Event::Tick), [Action::CreateSandbox]);
    }
    assert_eq!(pauses[..3], [500, 1000, 2000]);
    assert_eq!(pauses[9], 122_000);
    let actions = machine.handle(now, Event::SandboxReady { addresses: Addresses::default() });
    assert!(matches!(&actions[..], [Action::StartContainer { .. }]), "{actions:?}");
}

#[test]
fn b143_a_pod_that_waits_for_its_volumes_can_be_deleted() {
    let now = Time::default();
    let (mut machine, _) = PodMachine::new(pod(Always, &["app"]), now);
    fail_volumes(&mut machine, now);
    let actions = machine.handle(now, Event::Delete { grace: None });
    assert!(actions.contains(&Action::RemoveSandbox), "{actions:?}");
    machine.handle(now, Event::SandboxRemoved);
    assert!(machine.is_finished());
}

#[test]
fn b224_a_pod_that_takes_too_much_is_evicted() {
    let mut sim = Sim::new(pod(Always, &["app"]), vec![Script::forever()]);
    sim.run_until(5);
    let message = "Usage of EmptyDir volume \"v\" exceeds the limit \"1Mi\". ".to_owned();
    let now = Time::from_nanos(5_000_000_000);
    let actions = sim.machine.handle(now, Event::Evicted { message: message.clone() });
    assert!(
        actions.iter().any(
            |a| matches!(a, Action::Record(e) if e.reason == "Evicted" && e.message == message)
        ),
        "{actions:?}"
    );
    assert!(actions.iter().any(|a| matches!(a, Action::Terminate { .. })), "{actions:?}");
    assert_eq!(sim.machine.handle(now, Event::Evicted { message: message.clone() }), []);
    let exited = Event::Exited {
        container: "app".to_owned(),
        attempt: 0,
        exit: Exit::with_code(0),
        started_at: Time::default(),
        finished_at: now,
        message: None,
    };
    let actions = sim.machine.handle(now, exited);
    assert!(actions.contains(&Action::RemoveSandbox), "{actions:?}");
    let status = sim.machine.status();
    assert_eq!((status.phase, status.reason.as_deref()), (PodPhase::Failed, Some("Evicted")));
    assert_eq!(status.message, Some(message));
}
