//! Restarts of main containers, and starts that fail.

use pod_spec::status::{PodPhase, PodStatus};

use crate::RestartPolicy::{self, Always, Never, OnFailure};
use crate::sim::{Play, Script, Sim, condition, ended, of, pod, reason, seconds};
use crate::{Action, Addresses, Event, PodMachine};

#[test]
fn b036_b037_each_policy_restarts_what_it_says() {
    let plays = [Play::Exit { after: 1, code: 1 }, Play::Exit { after: 1, code: 0 }, Play::Forever];
    let rows: [(RestartPolicy, u32, PodPhase, bool, &str); 3] = [
        (Always, 2, PodPhase::Running, true, "Running"),
        (OnFailure, 1, PodPhase::Succeeded, false, "Completed"),
        (Never, 0, PodPhase::Failed, false, "Error"),
    ];
    for (policy, restarts, phase, ready, state) in rows {
        let mut sim = Sim::new(pod(policy, &["app"]), vec![Script::new(&plays)]);
        let status = sim.run_until(100);
        let app = of(&status, "app");
        assert_eq!(
            (app.restart_count, status.phase, app.ready),
            (restarts, phase, ready),
            "{policy:?}"
        );
        assert_eq!(reason(&status, "app"), state);
    }
}

#[test]
fn b041_b042_restarts_follow_the_kubelets_offsets() {
    let mut sim = Sim::new(pod(Always, &["app"]), vec![Script::codes(0, &[1])]);
    sim.run_until(1300);
    assert_eq!(sim.times("start app#"), [0, 0, 10, 30, 70, 150, 310, 610, 910, 1210]);
    assert_eq!(sim.times("Warning BackOff").first(), Some(&0));
    let said =
        "0.0 Warning BackOff: Back-off restarting failed container app in pod web_default(1-2)";
    assert_eq!(sim.lines(&["BackOff"])[0], said);
}

#[test]
fn b043_a_run_of_more_than_ten_minutes_clears_the_back_off() {
    let quick = Play::Exit { after: 0, code: 1 };
    let plays = [quick, quick, quick, Play::Exit { after: 601, code: 1 }, quick, quick];
    let mut sim = Sim::new(pod(Always, &["app"]), vec![Script::new(&plays)]);
    sim.run_until(700);
    assert_eq!(sim.times("start app#"), [0, 0, 10, 30, 631, 641, 661]);
}

#[test]
fn b044_b045_an_exit_with_code_0_waits_as_well_and_both_states_are_shown() {
    let mut sim = Sim::new(pod(Always, &["app"]), vec![Script::codes(1, &[0])]);
    let status = sim.run_until(5);
    let app = of(&status, "app");
    let waiting = app.state.waiting.as_ref().unwrap();
    assert_eq!(waiting.reason.as_deref(), Some("CrashLoopBackOff"));
    let words = "back-off 10s restarting failed container=app pod=web_default(1-2)";
    assert_eq!(waiting.message.as_deref(), Some(words));
    assert_eq!(app.last_state.terminated.as_ref().unwrap().reason.as_deref(), Some("Completed"));
    assert_eq!((app.restart_count, app.started), (1, Some(false)));
}

#[test]
fn b062_the_last_two_ends_are_shown() {
    let mut sim = Sim::new(pod(OnFailure, &["app"]), vec![Script::codes(5, &[3, 4, 0])]);
    let codes = |status: &PodStatus| {
        let app = of(status, "app");
        [&app.state, &app.last_state].map(|s| s.terminated.as_ref().map(|t| t.exit_code))
    };
    let rows =
        [(1, [None, None]), (6, [None, Some(3)]), (11, [None, Some(4)]), (21, [None, Some(4)])];
    for (at, shown) in rows {
        assert_eq!(codes(&sim.run_until(at)), shown, "{at}");
    }
    let _ = ended(&mut sim);
    assert_eq!(codes(&sim.machine.status()), [Some(0), Some(4)]);
}

#[test]
fn b005_b008_a_pod_that_waits_to_restart_is_running() {
    for policy in [Always, OnFailure] {
        let mut sim = Sim::new(pod(policy, &["app"]), vec![Script::codes(1, &[1])]);
        let status = sim.run_until(100);
        assert_eq!(
            (status.phase, reason(&status, "app").as_str()),
            (PodPhase::Running, "CrashLoopBackOff")
        );
        assert_eq!(
            condition(&status, "Ready"),
            "False/ContainersNotReady/containers with unready status: [app]"
        );
    }
}

#[test]
fn b003_b004_a_main_container_that_never_ran_keeps_the_pod_pending() {
    let scripts = vec![Script::forever(), Script::forever().create_failures(1)];
    let mut sim = Sim::new(pod(Always, &["a", "b"]), scripts);
    let status = sim.run_until(5);
    assert_eq!((status.phase, of(&status, "a").ready), (PodPhase::Pending, true));
    assert_eq!(reason(&status, "b"), "ErrImagePull");
    let status = sim.run_until(11);
    assert_eq!((status.phase, of(&status, "b").restart_count), (PodPhase::Running, 0));
}

#[test]
fn b006_one_failure_among_the_main_containers_fails_the_pod() {
    for (codes, phase) in
        [([0, 0], PodPhase::Succeeded), ([0, 1], PodPhase::Failed), ([2, 0], PodPhase::Failed)]
    {
        let scripts = vec![Script::codes(1, &[codes[0]]), Script::codes(2, &[codes[1]])];
        assert_eq!(ended(&mut Sim::new(pod(Never, &["a", "b"]), scripts)), phase, "{codes:?}");
    }
}

#[test]
fn b201_a_program_that_cannot_be_executed_is_a_failed_run() {
    let mut sim = Sim::new(pod(Never, &["app"]), vec![Script::new(&[Play::StartError])]);
    assert_eq!(ended(&mut sim), PodPhase::Failed);
    let status = sim.machine.status();
    let end = of(&status, "app").state.terminated.clone().unwrap();
    assert_eq!((end.exit_code, end.reason.as_deref()), (128, Some("StartError")));
    assert_eq!(sim.lines(&["Warning"]), ["0.0 Warning Failed: Error: no such thing"]);

    let mut sim = Sim::new(pod(OnFailure, &["app"]), vec![Script::new(&[Play::StartError])]);
    sim.run_until(60);
    assert_eq!(sim.times("start app#"), [0, 0, 10, 30]);
}

#[test]
fn b039_restart_counts_go_up_one_by_one() {
    let mut sim = Sim::new(pod(Always, &["app"]), vec![Script::codes(1, &[1])]);
    let mut counts: Vec<u32> =
        (0..200).map(|at| of(&sim.run_until(at), "app").restart_count).collect();
    counts.dedup();
    assert_eq!(counts, [0, 1, 2, 3, 4, 5]);
}

#[test]
fn b139_b202_the_reason_says_how_a_program_ended() {
    let killed = Play::Exit { after: 1, code: 137 };
    let memory = Play::OutOfMemory { after: 1, code: 137 };
    for (play, words) in [(killed, "Error"), (memory, "OOMKilled")] {
        let mut sim = Sim::new(pod(Never, &["app"]), vec![Script::new(&[play])]);
        assert_eq!(ended(&mut sim), PodPhase::Failed);
        assert_eq!(reason(&sim.machine.status(), "app"), words);
    }
}

#[test]
fn b015_one_sandbox_only_when_all_containers_are_done() {
    let mut sim = Sim::new(pod(Never, &["app"]), vec![Script::codes(1, &[0])]);
    assert_eq!(ended(&mut sim), PodPhase::Succeeded);
    assert_eq!(sim.times("make sandbox"), [0]);
    assert_eq!(sim.log.last().map(String::as_str), Some("1.0 remove sandbox"));
}

#[test]
fn a_sandbox_that_cannot_be_made_is_tried_again() {
    let mut sim = Sim::new(pod(Never, &["app"]), vec![Script::codes(1, &[0])]);
    sim.world.sandbox_failures = 2;
    let status = sim.run_until(5);
    assert_eq!(
        (status.phase, status.reason.as_deref()),
        (PodPhase::Pending, Some("CreatePodSandboxError"))
    );
    assert_eq!(reason(&status, "app"), "ContainerCreating");
    assert_eq!(ended(&mut sim), PodPhase::Succeeded);
    assert_eq!(sim.times("make sandbox"), [0, 10, 30]);
    assert_eq!(
        sim.times("FailedCreatePodSandBox: Failed to create pod sandbox: no address"),
        [0, 10]
    );
    assert_eq!(sim.machine.status().reason, None);
}

#[test]
fn a_sandbox_that_nobody_can_make_again_fails_the_pod() {
    let mut sim = Sim::new(pod(Always, &["s1", "app"]), vec![Script::forever(), Script::forever()]);
    sim.world.lose_all(5);
    assert_eq!(ended(&mut sim), PodPhase::Failed);
    let status = sim.machine.status();
    assert_eq!(status.reason.as_deref(), Some("SandboxLost"));
    // The exit code came after the outcome was settled.
    assert_eq!(reason(&status, "app"), "Error");
}

#[test]
fn b209_the_image_of_a_volume_is_named_when_it_cannot_be_had() {
    let (mut machine, _) = PodMachine::new(pod(Always, &["app"]), seconds(0));
    machine.handle(seconds(0), Event::SandboxReady { addresses: Addresses::default() });
    let failed = |at: u64| Event::StartFailed {
        container: "app".to_owned(),
        attempt: 0,
        reason: "ErrImagePull".to_owned(),
        message: "not known".to_owned(),
        image: Some("data:1".to_owned()),
        at: seconds(at),
    };
    let actions = machine.handle(seconds(0), failed(0));
    let Some(Action::Record(event)) = actions.first() else { panic!("{actions:?}") };
    assert_eq!(event.message, "Failed to pull image \"data:1\": not known");
    machine.handle(seconds(10), Event::Tick);
    machine.handle(seconds(10), failed(10));
    let status = machine.status();
    let waiting = status.container_statuses[0].state.waiting.as_ref().expect("waits");
    let words = "Back-off pulling image \"data:1\": ErrImagePull: not known";
    assert_eq!(waiting.message.as_deref(), Some(words));
}

#[test]
fn a_container_that_lacks_its_configuration_is_tried_when_that_changes() {
    let (mut machine, _) = PodMachine::new(pod(Always, &["app"]), seconds(0));
    let start = Action::StartContainer { container: "app".to_owned(), attempt: 0 };
    let ready = machine.handle(seconds(0), Event::SandboxReady { addresses: Addresses::default() });
    assert_eq!(ready, std::slice::from_ref(&start));
    let failed = |reason: &str, at: u64| Event::StartFailed {
        container: "app".to_owned(),
        attempt: 0,
        reason: reason.to_owned(),
        message: "configmap \"a\" not found".to_owned(),
        image: None,
        at: seconds(at),
    };
    let lacks = "CreateContainerConfigError";
    for at in [0, 10, 20] {
        machine.handle(seconds(at), failed(lacks, at));
        assert_eq!(reason(&machine.status(), "app"), lacks);
        assert_eq!(machine.next_deadline(), Some(seconds(at + 10)), "the pause does not grow");
        let again = machine.handle(seconds(at + 10), Event::Tick);
        assert_eq!(again, std::slice::from_ref(&start));
    }
    machine.handle(seconds(30), failed(lacks, 30));
    let again = machine.handle(seconds(31), Event::ConfigurationChanged);
    assert_eq!(again, std::slice::from_ref(&start));
    // Nothing else is in a hurry because of it.
    machine.handle(seconds(32), failed("ErrImagePull", 32));
    assert_eq!(machine.handle(seconds(33), Event::ConfigurationChanged), []);
}
