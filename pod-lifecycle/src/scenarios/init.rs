//! Init containers.

use pod_spec::status::PodPhase;

use crate::RestartPolicy::{Always, Never, OnFailure};
use crate::sim::{Play, Script, Sim, condition, ended, of, pod, reason};

#[test]
fn b063_b067_init_containers_run_one_by_one_in_order() {
    let scripts = vec![Script::codes(2, &[0]), Script::codes(3, &[0]), Script::codes(1, &[0])];
    let mut sim = Sim::new(pod(Never, &["i1", "i2", "app"]), scripts);
    assert_eq!(ended(&mut sim), PodPhase::Succeeded);
    let runs =
        ["0.0 i1#0 runs", "2.0 i1#0 ends 0", "2.0 i2#0 runs", "5.0 i2#0 ends 0", "5.0 app#0 runs"];
    assert_eq!(sim.lines(&["#0 runs", "i1#0 ends", "i2#0 ends"]), runs);
    let status = sim.machine.status();
    assert_eq!(condition(&status, "Initialized"), "True/PodCompleted/");
    for name in ["i1", "i2"] {
        assert!(of(&status, name).ready && of(&status, name).state.terminated.is_some());
    }
}

#[test]
fn b064_the_pod_runs_after_its_init_containers() {
    let scripts = vec![Script::codes(1, &[0]), Script::codes(1, &[0]), Script::forever()];
    let mut sim = Sim::new(pod(Always, &["i1", "i2", "app"]), scripts);
    let status = sim.run_until(10);
    assert_eq!(status.phase, PodPhase::Running);
    assert_eq!(condition(&status, "Initialized"), "True//");
    assert_eq!(condition(&status, "Ready"), "True//");
}

#[test]
fn b065_b075_a_failing_init_container_is_restarted_with_back_off() {
    for policy in [Always, OnFailure] {
        let scripts = vec![Script::codes(1, &[1]), Script::forever(), Script::forever()];
        let mut sim = Sim::new(pod(policy, &["i1", "i2", "app"]), scripts);
        let status = sim.run_until(80);
        assert_eq!(
            sim.times("i1#"),
            [0, 0, 1, 1, 1, 2, 12, 12, 13, 33, 33, 34, 74, 74, 75],
            "{:#?}",
            sim.log
        );
        assert_eq!(of(&status, "i1").restart_count, 4);
        assert_eq!(reason(&status, "i1"), "CrashLoopBackOff");
        assert_eq!(
            [reason(&status, "i2"), reason(&status, "app")],
            ["PodInitializing", "PodInitializing"]
        );
        assert_eq!(status.phase, PodPhase::Pending);
        let words = "False/ContainersNotInitialized/containers with incomplete status: [i1 i2]";
        assert_eq!(condition(&status, "Initialized"), words);
    }
}

#[test]
fn b007_b014_b066_a_failed_init_container_ends_a_pod_that_never_restarts() {
    let scripts = vec![Script::codes(1, &[0]), Script::codes(1, &[3]), Script::forever()];
    let mut sim = Sim::new(pod(Never, &["i1", "i2", "app"]), scripts);
    assert_eq!(ended(&mut sim), PodPhase::Failed);
    let status = sim.machine.status();
    assert_eq!(of(&status, "i2").state.terminated.as_ref().unwrap().exit_code, 3);
    assert_eq!(reason(&status, "app"), "PodInitializing");
    let words = "False/ContainersNotInitialized/containers with incomplete status: [i2]";
    assert_eq!(condition(&status, "Initialized"), words);
    assert_eq!(condition(&status, "Ready"), "False/PodFailed/");
    assert!(sim.times("app#").is_empty());
}

#[test]
fn b001_a_pod_is_pending_while_it_is_initialized() {
    let scripts = vec![Script::codes(5, &[0]), Script::forever()];
    let mut sim = Sim::new(pod(Always, &["i1", "app"]), scripts);
    assert_eq!(sim.run_until(4).phase, PodPhase::Pending);
    assert_eq!(sim.run_until(6).phase, PodPhase::Running);
}

#[test]
fn b068_nothing_follows_an_init_container_that_fails() {
    for policy in [Always, OnFailure, Never] {
        let mut sim =
            Sim::new(pod(policy, &["i1", "app"]), vec![Script::codes(1, &[1]), Script::forever()]);
        sim.run_until(1000);
        assert!(sim.times("app#").is_empty(), "{policy:?}");
    }
}

#[test]
fn b069_a_restart_of_a_main_container_does_not_repeat_the_init_containers() {
    let scripts = vec![Script::codes(1, &[0]), Script::codes(1, &[1])];
    let mut sim = Sim::new(pod(Always, &["i1", "app"]), scripts);
    let status = sim.run_until(200);
    assert!(of(&status, "app").restart_count > 3);
    assert_eq!(sim.times("start i1#").len(), 1);
}

#[test]
fn b070_an_init_image_that_cannot_be_pulled_holds_everything_up() {
    for policy in [Always, OnFailure, Never] {
        let scripts = vec![Script::codes(1, &[0]).create_failures(9), Script::forever()];
        let mut sim = Sim::new(pod(policy, &["i1", "app"]), scripts);
        let status = sim.run_until(5);
        assert_eq!(
            [reason(&status, "i1"), reason(&status, "app")],
            ["ErrImagePull", "PodInitializing"]
        );
        let status = sim.run_until(60);
        assert_eq!(reason(&status, "i1"), "ImagePullBackOff");
        assert_eq!((status.phase, of(&status, "i1").restart_count), (PodPhase::Pending, 0));
        assert_eq!(sim.times("start i1#0"), [0, 10, 30]);
        assert!(sim.times("app#").is_empty());
    }
}

#[test]
fn b074_b202_an_init_container_out_of_memory_has_failed_whatever_its_code() {
    for code in [0, 137] {
        let play = Play::OutOfMemory { after: 1, code };
        let mut sim =
            Sim::new(pod(Never, &["i1", "app"]), vec![Script::new(&[play]), Script::forever()]);
        assert_eq!(ended(&mut sim), PodPhase::Failed);
        assert_eq!(reason(&sim.machine.status(), "i1"), "OOMKilled");
    }
}
