//! Sidecars.

use pod_spec::status::PodPhase;

use crate::RestartPolicy::{Always, Never, OnFailure};
use crate::sim::{OnTerm, Script, Sim, condition, ended, of, pod, reason};

#[test]
fn b079_b080_the_next_container_starts_once_the_sidecar_is_started() {
    let scripts =
        vec![Script::forever().create_failures(1), Script::codes(2, &[0]), Script::forever()];
    let mut sim = Sim::new(pod(Always, &["s1", "i1", "app"]), scripts);
    sim.run_until(20);
    assert_eq!(sim.lines(&[" runs"]), ["10.0 s1#0 runs", "10.0 i1#0 runs", "12.0 app#0 runs"]);
}

#[test]
fn b099_a_mixed_list_starts_in_the_order_of_the_manifest() {
    let (init, sidecar) = (Script::codes(1, &[0]), Script::forever());
    let scripts = vec![
        init.clone(),
        sidecar.clone(),
        init.clone(),
        sidecar.clone(),
        init,
        Script::codes(1, &[0]),
    ];
    let mut sim = Sim::new(pod(Never, &["i1", "s1", "i2", "s2", "i3", "app"]), scripts);
    assert_eq!(ended(&mut sim), PodPhase::Succeeded);
    assert_eq!(
        sim.lines(&[" runs", " ends"]),
        [
            "0.0 i1#0 runs",
            "1.0 i1#0 ends 0",
            "1.0 s1#0 runs",
            "1.0 i2#0 runs",
            "2.0 i2#0 ends 0",
            "2.0 s2#0 runs",
            "2.0 i3#0 runs",
            "3.0 i3#0 ends 0",
            "3.0 app#0 runs",
            "4.0 app#0 ends 0",
            "5.0 s2#0 ends 0",
            "6.0 s1#0 ends 0",
        ]
    );
}

#[test]
fn b081_b082_a_sidecar_is_restarted_by_every_policy_and_its_codes_do_not_count() {
    for (policy, code) in [(Always, 0), (OnFailure, 1), (OnFailure, 0), (Never, 1), (Never, 0)] {
        let scripts = vec![Script::codes(1, &[code]), Script::codes(100, &[0])];
        let mut sim = Sim::new(pod(policy, &["s1", "app"]), scripts);
        sim.run_until(50);
        assert_eq!(sim.times("start s1#"), [0, 1, 12, 33], "{policy:?} {code}");
        if policy != Always {
            assert_eq!(ended(&mut sim), PodPhase::Succeeded);
        }
    }
}

#[test]
fn b081_a_sidecar_is_restarted_while_a_later_init_container_runs() {
    let scripts = vec![Script::codes(1, &[1]), Script::codes(5, &[0]), Script::forever()];
    let mut sim = Sim::new(pod(Never, &["s1", "i1", "app"]), scripts);
    sim.run_until(20);
    // The progress does not wait for the sidecar that is being restarted.
    assert_eq!(sim.times("app#0 runs"), [5]);
    assert_eq!(sim.times("start s1#"), [0, 1, 12]);
}

#[test]
fn b002_a_restarting_sidecar_does_not_take_the_pod_back_to_pending() {
    let scripts = vec![Script::codes(3, &[1]), Script::forever()];
    let mut sim = Sim::new(pod(Always, &["s1", "app"]), scripts);
    let status = sim.run_until(10);
    assert_eq!(
        (status.phase, reason(&status, "s1").as_str()),
        (PodPhase::Running, "CrashLoopBackOff")
    );
    assert_eq!(condition(&status, "Initialized"), "True//");
}

#[test]
fn b019_b086_a_sidecar_counts_for_the_readiness_of_the_pod() {
    let scripts = vec![Script::codes(3, &[1]), Script::forever()];
    let mut sim = Sim::new(pod(Always, &["s1", "app"]), scripts);
    assert_eq!(condition(&sim.run_until(2), "Ready"), "True//");
    let words = "False/ContainersNotReady/containers with unready status: [s1]";
    assert_eq!(condition(&sim.run_until(10), "ContainersReady"), words);
}

#[test]
fn b088_the_pod_ends_although_sidecars_run() {
    for (code, phase) in [(0, PodPhase::Succeeded), (1, PodPhase::Failed)] {
        let scripts = vec![Script::forever(), Script::codes(2, &[code])];
        let mut sim = Sim::new(pod(Never, &["s1", "app"]), scripts);
        // The phase is not final while something of the pod runs.
        assert_eq!(sim.run_until(2).phase, PodPhase::Running);
        assert_eq!(ended(&mut sim), phase);
        assert_eq!(sim.lines(&["term", "remove"]), ["2.0 term s1#0", "3.0 remove sandbox"]);
    }
}

#[test]
fn b007_a_failed_init_container_stops_the_sidecars() {
    let scripts = vec![Script::forever(), Script::codes(1, &[1]), Script::forever()];
    let mut sim = Sim::new(pod(Never, &["s1", "i1", "app"]), scripts);
    assert_eq!(ended(&mut sim), PodPhase::Failed);
    assert_eq!(sim.lines(&["term", "remove"]), ["1.0 term s1#0", "2.0 remove sandbox"]);
    assert_eq!(of(&sim.machine.status(), "app").restart_count, 0);
}

#[test]
fn b093_a_sidecar_that_ends_badly_does_not_fail_the_pod() {
    for on_term in [OnTerm::Exit { after: 1, code: 3 }, OnTerm::Ignore] {
        let scripts = vec![Script::forever().on_term(on_term), Script::codes(2, &[0])];
        assert_eq!(ended(&mut Sim::new(pod(Never, &["s1", "app"]), scripts)), PodPhase::Succeeded);
    }
}
