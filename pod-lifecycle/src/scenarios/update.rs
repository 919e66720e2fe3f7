//! Changes of a living pod.

use std::time::Duration;

use pod_spec::status::PodPhase;

use crate::ProbeKind::Liveness;
use crate::RestartPolicy::{Always, Never, OnFailure};
use crate::sim::{OnTerm, Play, Script, Sim, Vitals, ended, of, pod, probe, reason};

const POLICIES: [crate::RestartPolicy; 3] = [Always, OnFailure, Never];

#[test]
fn b046_b047_a_container_whose_image_is_changed_is_restarted_whatever_its_policy() {
    for policy in POLICIES {
        let scripts = vec![Script::forever(), Script::forever()];
        let mut sim = Sim::new(pod(policy, &["app", "other"]).with_pre_stop(&["app"]), scripts);
        sim.update_image(10, "app", "new");
        let status = sim.run_until(20);
        assert_eq!(
            sim.lines(&["10.0", "11.0"]),
            [
                "10.0 Normal Killing: Container app definition changed, will be restarted",
                "10.0 hook PreStop app#0",
                "10.0 term app#0",
                "11.0 app#0 ends 0",
                "11.0 start app#1",
                "11.0 app#1 runs",
                "11.0 Normal Created: Container created",
                "11.0 Normal Started: Container started",
            ],
            "{policy:?}"
        );
        let (app, other) = (of(&status, "app"), of(&status, "other"));
        assert_eq!((app.restart_count, app.image.as_str()), (1, "new"));
        assert_eq!((other.restart_count, other.image.as_str()), (0, "image"));
        assert_eq!(status.phase, PodPhase::Running);
    }
}

#[test]
fn b040_a_new_image_ends_the_back_off() {
    let mut sim = Sim::new(pod(Always, &["app"]), vec![Script::codes(0, &[1])]);
    sim.update_image(80, "app", "new");
    sim.run_until(100);
    assert_eq!(sim.times("start app#"), [0, 0, 10, 30, 70, 80, 90]);
}

#[test]
fn b040_a_new_image_is_pulled_at_once() {
    let script = Script::forever().create_failures(3);
    let mut sim = Sim::new(pod(Never, &["app"]), vec![script]);
    sim.update_image(40, "app", "new");
    let status = sim.run_until(50);
    assert_eq!(sim.times("start app#0"), [0, 10, 30, 40]);
    assert_eq!(of(&status, "app").image, "new");
}

#[test]
fn b046_a_container_that_has_ended_for_good_stays_so() {
    let scripts = vec![Script::codes(1, &[1]), Script::forever()];
    let mut sim = Sim::new(pod(Never, &["app", "other"]), scripts);
    sim.update_image(10, "app", "new");
    assert_eq!(of(&sim.run_until(60), "app").restart_count, 0);
}

#[test]
fn b071_a_new_image_of_an_init_container_counts_when_it_is_started_next() {
    for policy in [Always, OnFailure] {
        // One that fails: at once. One that runs: when it has ended. One that is done: never.
        let scripts = vec![Script::codes(1, &[1, 1, 0]), Script::forever()];
        let mut sim = Sim::new(pod(policy, &["i1", "app"]), scripts);
        sim.update_image(5, "i1", "new");
        let status = sim.run_until(60);
        assert_eq!(sim.times("start i1#"), [0, 1, 5], "{policy:?}");
        assert_eq!((of(&status, "i1").image.as_str(), status.phase), ("new", PodPhase::Running));

        let scripts = vec![Script::codes(9, &[1, 0]), Script::forever()];
        let mut sim = Sim::new(pod(policy, &["i1", "app"]), scripts);
        sim.update_image(5, "i1", "new");
        assert_eq!(of(&sim.run_until(8), "i1").image, "image");
        assert_eq!(of(&sim.run_until(60), "i1").image, "new");
        assert_eq!(sim.times("start i1#"), [0, 9], "{policy:?}");

        let scripts = vec![Script::codes(1, &[0]), Script::forever()];
        let mut sim = Sim::new(pod(policy, &["i1", "app"]), scripts);
        sim.update_image(5, "i1", "new");
        sim.run_until(60);
        assert_eq!(sim.times("start i1#"), [0], "{policy:?}");
    }
}

#[test]
fn b071_nothing_is_changed_of_a_pod_that_comes_to_its_end() {
    let scripts = vec![Script::codes(100, &[0]), Script::forever()];
    let mut sim = Sim::new(pod(Always, &["i1", "app"]), scripts);
    sim.delete(5, None);
    sim.update_image(5, "i1", "new");
    let _ = ended(&mut sim);
    assert_eq!(sim.times("start "), [0]);
    assert_eq!(of(&sim.machine.status(), "i1").image, "image");
}

#[test]
fn b095_a_new_image_of_a_sidecar_restarts_the_sidecar_alone() {
    for policy in POLICIES {
        let ill = Vitals { dead: 3, ..Vitals::WELL };
        for vitals in [Vitals::WELL, ill] {
            let table = pod(policy, &["s1", "app"]).with_probe("s1", Liveness, probe(0, 5, 9));
            let scripts = vec![Script::forever().vitals(vitals), Script::forever()];
            let mut sim = Sim::new(table, scripts);
            sim.update_image(10, "s1", "new");
            let status = sim.run_until(20);
            assert_eq!(sim.times("start s1#"), [0, 11], "{policy:?}");
            assert_eq!(sim.times("start app#"), [0]);
            assert_eq!(of(&status, "s1").image, "new");
            let words = "Killing: Init container s1 definition changed";
            assert_eq!(sim.times(words), [10]);
        }
    }
}

#[test]
fn b016_a_deadline_can_be_brought_nearer() {
    let mut table = pod(Always, &["app"]);
    let mut sim = Sim::new(table.clone(), vec![Script::forever()]);
    table.active_deadline = Some(Duration::from_secs(30));
    table.observed_generation = Some(8);
    sim.update(10, table);
    let status = sim.run_until(12);
    assert_eq!((status.phase, status.observed_generation), (PodPhase::Running, Some(8)));
    assert_eq!(ended(&mut sim), PodPhase::Failed);
    assert_eq!(sim.machine.status().reason.as_deref(), Some("DeadlineExceeded"));
    assert_eq!(sim.times("term app#0"), [30]);
}

#[test]
fn b046_a_container_that_does_not_listen_is_killed_for_its_new_image() {
    let script = Script::new(&[Play::Forever]).on_term(OnTerm::Ignore);
    let mut sim = Sim::new(pod(Never, &["app"]), vec![script]);
    sim.update_image(10, "app", "new");
    let status = sim.run_until(50);
    assert_eq!((sim.times("kill app#0"), sim.times("app#1 runs")), (vec![40], vec![40]));
    assert_eq!(reason(&status, "app"), "Running");
}
