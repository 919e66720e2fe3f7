//! The sandbox is lost, and is made again.

use pod_spec::status::PodPhase;

use crate::RestartPolicy::{Always, Never, OnFailure};
use crate::sim::{Play, Script, Sim, condition, ended, of, pod, reason};

const CHANGED: &str =
    "Normal SandboxChanged: Pod sandbox changed, it will be killed and re-created.";

fn init() -> Script {
    Script::codes(1, &[0])
}

#[test]
fn b057_b099_a_lost_sandbox_is_made_again_and_the_pod_begins_with_its_first_container() {
    let scripts = vec![init(), Script::forever(), init(), Script::forever()];
    let mut sim = Sim::new(pod(Always, &["i1", "s1", "i2", "app"]), scripts);
    sim.world.lose_sandbox(10);
    let status = sim.run_until(60);
    let lines = sim.lines(&["sandbox", "#1 runs", "#1 ends"]);
    assert_eq!(
        lines,
        [
            "0.0 make sandbox",
            "10.0 sandbox dies",
            &format!("10.0 {CHANGED}"),
            "10.0 make sandbox",
            "10.0 i1#1 runs",
            "11.0 i1#1 ends 0",
            "11.0 s1#1 runs",
            "11.0 i2#1 runs",
            "12.0 i2#1 ends 0",
            "12.0 app#1 runs",
        ]
    );
    let counts = ["i1", "s1", "i2", "app"].map(|name| of(&status, name).restart_count);
    assert_eq!((status.phase, counts), (PodPhase::Running, [1; 4]));
    assert_eq!(of(&status, "app").last_state.terminated.as_ref().map(|t| t.exit_code), Some(137));
}

#[test]
fn b057_whatever_runs_in_a_lost_sandbox_is_killed_before_another_one_is_made() {
    let table = pod(Always, &["s1", "app"]).with_pre_stop(&["app"]);
    let mut sim = Sim::new(table, vec![Script::forever(), Script::forever()]);
    sim.run_until(5);
    let lost = crate::Event::SandboxLost { message: "pause ended".to_owned() };
    let actions = sim.machine.handle(sim.world.now, lost);
    let kill = |container: &str| crate::Action::Kill { container: container.into(), attempt: 0 };
    assert!(actions.contains(&kill("app")) && actions.contains(&kill("s1")), "{actions:?}");
    assert!(!actions.contains(&crate::Action::CreateSandbox), "{actions:?}");
    let end = |name: &str| sim.exit_of(name, 0, 137, 5);
    let (app, sidecar) = (end("app"), end("s1"));
    assert_eq!(sim.machine.handle(sim.world.now, app), []);
    let actions = sim.machine.handle(sim.world.now, sidecar);
    assert_eq!(actions.last(), Some(&crate::Action::CreateSandbox));
}

#[test]
fn b056_a_pod_that_is_never_restarted_gets_no_second_sandbox() {
    let mut sim = Sim::new(pod(Never, &["i1", "app"]), vec![init(), Script::forever()]);
    sim.world.lose_sandbox(5);
    assert_eq!(ended(&mut sim), PodPhase::Failed);
    assert_eq!((sim.times("make sandbox"), sim.times("SandboxChanged")), (vec![0], vec![]));
    assert_eq!(sim.machine.status().reason.as_deref(), Some("SandboxLost"));
}

#[test]
fn b056_it_gets_one_as_long_as_nothing_has_run() {
    let unlucky = Script::codes(1, &[0]).create_failures(1);
    let mut sim = Sim::new(pod(Never, &["app"]), vec![unlucky]);
    sim.world.lose_sandbox(5);
    assert_eq!(ended(&mut sim), PodPhase::Succeeded);
    assert_eq!(sim.times("make sandbox"), [0, 5]);
    assert_eq!(of(&sim.machine.status(), "app").restart_count, 0);
}

#[test]
fn b058_what_has_succeeded_is_not_run_again_in_a_second_sandbox() {
    let again = Script::new(&[Play::Forever, Play::Exit { after: 3, code: 0 }]);
    let scripts = vec![init(), Script::codes(1, &[0]), again];
    let mut sim = Sim::new(pod(OnFailure, &["i1", "a", "b"]), scripts);
    sim.world.lose_sandbox(5);
    assert_eq!(ended(&mut sim), PodPhase::Succeeded);
    let status = sim.machine.status();
    let counts = ["i1", "a", "b"].map(|name| of(&status, name).restart_count);
    assert_eq!((counts, sim.times("make sandbox")), ([1, 0, 1], vec![0, 5]));
}

#[test]
fn b015_a_pod_that_is_done_gets_no_second_sandbox() {
    let mut sim = Sim::new(pod(OnFailure, &["s1", "app"]), vec![Script::forever(), init()]);
    sim.run_until(0);
    // It ends well while the sandbox dies.
    let done = sim.exit_of("app", 0, 0, 1);
    let lost = crate::Event::SandboxLost { message: "pause ended".to_owned() };
    sim.machine.handle(sim.world.now, lost);
    sim.machine.handle(sim.world.now, done);
    let sidecar = sim.exit_of("s1", 0, 137, 1);
    let actions = sim.machine.handle(sim.world.now, sidecar);
    assert_eq!(actions, [crate::Action::RemoveSandbox]);
    assert_eq!(sim.machine.status().phase, PodPhase::Succeeded);
}

#[test]
fn b077_of_init_containers_the_last_run_is_kept_and_none_across_a_second_sandbox() {
    let failing = Script::codes(1, &[3, 0]);
    let mut sim = Sim::new(pod(Always, &["i1", "app"]), vec![failing, Script::forever()]);
    let status = sim.run_until(10);
    let one = of(&status, "i1");
    assert_eq!((one.restart_count, reason(&status, "i1").as_str()), (1, "Completed"));
    assert_eq!(one.last_state.terminated.as_ref().map(|t| t.exit_code), Some(3));
    sim.world.sandbox_failures = 1;
    sim.world.lose_sandbox(20);
    let status = sim.run_until(25);
    let one = of(&status, "i1");
    assert!(one.last_state.terminated.is_none() && one.state.terminated.is_none(), "{one:#?}");
    assert_eq!(reason(&status, "i1"), "PodInitializing");
    // The main container's end is shown until it runs again.
    assert_eq!(reason(&status, "app"), "Error");
    assert_eq!((status.phase, one.restart_count), (PodPhase::Pending, 2));
    let status = sim.run_until(60);
    assert!(of(&status, "i1").last_state.terminated.is_none());
    assert_eq!(status.phase, PodPhase::Running);
}

#[test]
fn b027_without_init_containers_a_pod_stays_running_while_it_has_no_sandbox() {
    let mut sim = Sim::new(pod(Always, &["app"]), vec![Script::forever()]);
    sim.run_until(4);
    sim.world.sandbox_failures = 2;
    sim.world.lose_sandbox(5);
    let status = sim.run_until(20);
    assert_eq!((status.phase, reason(&status, "app").as_str()), (PodPhase::Running, "Error"));
    assert_eq!(condition(&status, "PodReadyToStartContainers"), "False//");
    assert!(condition(&status, "Ready").starts_with("False/ContainersNotReady"));
    let status = sim.run_until(60);
    assert_eq!((status.phase, reason(&status, "app").as_str()), (PodPhase::Running, "Running"));
    assert_eq!(sim.times("make sandbox"), [0, 5, 15, 35]);
}

#[test]
fn a_pod_is_deleted_while_its_sandbox_is_made_again() {
    let mut sim = Sim::new(pod(Always, &["i1", "app"]), vec![init(), Script::forever()]);
    sim.run_until(4);
    sim.world.sandbox_failures = 9;
    sim.world.lose_sandbox(5);
    sim.delete(30, None);
    assert_eq!(ended(&mut sim), PodPhase::Failed);
    assert_eq!(sim.times("remove sandbox"), [30]);
}
