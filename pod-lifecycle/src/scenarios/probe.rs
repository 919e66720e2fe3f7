//! Probes.

use pod_spec::status::{ContainerStatus, PodPhase};

use crate::ProbeKind::{Liveness, Readiness, Startup};
use crate::RestartPolicy::{Always, Never, OnFailure};
use crate::sim::{
    OnTerm, Play, Script, Sim, Vitals, condition, ended, of, pod, probe, reason, seconds,
};
use crate::{
    Action, Event, GraceSeconds, LifecycleTable, PodMachine, ProbeKind, ProbeResult, ProbeRules,
};

fn flags(status: &ContainerStatus) -> (Option<bool>, bool) {
    (status.started, status.ready)
}

/// A pod of one container with one probe, and what that finds.
fn probed(kind: ProbeKind, rules: ProbeRules, vitals: Vitals) -> Sim {
    let table = pod(Always, &["app"]).with_probe("app", kind, rules);
    Sim::new(table, vec![Script::forever().vitals(vitals)])
}

const SICK: Vitals = Vitals { up: u64::MAX, dead: 0, fit: (0, 0) };

#[test]
fn b102_b124_nothing_is_ready_before_the_initial_delay() {
    let mut sim = probed(Readiness, probe(30, 5, 3), Vitals::WELL);
    let status = sim.run_until(29);
    assert_eq!(flags(of(&status, "app")), (Some(true), false));
    assert!(condition(&status, "Ready").starts_with("False/ContainersNotReady"));
    let status = sim.run_until(30);
    assert_eq!(flags(of(&status, "app")), (Some(true), true));
    assert_eq!(condition(&status, "Ready"), "True//");
    assert_eq!(of(&status, "app").restart_count, 0);
}

#[test]
fn b103_b118_a_failing_readiness_probe_ends_nothing() {
    let mut sim = probed(Readiness, probe(0, 10, 1), SICK);
    let status = sim.run_until(60);
    assert_eq!(flags(of(&status, "app")), (Some(true), false));
    assert_eq!(of(&status, "app").restart_count, 0);
    assert_eq!(sim.times("probe Readiness"), [1, 11, 21, 31, 41, 51]);
    assert_eq!(sim.lines(&["Unhealthy"])[0], "1.0 Warning Unhealthy: Readiness probe failed: ill");
}

#[test]
fn b122_readiness_follows_its_thresholds() {
    let rules = ProbeRules { success_threshold: 2, ..probe(0, 10, 3) };
    let mut sim = probed(Readiness, rules, Vitals { fit: (15, 45), ..Vitals::WELL });
    // Successes at 21 and 31, failures at 51, 61 and 71.
    for (second, ready) in [(30, false), (31, true), (70, true), (71, false)] {
        assert_eq!(of(&sim.run_until(second), "app").ready, ready, "{second}");
    }
}

#[test]
fn b104_b122_a_container_that_fails_its_liveness_probe_is_stopped_and_started_again() {
    let mut sim = probed(Liveness, probe(0, 10, 3), Vitals { dead: 10, ..Vitals::WELL });
    let status = sim.run_until(40);
    assert_eq!(of(&status, "app").restart_count, 1);
    // Failures at 11, 21 and 31; the container takes a second to end.
    assert_eq!(
        sim.lines(&["Killing", "term", "ends", "start app", "Unhealthy"]),
        [
            "0.0 start app#0",
            "11.0 Warning Unhealthy: Liveness probe failed: ill",
            "21.0 Warning Unhealthy: Liveness probe failed: ill",
            "31.0 Warning Unhealthy: Liveness probe failed: ill",
            "31.0 Normal Killing: Container app failed liveness probe, will be restarted",
            "31.0 term app#0",
            "32.0 app#0 ends 0",
            "32.0 start app#1",
        ]
    );
    let mut sim = probed(Liveness, probe(0, 10, 3), Vitals::WELL);
    assert_eq!(of(&sim.run_until(240), "app").restart_count, 0);
}

#[test]
fn b123_after_a_failure_that_counts_the_probe_waits_for_the_next_instance() {
    let slow = OnTerm::Exit { after: 12, code: 0 };
    let table = pod(Always, &["app"]).with_probe("app", Liveness, probe(0, 5, 1));
    let vitals = Vitals { dead: 3, ..Vitals::WELL };
    let mut sim = Sim::new(table, vec![Script::forever().vitals(vitals).on_term(slow)]);
    sim.run_until(20);
    // It fails at 6, takes until 18 to end, and is looked at again when it has been started again.
    assert_eq!(sim.times("start app"), [0, 18]);
    assert_eq!(sim.times("probe Liveness"), [1, 6, 19]);
}

#[test]
fn b127_a_container_that_has_ended_is_not_ready_at_once() {
    let table = pod(Never, &["app", "other"]).with_probe("app", Readiness, probe(0, 60, 3));
    let mut sim = Sim::new(table, vec![Script::codes(10, &[0]), Script::forever()]);
    assert!(of(&sim.run_until(9), "app").ready);
    let status = sim.run_until(10);
    assert!(!of(&status, "app").ready);
    assert!(condition(&status, "Ready").ends_with("[app]"));
    assert_eq!(sim.times("probe Readiness"), [1]);
}

#[test]
fn b039_restart_counts_grow_and_the_back_off_sets_in() {
    let mut sim = probed(Liveness, probe(0, 5, 1), Vitals { dead: 12, ..Vitals::WELL });
    sim.run_until(600);
    // Each run lasts 17 seconds: the first restarts have to wait for nobody, the later ones do.
    let starts = sim.times("start app#");
    assert_eq!(starts[..5], [0, 17, 34, 71, 128]);
    assert!(
        sim.lines(&["start app"])
            .iter()
            .enumerate()
            .all(|(n, line)| line.ends_with(&format!("#{n}")))
    );
}

#[test]
fn b051_a_failed_probe_restarts_by_the_policy_of_the_pod_alone() {
    let table = |policy| pod(policy, &["app"]).with_probe("app", Liveness, probe(0, 5, 1));
    let script = || Script::forever().vitals(SICK);
    // It ends with code 0, which is no failure, and is restarted all the same.
    let mut sim = Sim::new(table(OnFailure), vec![script()]);
    assert!(of(&sim.run_until(20), "app").restart_count > 0);
    let mut sim = Sim::new(table(Never), vec![script()]);
    assert_eq!(ended(&mut sim), PodPhase::Succeeded);
    assert_eq!(
        sim.lines(&["Killing"]),
        ["1.0 Normal Killing: Container app failed liveness probe"]
    );
}

#[test]
fn b111_b112_the_startup_probe_comes_first() {
    let table = |failures| {
        pod(Always, &["app"]).with_probe("app", Startup, probe(0, 10, failures)).with_probe(
            "app",
            Liveness,
            probe(0, 10, 1),
        )
    };
    let vitals = Vitals { up: 200, ..Vitals::WELL };
    let mut sim = Sim::new(table(3), vec![Script::forever().vitals(vitals)]);
    assert_eq!(of(&sim.run_until(25), "app").restart_count, 1);
    let said = "21.0 Normal Killing: Container app failed startup probe, will be restarted";
    assert_eq!(sim.lines(&["Killing"]), [said]);

    let vitals = Vitals { up: 200, dead: 0, ..Vitals::WELL };
    let mut sim = Sim::new(table(60), vec![Script::forever().vitals(vitals)]);
    assert_eq!(flags(of(&sim.run_until(200), "app")), (Some(false), false));
    assert!(sim.times("probe Liveness").is_empty());
    sim.run_until(202);
    assert_eq!(sim.times("probe Liveness")[0], 201);
    assert!(sim.times("probe Startup").iter().all(|at| *at <= 201));
}

#[test]
fn b028_b113_readiness_is_looked_at_as_soon_as_the_container_is_started() {
    let table = pod(Always, &["app"]).with_probe("app", Startup, probe(0, 10, 60)).with_probe(
        "app",
        Readiness,
        probe(0, 30, 3),
    );
    let vitals = Vitals { up: 35, ..Vitals::WELL };
    let mut sim = Sim::new(table, vec![Script::forever().vitals(vitals)]);
    assert_eq!(flags(of(&sim.run_until(40), "app")), (Some(false), false));
    assert_eq!(flags(of(&sim.run_until(41), "app")), (Some(true), true));
}

#[test]
fn b114_the_grace_period_of_the_probe_wins() {
    for kind in [Liveness, Startup] {
        let rules = ProbeRules { grace: Some(GraceSeconds::new(5)), ..probe(0, 10, 1) };
        let mut table = pod(Always, &["app"]).with_probe("app", kind, rules);
        table.grace = GraceSeconds::new(500);
        let script = Script::forever().vitals(SICK).on_term(OnTerm::Ignore);
        let mut sim = Sim::new(table, vec![script]);
        sim.run_until(20);
        assert_eq!(sim.times("app#0 ends 137"), [6], "{kind:?}");
    }
}

#[test]
fn b115_while_a_pod_goes_only_its_readiness_is_looked_at() {
    let mut table = pod(Always, &["app"]);
    for kind in [Liveness, Readiness] {
        table = table.with_probe("app", kind, probe(0, 5, 1));
    }
    table.grace = GraceSeconds::new(100);
    let vitals = Vitals { dead: 12, fit: (0, 12), ..Vitals::WELL };
    let script = Script::forever().vitals(vitals).on_term(OnTerm::Ignore);
    let mut sim = Sim::new(table, vec![script]);
    sim.delete(10, None);
    assert_eq!(condition(&sim.run_until(15), "Ready"), "True//");
    assert!(condition(&sim.run_until(16), "Ready").starts_with("False"));
    sim.run_until(70);
    assert_eq!(sim.times("probe Liveness"), [1, 6]);
    assert_eq!(sim.times("probe Readiness").last(), Some(&66));
    assert!(sim.lines(&["Liveness probe failed"]).is_empty());
}

#[test]
fn b079_b080_b097_a_sidecar_is_started_when_its_startup_probe_has_succeeded() {
    let table = pod(Always, &["s1", "i1", "app"])
        .with_probe("s1", Startup, probe(0, 5, 9))
        // These do not matter for what comes next.
        .with_probe("s1", Readiness, probe(0, 5, 1));
    let vitals = Vitals { up: 10, fit: (0, 0), ..Vitals::WELL };
    let scripts = vec![Script::forever().vitals(vitals), Script::codes(2, &[0]), Script::forever()];
    let mut sim = Sim::new(table, scripts);
    let status = sim.run_until(10);
    assert_eq!(status.phase, PodPhase::Pending);
    assert!(condition(&status, "Initialized").ends_with("[s1 i1]"));
    sim.run_until(20);
    assert_eq!(sim.lines(&[" runs"]), ["0.0 s1#0 runs", "11.0 i1#0 runs", "13.0 app#0 runs"]);
}

#[test]
fn b083_b084_b085_a_sidecar_that_fails_a_probe_is_restarted_and_holds_up_as_long_as_it_is_not_started()
 {
    let scripts = |vitals| vec![Script::forever().vitals(vitals), Script::forever()];
    let table = pod(Never, &["s1", "app"]).with_probe("s1", Startup, probe(0, 5, 2));
    let mut sim = Sim::new(table, scripts(Vitals { up: 30, ..Vitals::WELL }));
    sim.run_until(100);
    assert!(sim.times("app#").is_empty());
    assert!(sim.times("start s1#").len() > 2);
    let said = "6.0 Normal Killing: Init container s1 failed startup probe";
    assert_eq!(sim.lines(&["Killing"])[0], said);

    let table = pod(Never, &["s1", "app"]).with_probe("s1", Liveness, probe(0, 5, 1));
    let mut sim = Sim::new(table, scripts(Vitals { dead: 20, ..Vitals::WELL }));
    let status = sim.run_until(100);
    assert!(of(&status, "s1").restart_count > 1);
    assert_eq!((sim.times("start app#"), reason(&status, "app").as_str()), (vec![0], "Running"));
}

#[test]
fn b120_a_probe_that_could_not_be_made_says_nothing() {
    let (mut machine, _) = PodMachine::new(
        pod(Always, &["app"]).with_probe("app", Liveness, probe(0, 10, 1)),
        seconds(0),
    );
    start(&mut machine);
    for second in [1, 11, 21] {
        let asked = machine.handle(seconds(second), Event::Tick);
        assert_eq!(asked, [Action::Probe { container: "app".into(), attempt: 0, probe: Liveness }]);
        let actions = machine.handle(seconds(second), told(0, ProbeResult::Unknown("no".into())));
        let [Action::Record(event)] = actions.as_slice() else { panic!("{actions:?}") };
        assert_eq!(event.message, "Liveness probe errored and resulted in unknown state: no");
    }
}

#[test]
fn b110_a_warning_is_a_success_that_is_told() {
    let (mut machine, _) = PodMachine::new(
        pod(Always, &["app"]).with_probe("app", Readiness, probe(0, 10, 1)),
        seconds(0),
    );
    start(&mut machine);
    machine.handle(seconds(1), Event::Tick);
    let result = ProbeResult::Warning("Probe terminated redirects".into());
    let news = Event::Probed { container: "app".into(), attempt: 0, probe: Readiness, result };
    let actions = machine.handle(seconds(1), news);
    let [Action::Record(event)] = actions.as_slice() else { panic!("{actions:?}") };
    assert_eq!(event.reason, "ProbeWarning");
    assert!(of(&machine.status(), "app").ready);
}

#[test]
fn results_of_another_attempt_or_that_nobody_asked_for_are_ignored() {
    let table = pod(Always, &["app"]).with_probe("app", Liveness, probe(0, 10, 1));
    let (mut machine, _) = PodMachine::new(table, seconds(0));
    start(&mut machine);
    let failure = || ProbeResult::Failure("ill".into());
    assert_eq!(machine.handle(seconds(1), told(1, failure())).len(), 1, "only the probe begins");
    let actions = machine.handle(seconds(1), told(0, failure()));
    assert!(actions.contains(&Action::Terminate { container: "app".into(), attempt: 0 }));
    assert_eq!(machine.handle(seconds(2), told(0, failure())), []);
}

fn told(attempt: u32, result: ProbeResult) -> Event {
    Event::Probed { container: "app".into(), attempt, probe: Liveness, result }
}

fn start(machine: &mut PodMachine) {
    machine.handle(seconds(0), Event::SandboxReady { addresses: crate::Addresses::default() });
    machine.handle(
        seconds(0),
        Event::Started {
            container: "app".into(),
            attempt: 0,
            id: "1".into(),
            image_id: String::new(),
            volume_images: Default::default(),
            at: seconds(0),
        },
    );
}

fn with_all(names: &[&str]) -> LifecycleTable {
    let table = pod(Always, names).with_probe("app", Startup, probe(0, 5, 3));
    let table = table.with_probe("app", Readiness, probe(0, 5, 1));
    table.with_probe("app", Liveness, probe(0, 5, 1))
}

#[test]
fn b032_an_engine_that_goes_on_keeps_what_was_found_and_probes_anew() {
    let table = with_all(&["app"]);
    let mut sim = Sim::new(table.clone(), vec![Script::forever()]);
    let before = sim.run_until(20);
    assert_eq!(flags(of(&before, "app")), (Some(true), true));
    let saved = serde_json::to_string(sim.machine.state()).unwrap();
    let state = serde_json::from_str(&saved).unwrap();
    let (machine, actions) = PodMachine::resume(table, state, sim.world.observe(), seconds(22));
    assert_eq!(machine.status(), before);
    let asked = |probe| Action::Probe { container: "app".into(), attempt: 0, probe };
    assert_eq!(actions, [asked(Liveness), asked(Readiness)]);
}

#[test]
fn b127_a_container_that_has_ended_is_not_ready() {
    let table = pod(Never, &["app", "b"]).with_probe("app", Readiness, probe(0, 5, 3));
    let scripts = vec![Script::new(&[Play::Exit { after: 10, code: 0 }]), Script::forever()];
    let mut sim = Sim::new(table, scripts);
    assert!(of(&sim.run_until(9), "app").ready);
    assert_eq!(flags(of(&sim.run_until(10), "app")), (Some(false), false));
}
