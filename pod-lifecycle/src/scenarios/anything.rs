//! Any pod, any order of events, a crash between any two steps. The simulated world checks at each step that:
//! no container starts before its predecessors in the init list have done their part, there are never two instances
//! of one container, probes and hooks have their time and their order, sidecars are stopped in their turn, nobody is killed early, restart counts never fall, a final
//! phase stays, conditions keep their moments, and every deadline leads somewhere.

use std::time::Duration;

use pod_spec::status::{PodPhase, PodStatus};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::sim::{Choices, HookPlay, OnTerm, Play, Script, Sim, Vitals, ended, pod, probe};
use crate::{
    ContainerKind, ExitAction, ExitCodes, ExitRule, GraceSeconds, Hooks, LifecycleTable,
    ProbeRules, Probes, RestartPolicy, Restarts,
};

fn play() -> impl Strategy<Value = Play> {
    prop_oneof![
        4 => (0..20_u64, 0..2).prop_map(|(after, code)| Play::Exit { after, code }),
        1 => (0..20_u64).prop_map(|after| Play::OutOfMemory { after, code: 137 }),
        1 => Just(Play::Exit { after: 700, code: 1 }),
        1 => Just(Play::StartError),
    ]
}

fn on_term() -> impl Strategy<Value = OnTerm> {
    prop_oneof![
        3 => (0..40_u64, 0..2).prop_map(|(after, code)| OnTerm::Exit { after, code }),
        1 => Just(OnTerm::Ignore),
    ]
}

/// A script that comes to its end: after some plays it does what is expected of a container of this name.
fn script(name: &'static str) -> impl Strategy<Value = Script> {
    (vec(play(), 0..4), on_term(), 0..3_u32).prop_map(
        move |(mut plays, on_term, create_failures)| {
            plays.push(if name.starts_with('s') {
                Play::Forever
            } else {
                Play::Exit { after: 5, code: 0 }
            });
            Script::new(&plays).on_term(on_term).create_failures(create_failures)
        },
    )
}

fn rule(actions: &'static [ExitAction]) -> impl Strategy<Value = ExitRule> {
    let codes = || vec(prop_oneof![Just(0), Just(1), Just(137)], 0..3);
    let codes = prop_oneof![codes().prop_map(ExitCodes::In), codes().prop_map(ExitCodes::NotIn)];
    let action = proptest::sample::select(actions);
    (codes, action).prop_map(|(codes, action)| ExitRule { codes, action })
}

/// What containers may have of their own, in pods that come to their end all the same.
fn restarts(actions: &'static [ExitAction]) -> impl Strategy<Value = Restarts> {
    (proptest::option::of(policy()), vec(rule(actions), 0..3))
        .prop_map(|(policy, rules)| Restarts { policy, rules })
}

/// A pod whose containers may have restart policies and rules of their own.
fn ruled_pod(
    actions: &'static [ExitAction],
) -> impl Strategy<Value = (LifecycleTable, Vec<Script>)> {
    (cared_for_pod(), vec(restarts(actions), 6)).prop_map(|((mut table, scripts), restarts)| {
        for (rules, restarts) in table.containers.iter_mut().zip(restarts) {
            rules.restarts = restarts;
        }
        (table, scripts)
    })
}

/// A pod in which `a` has all containers restarted some times, at moments that nothing else depends on.
fn restarted_pod() -> impl Strategy<Value = (LifecycleTable, Vec<Script>)> {
    let kinds = vec(prop_oneof![Just("i"), Just("s")], 0..4);
    (kinds, 0..4_usize).prop_map(|(kinds, times)| {
        let list = kinds.iter().enumerate().map(|(n, kind)| format!("{kind}{n}"));
        let names: Vec<String> = list.chain(["a", "b"].map(str::to_owned)).collect();
        let mut plays = vec![Play::Exit { after: 30, code: 42 }; times];
        plays.push(Play::Forever);
        let script = |name: &String| match name.as_str() {
            "a" => Script::new(&plays),
            name if name.starts_with('i') => Script::codes(1, &[0]),
            _ => Script::forever(),
        };
        let scripts = names.iter().map(script).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let table = pod(RestartPolicy::Never, &names);
        (table.with_rule("a", ExitCodes::In(vec![42]), ExitAction::RestartAllContainers), scripts)
    })
}

fn policy() -> impl Strategy<Value = RestartPolicy> {
    prop_oneof![
        Just(RestartPolicy::Always),
        Just(RestartPolicy::OnFailure),
        Just(RestartPolicy::Never)
    ]
}

/// A pod with its scripts.
fn any_pod() -> impl Strategy<Value = (LifecycleTable, Vec<Script>)> {
    let kinds = vec(prop_oneof![Just('i'), Just('s')], 0..4);
    (policy(), kinds, 1..3_usize).prop_flat_map(|(policy, kinds, mains)| {
        const INITS: [&str; 4] = ["i0", "i1", "i2", "i3"];
        const SIDECARS: [&str; 4] = ["s0", "s1", "s2", "s3"];
        let list = kinds
            .iter()
            .enumerate()
            .map(|(n, kind)| if *kind == 'i' { INITS[n] } else { SIDECARS[n] });
        let names: Vec<&'static str> = list.chain(["a", "b"].into_iter().take(mains)).collect();
        let scripts: Vec<_> = names.iter().map(|name| script(name)).collect();
        (Just(pod(policy, &names)), scripts)
    })
}

fn timing() -> impl Strategy<Value = ProbeRules> {
    (0..20_u64, 5..20_u64, 1..3_u32, 1..4_u32, proptest::option::of(1..40_u32)).prop_map(
        |(delay, period, success_threshold, failures, grace)| ProbeRules {
            success_threshold,
            grace: grace.map(GraceSeconds::new),
            ..probe(delay, period, failures)
        },
    )
}

fn vitals() -> impl Strategy<Value = Vitals> {
    let some_time = || prop_oneof![Just(u64::MAX), 0..90_u64];
    (0..40_u64, some_time(), 0..40_u64, some_time()).prop_map(|(up, dead, from, until)| Vitals {
        up,
        dead,
        fit: (from, until),
    })
}

/// What probes and hooks a container has, and what comes of them.
fn care() -> impl Strategy<Value = (Probes, Hooks, Vitals, HookPlay, HookPlay)> {
    let maybe = || proptest::option::of(timing());
    let probes = (maybe(), maybe(), maybe()).prop_map(|(startup, liveness, readiness)| {
        let once = |rules| ProbeRules { success_threshold: 1, ..rules };
        Probes { startup: startup.map(once), liveness: liveness.map(once), readiness }
    });
    let hooks = (any::<bool>(), any::<bool>())
        .prop_map(|(post_start, pre_stop)| Hooks { post_start, pre_stop });
    let play =
        || (0..50_u64, any::<bool>()).prop_map(|(takes, succeeds)| HookPlay { takes, succeeds });
    (probes, hooks, vitals(), play(), play())
}

/// A pod whose containers, but for the init containers, may have probes and hooks.
fn cared_for_pod() -> impl Strategy<Value = (LifecycleTable, Vec<Script>)> {
    (any_pod(), vec(care(), 6)).prop_map(|((mut table, mut scripts), care)| {
        for ((rules, script), care) in table.containers.iter_mut().zip(&mut scripts).zip(care) {
            if rules.kind != ContainerKind::Init {
                (rules.probes, rules.hooks, script.vitals, script.post_start, script.pre_stop) =
                    care;
            }
        }
        (table, scripts)
    })
}

fn choices(crashes: bool) -> impl Strategy<Value = Choices> {
    vec(any::<u8>(), 0..400).prop_map(move |numbers| Choices { numbers, used: 0, crashes })
}

/// How a pod ended, without the times.
fn end_of(status: &PodStatus) -> (PodPhase, Vec<(String, u32, i32)>) {
    let code = |c: &pod_spec::status::ContainerStatus| {
        c.state.terminated.as_ref().map_or(-1, |t| t.exit_code)
    };
    let inits = status.init_container_statuses.iter().filter(|c| c.name.starts_with('i'));
    let ends =
        inits.chain(&status.container_statuses).map(|c| (c.name.clone(), c.restart_count, code(c)));
    (status.phase, ends.collect())
}

/// What is deleted comes to its end, whatever it was about.
fn ends_when_deleted(
    mut sim: Sim,
    deletions: Vec<(u64, Option<u32>)>,
    sandbox_failures: u32,
) -> Result<(), TestCaseError> {
    sim.world.sandbox_failures = sandbox_failures;
    for (at, grace) in deletions {
        sim.delete(at, grace);
    }
    prop_assert!(ended(&mut sim).is_terminal());
    Ok(())
}

/// What ends by itself ends the same whatever chance does.
fn ends_the_same(
    mut table: LifecycleTable,
    scripts: Vec<Script>,
    chance: Choices,
    sandbox_failures: u32,
) -> Result<(), TestCaseError> {
    if table.restart_policy == RestartPolicy::Always {
        table.restart_policy = RestartPolicy::OnFailure;
    }
    let smooth = Sim::new(table.clone(), scripts.clone());
    let mut rough = Sim::with_choices(table, scripts, chance);
    rough.world.sandbox_failures = sandbox_failures;
    agree(smooth, rough)
}

/// Whatever chance has done to one of them, they come to the same end.
fn agree(mut smooth: Sim, mut rough: Sim) -> Result<(), TestCaseError> {
    prop_assert_eq!(ended(&mut smooth), ended(&mut rough));
    prop_assert_eq!(end_of(&smooth.machine.status()), end_of(&rough.machine.status()));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_deleted_pod_comes_to_its_end(
        (table, scripts) in any_pod(),
        chance in choices(true),
        deletions in vec((prop_oneof![0..20_u64, 0..900_u64], proptest::option::of(0..60_u32)), 1..3),
        failures in 0..3_u32,
    ) {
        ends_when_deleted(Sim::with_choices(table, scripts, chance), deletions, failures)?;
    }

    #[test]
    fn a_pod_with_probes_hooks_and_rules_comes_to_its_end(
        (mut table, scripts) in ruled_pod(&[ExitAction::Restart, ExitAction::RestartAllContainers]),
        chance in choices(true),
        deletions in vec((0..300_u64, proptest::option::of(0..60_u32)), 1..3),
        active_deadline in proptest::option::of(0..300_u64),
        failures in 0..3_u32,
    ) {
        table.active_deadline = active_deadline.map(Duration::from_secs);
        ends_when_deleted(Sim::with_choices(table, scripts, chance), deletions, failures)?;
    }

    #[test]
    fn a_pod_that_is_changed_comes_to_its_end(
        (table, scripts) in ruled_pod(&[ExitAction::Restart, ExitAction::RestartAllContainers]),
        chance in choices(true),
        changes in vec((0..200_u64, any::<proptest::sample::Index>(), "[a-c]"), 1..4),
        deletions in vec((0..300_u64, proptest::option::of(0..60_u32)), 1..3),
        failures in 0..3_u32,
    ) {
        let names: Vec<String> = table.containers.iter().map(|rules| rules.name.clone()).collect();
        let mut sim = Sim::with_choices(table, scripts, chance);
        for (at, which, image) in changes {
            sim.update_image(at, which.get::<String>(&names), &image);
        }
        ends_when_deleted(sim, deletions, failures)?;
    }

    #[test]
    fn b046_crashes_do_not_change_what_a_change_comes_to(
        (table, scripts) in restarted_pod(),
        chance in choices(true),
        of_sidecars in any::<bool>(),
    ) {
        let mut smooth = Sim::new(table.clone(), scripts.clone());
        let mut rough = Sim::with_choices(table.clone(), scripts, chance);
        for sim in [&mut smooth, &mut rough] {
            let mut table = table.clone();
            for rules in &mut table.containers {
                if rules.name == "b" || of_sidecars && rules.kind == ContainerKind::Sidecar {
                    rules.image = "new".to_owned();
                }
            }
            sim.update(400, table);
            sim.delete(1000, None);
        }
        agree(smooth, rough)?;
    }

    #[test]
    fn b055_crashes_do_not_change_what_a_restart_of_all_containers_comes_to(
        (table, scripts) in restarted_pod(),
        chance in choices(true),
    ) {
        let mut smooth = Sim::new(table.clone(), scripts.clone());
        let mut rough = Sim::with_choices(table, scripts, chance);
        for sim in [&mut smooth, &mut rough] {
            sim.delete(1000, None);
        }
        agree(smooth, rough)?;
    }

    #[test]
    fn lost_sandboxes_do_not_keep_a_pod_from_its_end_with_probes_hooks_and_rules(
        (table, scripts) in ruled_pod(&[ExitAction::Restart, ExitAction::RestartAllContainers]),
        chance in choices(true),
        at in 0..100_u64,
        again in 0..400_u64,
        failures in 0..3_u32,
    ) {
        let mut sim = Sim::with_choices(table, scripts, chance);
        sim.world.sandbox_failures = failures;
        sim.world.lose_sandbox(at);
        sim.world.lose_sandbox(again);
        sim.delete(500, None);
        prop_assert!(ended(&mut sim).is_terminal());
    }

    #[test]
    fn a_sandbox_that_is_gone_ends_the_pod(
        (table, scripts) in any_pod(),
        chance in choices(true),
        lost in 0..100_u64,
        gone in 0..100_u64,
    ) {
        let mut sim = Sim::with_choices(table, scripts, chance);
        sim.world.lose_sandbox(lost);
        sim.world.lose_all(gone);
        sim.delete(5000, None);
        prop_assert!(ended(&mut sim).is_terminal());
    }

    #[test]
    fn b057_crashes_do_not_change_what_a_lost_sandbox_comes_to(
        (mut table, scripts) in restarted_pod(),
        policy in policy(),
        chance in choices(true),
        times in 1..4_u64,
    ) {
        table.restart_policy = policy;
        let mut smooth = Sim::new(table.clone(), scripts.clone());
        let mut rough = Sim::with_choices(table, scripts, chance);
        for sim in [&mut smooth, &mut rough] {
            (0..times).for_each(|n| sim.world.lose_sandbox(900 + 100 * n));
            sim.delete(2000, None);
        }
        agree(smooth, rough)?;
    }

    #[test]
    fn crashes_do_not_change_the_end(
        (table, scripts) in any_pod(),
        chance in choices(true),
        failures in 0..3_u32,
    ) {
        ends_the_same(table, scripts, chance, failures)?;
    }

    #[test]
    fn late_and_reordered_news_do_not_change_the_end((table, scripts) in any_pod(), chance in choices(false)) {
        ends_the_same(table, scripts, chance, 0)?;
    }
}
