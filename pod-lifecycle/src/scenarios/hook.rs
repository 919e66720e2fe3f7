//! Hooks, and the deadline of a pod.

use std::time::Duration;

use pod_spec::status::PodPhase;

use crate::ProbeKind::{Liveness, Readiness, Startup};
use crate::RestartPolicy::{Always, Never};
use crate::sim::{OnTerm, Script, Sim, Vitals, condition, ended, of, pod, probe, reason, seconds};
use crate::{Action, Addresses, Event, Exit, GraceSeconds, HookKind, LifecycleTable, PodMachine};

fn ignores() -> Script {
    Script::forever().on_term(OnTerm::Ignore)
}

#[test]
fn b131_the_next_container_waits_for_the_post_start_hook_of_the_one_before() {
    let table = pod(Always, &["i1", "a", "b", "c"]).with_post_start(&["a", "b"]);
    let forever = Script::forever();
    let scripts = vec![
        Script::codes(1, &[0]),
        forever.clone().post_start(5, true),
        forever.clone().post_start(2, false),
        forever,
    ];
    let mut sim = Sim::new(table, scripts);
    let status = sim.run_until(5);
    assert_eq!((of(&status, "a").started, of(&status, "a").ready), (Some(false), false));
    sim.run_until(8);
    assert_eq!(
        sim.lines(&[" runs", "hook"]),
        [
            "0.0 i1#0 runs",
            "1.0 a#0 runs",
            "1.0 hook PostStart a#0",
            "6.0 b#0 runs",
            "6.0 hook PostStart b#0",
            "8.0 c#0 runs",
        ]
    );
}

#[test]
fn b079_the_post_start_hook_of_a_sidecar_holds_up_what_follows() {
    let table = pod(Always, &["s1", "app"]).with_post_start(&["s1"]).with_probe(
        "s1",
        Startup,
        probe(0, 5, 3),
    );
    let scripts = vec![Script::forever().post_start(7, true), Script::forever()];
    let mut sim = Sim::new(table, scripts);
    sim.run_until(30);
    // Probes wait for the hook.
    assert_eq!((sim.times("probe Startup"), sim.times("app#0 runs")), (vec![7], vec![7]));
}

#[test]
fn b132_a_container_whose_post_start_hook_fails_is_killed_and_restarted_by_policy() {
    let table = pod(Always, &["app"]).with_post_start(&["app"]).with_pre_stop(&["app"]);
    let script = Script::forever().post_start(3, false).pre_stop(2, true);
    let mut sim = Sim::new(table, vec![script.clone()]);
    sim.run_until(6);
    assert_eq!(
        sim.lines(&["hook", "Hook", "term", "start app", "Killing"]),
        [
            "0.0 start app#0",
            "0.0 hook PostStart app#0",
            "3.0 Warning FailedPostStartHook: PostStartHook failed",
            "3.0 Normal Killing: FailedPostStartHook",
            "3.0 hook PreStop app#0",
            "5.0 term app#0",
            "6.0 start app#1",
            "6.0 hook PostStart app#1",
        ]
    );
    let status = sim.run_until(13);
    assert_eq!(
        (reason(&status, "app").as_str(), of(&status, "app").restart_count),
        ("CrashLoopBackOff", 1)
    );

    let table = pod(Never, &["app"]).with_post_start(&["app"]);
    assert_eq!(ended(&mut Sim::new(table, vec![script])), PodPhase::Succeeded);
}

#[test]
fn b132_a_container_that_waits_after_a_failed_hook_says_so() {
    let table = pod(Always, &["app"]).with_post_start(&["app"]);
    let (mut machine, _) = PodMachine::new(table, seconds(0));
    let at = seconds(0);
    let (container, attempt) = ("app".to_owned(), 0);
    machine.handle(at, Event::SandboxReady { addresses: Addresses::default() });
    let (id, image_id) = ("1".to_owned(), String::new());
    let (name, volume_images) = (container.clone(), Default::default());
    let started = Event::Started { container: name, attempt, id, image_id, volume_images, at };
    machine.handle(at, started);
    let (hook, result) = (HookKind::PostStart, Err("no such file".to_owned()));
    machine.handle(at, Event::HookEnded { container: container.clone(), attempt, hook, result });
    let (exit, started_at, finished_at) = (Exit::with_code(143), at, seconds(1));
    machine.handle(
        seconds(1),
        Event::Exited { container, attempt, exit, started_at, finished_at, message: None },
    );
    let status = machine.status();
    let waiting = of(&status, "app").state.waiting.clone().unwrap();
    assert_eq!(waiting.reason.as_deref(), Some("PostStartHookError"));
    assert_eq!(waiting.message.as_deref(), Some("no such file"));
    assert!(of(&status, "app").last_state.terminated.is_some());
}

#[test]
fn b130_b134_the_pre_stop_hook_comes_before_the_signal_and_out_of_the_grace_period() {
    let table = pod(Always, &["app"]).with_pre_stop(&["app"]);
    let mut sim = Sim::new(table, vec![ignores().pre_stop(10, true)]);
    sim.delete(5, None);
    ended(&mut sim);
    assert_eq!(
        sim.lines(&["hook", "term", "kill"]),
        ["5.0 hook PreStop app#0", "15.0 term app#0", "35.0 kill app#0"]
    );
}

#[test]
fn b140_the_end_of_a_pod_waits_for_its_hooks() {
    let table = pod(Always, &["app", "other"]).with_pre_stop(&["app"]);
    let scripts = vec![Script::forever().pre_stop(20, true), Script::forever()];
    let mut sim = Sim::new(table, scripts);
    sim.delete(5, None);
    assert_eq!(sim.run_until(24).phase, PodPhase::Running);
    assert_eq!(ended(&mut sim), PodPhase::Succeeded);
    assert_eq!(
        sim.lines(&["hook", "term", "remove"]),
        ["5.0 hook PreStop app#0", "5.0 term other#0", "25.0 term app#0", "26.0 remove sandbox"]
    );
}

#[test]
fn b133_a_pre_stop_hook_that_fails_is_told_and_the_end_goes_on() {
    let table = pod(Always, &["app"]).with_pre_stop(&["app"]);
    let mut sim = Sim::new(table, vec![Script::forever().pre_stop(1, false)]);
    sim.delete(5, None);
    assert_eq!(ended(&mut sim), PodPhase::Succeeded);
    assert_eq!(
        sim.lines(&["hook", "Hook", "term"]),
        [
            "5.0 hook PreStop app#0",
            "6.0 Warning FailedPreStopHook: PreStopHook failed",
            "6.0 term app#0"
        ]
    );
}

#[test]
fn b091_b135_a_hook_that_does_not_end_leaves_two_seconds() {
    let names = ["s1", "s2", "app"];
    let table = pod(Always, &names).with_pre_stop(&names);
    let scripts = vec![ignores().pre_stop(10_000, true); 3];
    let mut sim = Sim::new(table, scripts);
    sim.delete(10, None);
    ended(&mut sim);
    // All hooks begin together, and all is over at the same time.
    assert_eq!(sim.times("hook PreStop"), [10, 10, 10]);
    assert_eq!(sim.times("term"), [40, 40, 40]);
    assert_eq!(sim.times("kill"), [42, 42, 42]);
}

#[test]
fn b090_the_hooks_of_sidecars_begin_at_once_and_their_signals_wait_for_their_turn() {
    let names = ["s1", "s2", "app"];
    let table = pod(Always, &names).with_pre_stop(&names);
    let script = |takes| Script::forever().pre_stop(takes, true);
    let mut sim = Sim::new(table, vec![script(2), script(8), script(3)]);
    sim.delete(10, None);
    assert_eq!(ended(&mut sim), PodPhase::Succeeded);
    assert_eq!(
        sim.lines(&["hook", "term"]),
        [
            "10.0 hook PreStop app#0",
            "10.0 hook PreStop s2#0",
            "10.0 hook PreStop s1#0",
            "13.0 term app#0",
            "18.0 term s2#0",
            "19.0 term s1#0",
        ]
    );
}

#[test]
fn b136_b137_the_pre_stop_hook_runs_before_a_stop_and_not_after_an_end() {
    let table =
        pod(Always, &["app"]).with_probe("app", Liveness, probe(0, 5, 1)).with_pre_stop(&["app"]);
    let sick = Vitals { dead: 0, ..Vitals::WELL };
    let mut sim = Sim::new(table, vec![Script::forever().vitals(sick).pre_stop(3, true)]);
    sim.run_until(5);
    assert_eq!((sim.times("hook PreStop"), sim.times("term")), (vec![1], vec![4]));

    let table = pod(Always, &["app"]).with_pre_stop(&["app"]);
    let mut sim = Sim::new(table, vec![Script::codes(5, &[0]).pre_stop(3, true)]);
    sim.run_until(60);
    assert!(sim.times("start app#").len() > 2);
    assert!(sim.times("hook").is_empty());
}

#[test]
fn b116_readiness_is_looked_at_while_the_pre_stop_hook_runs_and_liveness_is_not() {
    let names = ["s1", "app"];
    let mut table = pod(Always, &names).with_pre_stop(&names);
    for (name, kind) in [("s1", Liveness), ("app", Liveness), ("s1", Readiness), ("app", Readiness)]
    {
        table = table.with_probe(name, kind, probe(0, 5, 1));
    }
    let vitals = Vitals { dead: 11, fit: (0, 11), ..Vitals::WELL };
    let mut sim = Sim::new(table, vec![Script::forever().vitals(vitals).pre_stop(20, true); 2]);
    sim.delete(10, None);
    let status = sim.run_until(25);
    assert_eq!(sim.times("probe Liveness"), [1, 1, 6, 6]);
    assert_eq!(sim.times("probe Readiness"), [1, 1, 6, 6, 11, 11, 16, 16, 21, 21]);
    let words = "False/ContainersNotReady/containers with unready status: [s1 app]";
    assert_eq!(condition(&status, "ContainersReady"), words);
    assert_eq!(ended(&mut sim), PodPhase::Succeeded);
    assert_eq!(sim.times("start ").len(), 2);
}

#[test]
fn b138_a_shorter_grace_cuts_a_hook_short_and_one_of_zero_has_none() {
    let table = pod(Always, &["app"]).with_pre_stop(&["app"]);
    for (grace, signal) in [(100, 55), (30, 35)] {
        let mut sim = Sim::new(table.clone(), vec![Script::forever().pre_stop(50, true)]);
        sim.delete(5, Some(grace));
        ended(&mut sim);
        assert_eq!(sim.times("term app#0"), [signal]);
    }
    let mut sim = Sim::new(table.clone(), vec![Script::forever().pre_stop(50, true)]);
    sim.delete(5, Some(100));
    sim.delete(10, Some(8));
    // Asked for later, more time is not given.
    sim.delete(11, Some(100));
    ended(&mut sim);
    assert_eq!(sim.times("term app#0"), [18]);

    let mut sim = Sim::new(table, vec![ignores().pre_stop(50, true)]);
    sim.delete(5, Some(0));
    ended(&mut sim);
    assert_eq!(sim.lines(&["hook", "term", "kill"]), ["5.0 term app#0", "7.0 kill app#0"]);
}

#[test]
fn a_pod_that_is_deleted_while_a_container_is_restarted_takes_the_nearer_deadline() {
    let mut table = pod(Always, &["app"]).with_probe("app", Liveness, probe(0, 5, 1));
    table.grace = GraceSeconds::new(100);
    let sick = Vitals { dead: 0, ..Vitals::WELL };
    let mut sim = Sim::new(table, vec![ignores().vitals(sick)]);
    sim.delete(10, Some(20));
    assert_eq!(ended(&mut sim), PodPhase::Failed);
    assert_eq!((sim.times("term app"), sim.times("kill app")), (vec![1], vec![30]));
}

#[test]
fn hooks_that_were_cut_short_by_the_end_of_an_engine_begin_again() {
    let table = pod(Always, &["app"]).with_post_start(&["app"]).with_pre_stop(&["app"]);
    let script = Script::forever().post_start(10, true).pre_stop(10, true);
    let mut sim = Sim::new(table.clone(), vec![script]);
    sim.delete(20, None);
    for (second, hook) in [(5, HookKind::PostStart), (25, HookKind::PreStop)] {
        sim.run_until(second);
        let state = sim.machine.state().clone();
        let observed = sim.world.observe();
        let (_, actions) = PodMachine::resume(table.clone(), state, observed, seconds(second + 1));
        assert_eq!(actions, [Action::RunHook { container: "app".into(), attempt: 0, hook }]);
    }
}

#[test]
fn b016_a_pod_that_is_active_for_too_long_fails() {
    let with_deadline = |names: &[&str]| {
        let active_deadline = Some(Duration::from_secs(60));
        LifecycleTable { active_deadline, ..pod(Always, names) }
    };
    let mut sim =
        Sim::new(with_deadline(&["s1", "app"]), vec![Script::forever(), Script::forever()]);
    assert_eq!(sim.run_until(60).phase, PodPhase::Running);
    assert_eq!(ended(&mut sim), PodPhase::Failed);
    let status = sim.machine.status();
    assert_eq!(status.reason.as_deref(), Some("DeadlineExceeded"));
    let words = "Pod was active on the node longer than the specified deadline";
    assert_eq!(status.message.as_deref(), Some(words));
    assert_eq!(sim.lines(&["term"]), ["60.0 term app#0", "61.0 term s1#0"]);

    // Counted from the beginning, whatever the pod waits for then.
    let mut sim = Sim::new(with_deadline(&["app"]), vec![Script::forever()]);
    sim.world.sandbox_failures = 9;
    assert_eq!(ended(&mut sim), PodPhase::Failed);
    assert_eq!(sim.times("remove sandbox"), [60]);
}
