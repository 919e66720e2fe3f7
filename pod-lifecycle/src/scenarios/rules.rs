//! Restart policies and rules of single containers.

use pod_spec::status::PodPhase;

use crate::ExitAction::{Restart, RestartAllContainers};
use crate::ExitCodes::{In, NotIn};
use crate::ProbeKind::Liveness;
use crate::RestartPolicy::{self, Always, Never, OnFailure};
use crate::sim::{Play, Script, Sim, Vitals, condition, ended, of, pod, probe, reason, seconds};
use crate::{Action, Event, ExitCodes, LifecycleTable};

const RESTARTING: &str = "RestartingAllContainers";

/// A pod whose container `trigger` has all of them restarted when it ends with code 42.
fn restarted_by(trigger: &str, names: &[&str]) -> LifecycleTable {
    pod(Never, names).with_rule(trigger, In(vec![42]), RestartAllContainers)
}

#[test]
fn b048_a_container_has_a_restart_policy_of_its_own() {
    let rows: [(RestartPolicy, RestartPolicy, i32, u32); 6] = [
        (Never, Always, 0, 2),
        (Never, OnFailure, 1, 2),
        (Never, OnFailure, 0, 0),
        (Always, Never, 1, 0),
        (Always, OnFailure, 0, 0),
        (OnFailure, Never, 1, 0),
    ];
    for (of_pod, own, code, restarts) in rows {
        let table = pod(of_pod, &["app", "other"]).with_policy("app", own);
        let mut sim = Sim::new(table, vec![Script::codes(1, &[code]), Script::forever()]);
        let status = sim.run_until(20);
        assert_eq!(of(&status, "app").restart_count, restarts, "{of_pod:?} {own:?} {code}");
        assert_eq!(status.phase, PodPhase::Running);
    }
}

#[test]
fn b048_b052_an_init_container_has_a_restart_policy_of_its_own() {
    for (of_pod, own, phase, restarts) in [
        (Never, OnFailure, PodPhase::Succeeded, 2),
        (Never, Never, PodPhase::Failed, 0),
        (OnFailure, Never, PodPhase::Failed, 0),
    ] {
        let table = pod(of_pod, &["i1", "app"]).with_policy("i1", own);
        let scripts = vec![Script::codes(1, &[1, 1, 0]), Script::codes(1, &[0])];
        let mut sim = Sim::new(table, scripts);
        assert_eq!(ended(&mut sim), phase, "{of_pod:?} {own:?}");
        assert_eq!(of(&sim.machine.status(), "i1").restart_count, restarts);
    }
}

#[test]
fn b049_b050_the_first_rule_that_fits_comes_before_the_policies() {
    let rows: [(Option<RestartPolicy>, &[ExitCodes], u32); 7] = [
        (Some(Never), &[In(vec![7, 3])], 2),
        (Some(Never), &[NotIn(vec![4])], 2),
        (Some(Never), &[In(vec![4]), NotIn(vec![5])], 2),
        (Some(Never), &[In(vec![4]), NotIn(vec![3])], 0),
        (Some(OnFailure), &[In(vec![4])], 2),
        (None, &[In(vec![3])], 2),
        (None, &[NotIn(vec![3])], 0),
    ];
    for (own, codes, restarts) in rows {
        let mut table = pod(Never, &["app", "other"]);
        table.containers[0].restarts.policy = own;
        for codes in codes {
            table = table.with_rule("app", codes.clone(), Restart);
        }
        let mut sim = Sim::new(table, vec![Script::codes(1, &[3]), Script::forever()]);
        let count = of(&sim.run_until(20), "app").restart_count;
        assert_eq!(count, restarts, "{own:?} {codes:?}");
    }
}

#[test]
fn b049_an_init_container_that_has_done_its_work_is_not_started_again() {
    let table = pod(Never, &["i1", "app"]).with_rule("i1", NotIn(vec![9]), Restart);
    let scripts = vec![Script::codes(1, &[1, 0]), Script::codes(1, &[0])];
    let mut sim = Sim::new(table, scripts);
    assert_eq!(ended(&mut sim), PodPhase::Succeeded);
    assert_eq!(of(&sim.machine.status(), "i1").restart_count, 1);
}

#[test]
fn b051_a_failed_probe_does_not_ask_the_rules() {
    let ill = || Script::forever().vitals(Vitals { dead: 10, ..Vitals::WELL });
    for (own, restarts) in [(Never, 0), (OnFailure, 1)] {
        for action in [Restart, RestartAllContainers] {
            let table = pod(Always, &["app", "other"])
                .with_policy("app", own)
                .with_rule("app", NotIn(vec![]), action)
                .with_probe("app", Liveness, probe(0, 5, 1));
            let mut sim = Sim::new(table, vec![ill(), Script::forever()]);
            let status = sim.run_until(18);
            let counts = ["app", "other"].map(|name| of(&status, name).restart_count);
            assert_eq!(counts, [restarts, 0], "{own:?} {action:?}");
        }
    }
}

#[test]
fn b053_all_containers_are_killed_in_reverse_order_and_begin_anew_in_the_same_sandbox() {
    let table = restarted_by("b", &["i1", "s1", "i2", "a", "b", "c"]).with_pre_stop(&["a", "s1"]);
    let init = || Script::codes(1, &[0]);
    let scripts = vec![
        init(),
        Script::forever(),
        init(),
        Script::forever(),
        Script::new(&[Play::Exit { after: 5, code: 42 }, Play::Forever]),
        Script::forever(),
    ];
    let mut sim = Sim::new(table, scripts);
    let before = sim.run_until(6).pod_ip;
    let status = sim.run_until(60);
    assert_eq!(
        sim.lines(&["kill", "ends 137", "term", "hook", "#1 runs", "sandbox"]),
        [
            "0.0 make sandbox",
            "7.0 kill c#0",
            "7.0 c#0 ends 137",
            "7.0 kill a#0",
            "7.0 a#0 ends 137",
            "7.0 kill s1#0",
            "7.0 s1#0 ends 137",
            "7.0 i1#1 runs",
            "8.0 s1#1 runs",
            "8.0 i2#1 runs",
            "9.0 a#1 runs",
            "9.0 b#1 runs",
            "9.0 c#1 runs",
        ]
    );
    assert_eq!((status.phase, status.pod_ip), (PodPhase::Running, before));
}

#[test]
fn b054_what_a_restart_of_all_containers_looks_like() {
    let scripts = vec![
        Script::codes(1, &[0]),
        Script::new(&[Play::Exit { after: 5, code: 42 }, Play::Forever]),
        Script::forever(),
    ];
    let mut sim = Sim::new(restarted_by("a", &["i1", "a", "b"]), scripts);
    let restarting = "AllContainersRestarting";
    assert_eq!(condition(&sim.run_until(5), restarting), "False//");

    // Whoever looks while `b` is being killed.
    let exited = sim.exit_of("a", 0, 42, 6);
    let mut machine = sim.machine.clone();
    machine.handle(seconds(6), exited);
    let status = machine.status();
    let words = "True/RestartAllContainersStarted/container exited with restart policy rule";
    assert_eq!((condition(&status, restarting).as_str(), status.phase), (words, PodPhase::Pending));
    for name in ["i1", "a"] {
        let one = of(&status, name);
        let last = one.last_state.terminated.clone().unwrap();
        assert_eq!((reason(&status, name).as_str(), one.restart_count), (RESTARTING, 1), "{name}");
        assert_eq!((last.exit_code, last.reason.as_deref()), (137, Some(RESTARTING)), "{name}");
    }

    let status = sim.run_until(60);
    assert_eq!(condition(&status, restarting), "False//");
    for name in ["i1", "a", "b"] {
        let one = of(&status, name);
        let last = one.last_state.terminated.clone().unwrap();
        assert_eq!((one.restart_count, last.exit_code), (1, 137), "{name}");
        assert_eq!(last.reason.as_deref(), Some(RESTARTING), "{name}");
    }
    sim.delete(70, None);
    ended(&mut sim);
    assert_eq!(condition(&sim.machine.status(), restarting), "False/PodCompleted/");
}

#[test]
fn b055_any_kind_of_container_may_have_all_of_them_restarted_and_not_in_a_loop() {
    for trigger in ["i1", "s1", "app"] {
        let names = ["i1", "s1", "app"];
        let quick = Play::Exit { after: 2, code: 42 };
        let script = |name: &&str| match (*name == trigger, *name) {
            (true, "i1") => Script::new(&[quick, quick, Play::Exit { after: 1, code: 0 }]),
            (true, _) => Script::new(&[quick, quick, Play::Forever]),
            (false, "i1") => Script::codes(1, &[0]),
            (false, _) => Script::forever(),
        };
        let scripts = names.iter().map(script).collect();
        let mut sim = Sim::new(restarted_by(trigger, &names), scripts);
        let status = sim.run_until(200);
        assert_eq!(status.phase, PodPhase::Running, "{trigger}");
        let (of_init, of_app) = (of(&status, "i1").restart_count, of(&status, "app").restart_count);
        // What never came to run has not been restarted.
        assert_eq!((of_init, of_app), (2, if trigger == "i1" { 0 } else { 2 }), "{trigger}");
        // The second time it has waited for its back-off, and the others have gone on meanwhile.
        let starts = sim.times("start i1#");
        assert_eq!(starts.len(), 3, "{trigger}: {starts:?}");
        assert!(starts[2] - starts[1] >= 10, "{trigger}: {starts:?}");
    }
}

#[test]
fn b053_a_pod_may_be_deleted_while_all_its_containers_are_restarted() {
    let scripts = vec![Script::codes(5, &[42]), Script::forever()];
    let mut sim = Sim::new(restarted_by("a", &["a", "b"]), scripts);
    sim.run_until(4);
    let (a, b) = (sim.exit_of("a", 0, 42, 5), sim.exit_of("b", 0, 137, 5));
    let mut machine = sim.machine.clone();
    let kill = Action::Kill { container: "b".to_owned(), attempt: 0 };
    assert!(machine.handle(seconds(5), a).contains(&kill));
    machine.handle(seconds(5), Event::Delete { grace: None });
    assert_eq!(machine.handle(seconds(5), b), [Action::RemoveSandbox]);
    assert_eq!(machine.status().phase, PodPhase::Failed);
}
