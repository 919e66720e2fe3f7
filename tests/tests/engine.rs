//! The engine dies: containers go on, the truth is told, and the next engine takes the pod over.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pod_runtime::{EphemeralContainer, LogOptions, PodHandle, PodPhase, PodStatus, RecordedEvent};
use pod_spec::ConfigMap;
use pod_spec::status::{ConditionStatus, PodCondition};
use pod_tests::{Host, exec, journal, manifest, soon};

fn host(test: &str) -> Host {
    Host::new(test, env!("CARGO_BIN_EXE_helper"))
}

fn engine(host: &Host, pod: &PodHandle) -> Option<(Pid, u64)> {
    let journal = journal(host, pod)?;
    let pid = i32::try_from(journal["companion"].as_i64()?).ok()?;
    Some((Pid::from_raw(pid), journal["generation"].as_u64()?))
}

/// Kills the pod's engine and returns when the keeper has noted its end or its successor.
async fn kill_engine(host: &Host, pod: &PodHandle) {
    let Some((pid, generation)) = engine(host, pod) else { return };
    if kill(pid, Signal::SIGKILL).is_err() {
        return;
    }
    soon(async {
        while engine(host, pod).is_some_and(|(p, g)| p == pid && g == generation) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Waits for the successor of the first engine, and returns its number.
async fn next_engine(host: &Host, pod: &PodHandle) -> u64 {
    soon(async {
        loop {
            match engine(host, pod) {
                Some((_, generation)) if generation > 1 => break generation,
                _ => tokio::task::yield_now().await,
            }
        }
    })
    .await
}

#[tokio::test]
async fn b214_b228_what_was_said_and_added_is_known_to_the_next_engine() {
    let host = host("engine-added");
    let spec = "
  terminationGracePeriodSeconds: 0
  containers: [{name: main, image: pod.local/host, command: [sleep, '1000']}]
";
    let pod = host.run(&manifest("added", spec)).await;
    soon(pod.wait_running()).await.expect("runs");
    let (kind, status) = ("example.com/up".to_owned(), ConditionStatus::True);
    let up = PodCondition { kind, status, ..PodCondition::default() };
    soon(pod.set_conditions(vec![up])).await.expect("is set");
    let looks = |name: &str| {
        let json = format!(
            r#"{{"name": "{name}", "image": "pod.local/host", "command": ["sleep", "1000"]}}"#
        );
        serde_json::from_str::<EphemeralContainer>(&json).expect("is one")
    };
    let pod = soon(pod.add_ephemeral_container(looks("first"))).await.expect("is added");
    added(&pod, 1).await;
    let events = pod.events().expect("can be read");

    kill_engine(&host, &pod).await;
    next_engine(&host, &pod).await;
    let pod = soon(pod.add_ephemeral_container(looks("second"))).await.expect("is added");
    let status = added(&pod, 2).await;
    assert!(status.conditions.iter().any(|c| c.kind == "example.com/up"), "{status:#?}");
    assert!(status.ephemeral_container_statuses.iter().all(|c| c.restart_count == 0));
    let later = pod.events().expect("can be read");
    let kept = |event| later.iter().any(|e: &RecordedEvent| e.event == event);
    assert!(events.into_iter().all(|e| kept(e.event)), "{later:#?}");
    soon(pod.delete(None)).await.expect("is deleted");
    soon(pod.wait_gone()).await.expect("goes");
}

/// Waits until so many ephemeral containers run.
async fn added(pod: &PodHandle, count: usize) -> PodStatus {
    let mut changes = pod.changes();
    soon(async {
        loop {
            let status = changes.next().await.expect("can be read").expect("the pod is there");
            let all = status.ephemeral_container_statuses.iter();
            if all.filter(|c| c.state.running.is_some()).count() == count {
                return status;
            }
        }
    })
    .await
}

#[tokio::test]
async fn containers_logs_and_commands_go_on_without_the_engine() {
    let host = host("engine");
    let spec = "
  terminationGracePeriodSeconds: 0
  containers:
  - {name: main, image: pod.local/host, command: [sh, -c, 'i=0; while :; do i=$((i+1)); echo line $i; sleep 0.02; done']}
";
    let pod = host.run(&manifest("engine", spec)).await;
    let before = soon(pod.wait_running()).await.expect("runs");
    let mut lines = pod
        .logs("main", LogOptions { follow: true, ..LogOptions::default() })
        .expect("can be followed");
    soon(lines.next()).await.expect("reads").expect("a line");

    kill_engine(&host, &pod).await;
    // Whatever is asked now is answered without it, or by the one that follows.
    assert_eq!(pod.status().expect("is known").phase, PodPhase::Running);
    assert_eq!(exec(&pod, "main", "echo here").await, ("here\n".to_owned(), 0));
    for _ in 0..20 {
        soon(lines.next()).await.expect("reads").expect("lines go on");
    }
    assert_eq!(next_engine(&host, &pod).await, 2);
    let after = pod.status().expect("is known");
    assert_eq!(after.container_statuses[0].restart_count, 0);
    assert_eq!(after.container_statuses[0].container_id, before.container_statuses[0].container_id);
    let status = soon(pod.stop()).await.expect("stops");
    assert_eq!(status.phase, PodPhase::Failed, "it was killed: {status:#?}");
}

#[tokio::test]
async fn restart_counts_are_kept_by_the_next_engine() {
    let host = host("counts");
    let spec = "
  terminationGracePeriodSeconds: 0
  volumes: [{name: s, emptyDir: {}}]
  containers:
  - name: main
    image: pod.local/host
    command: [sh, -c, 'test -e /s/once && exec sleep 1000; touch /s/once; exit 1']
    volumeMounts: [{name: s, mountPath: /s}]
";
    let pod = host.run(&manifest("counts", spec)).await;
    let restarted = async {
        let mut changes = pod.changes();
        while let Some(status) = changes.next().await.expect("reads") {
            let main = status.container_statuses.first();
            if main.is_some_and(|c| c.restart_count == 1 && c.state.running.is_some()) {
                return;
            }
        }
    };
    soon(restarted).await;
    for _ in 0..3 {
        kill_engine(&host, &pod).await;
        let status = pod.status().expect("is known");
        let main = &status.container_statuses[0];
        assert_eq!((status.phase, main.restart_count), (PodPhase::Running, 1), "{status:#?}");
        assert_eq!(main.last_state.terminated.as_ref().map(|t| t.exit_code), Some(1));
    }
    soon(pod.stop()).await.expect("stops");
}

#[tokio::test]
async fn an_engine_killed_at_any_step_changes_nothing_about_the_end() {
    let host = host("steps");
    let spec = "
  restartPolicy: Never
  terminationGracePeriodSeconds: 0
  volumes: [{name: s, emptyDir: {}}]
  initContainers:
  - {name: first, image: pod.local/host, command: [sh, -c, 'echo first >> /s/order'], volumeMounts: [{name: s, mountPath: /s}]}
  - {name: side, image: pod.local/host, restartPolicy: Always, command: [sleep, '1000']}
  containers:
  - {name: main, image: pod.local/host, command: [sh, -c, 'echo main >> /s/order; cat /s/order'], volumeMounts: [{name: s, mountPath: /s}]}
";
    let mut step = 0;
    loop {
        let pod = host.run(&manifest("steps", spec)).await;
        let mut changes = pod.changes();
        let mut seen = 0;
        let ended_first = loop {
            let status = soon(changes.next()).await.expect("reads").expect("is there");
            if status.phase.is_terminal() {
                break true;
            }
            if seen == step {
                break false;
            }
            seen += 1;
        };
        kill_engine(&host, &pod).await;
        let status = soon(pod.wait_finished()).await.expect("ends");
        assert_eq!(status.phase, PodPhase::Succeeded, "killed at step {step}: {status:#?}");
        assert_eq!(pod_tests::log(&pod, "main").await, "first\nmain\n", "killed at step {step}");
        soon(pod.stop()).await.expect("is removed");
        if ended_first {
            break;
        }
        step += 1;
    }
    assert!(step >= 3, "only {step} steps were seen");
}

#[tokio::test]
async fn a_pod_whose_processes_were_all_killed_says_so_and_can_be_deleted() {
    let host = host("keeper");
    let spec = "  containers: [{name: main, image: pod.local/host, command: [sleep, '1000']}]\n";
    let pod = host.run(&manifest("keeper", spec)).await;
    soon(pod.wait_running()).await.expect("runs");
    let keeper = journal(&host, &pod).and_then(|j| j["keeper"].as_i64()).expect("is noted");
    let (engine, _) = engine(&host, &pod).expect("runs");
    kill(engine, Signal::SIGKILL).expect("is there");
    kill(Pid::from_raw(i32::try_from(keeper).expect("a pid")), Signal::SIGKILL).expect("is there");
    let status = soon(pod.wait_finished()).await.expect("is known to be over");
    assert_eq!(status.phase, PodPhase::Failed, "{status:#?}");
    soon(pod.delete(None)).await.expect("is deleted");
    soon(pod.wait_gone()).await.expect("goes");
}

#[tokio::test]
async fn b167_what_has_changed_while_no_engine_was_there_is_in_the_files() {
    let host = host("engine-files");
    let maps = host.runtime().config_maps();
    let keep = |text: &str| {
        let text = format!(
            "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: m}}, data: {{one: {text}}}}}"
        );
        maps.apply(ConfigMap::from_yaml(&text).expect("is one")).expect("is kept");
    };
    keep("old");
    let spec = "
  terminationGracePeriodSeconds: 0
  volumes: [{name: m, configMap: {name: m}}]
  containers: [{name: main, image: pod.local/host, command: [sleep, '1000'], volumeMounts: [{name: m, mountPath: /m}]}]
";
    let pod = host.run(&manifest("files", spec)).await;
    soon(pod.wait_running()).await.expect("runs");
    // The pause before the next one grows.
    for generation in 1..4 {
        soon(async {
            while engine(&host, &pod).is_none_or(|(_, g)| g < generation) {
                tokio::task::yield_now().await;
            }
        })
        .await;
        kill_engine(&host, &pod).await;
    }
    keep("new");
    let (text, _) =
        soon(exec(&pod, "main", "until grep -q new /m/one; do :; done; cat /m/one")).await;
    assert_eq!(text, "new");
    soon(pod.delete(None)).await.expect("is deleted");
    soon(pod.wait_gone()).await.expect("goes");
    maps.delete("default", "m").expect("goes");
}

#[tokio::test]
async fn b040_a_changed_image_is_started_by_the_next_engine_too() {
    let host = host("update");
    let spec = |image: &str| {
        format!(
            "
  restartPolicy: Never
  containers:
  - {{name: main, image: {image}, imagePullPolicy: Never, command: [sh, -c, 'exit 0']}}
"
        )
    };
    let mut pod = host.run(&manifest("update", &spec("localhost/absent:1"))).await;
    soon(pod.wait_running()).await.expect_err("has no image");
    let new = pod_tests::pod(&manifest("update", &spec("pod.local/host")));
    soon(pod.update(&new)).await.expect("is noted");
    assert_eq!(pod.pod().metadata().generation, Some(2));
    kill_engine(&host, &pod).await;
    let status = soon(pod.wait_finished()).await.expect("comes to its end");
    assert_eq!((status.phase, status.observed_generation), (PodPhase::Succeeded, Some(2)));
    soon(pod.delete(None)).await.expect("is deleted");
    soon(pod.wait_gone()).await.expect("goes");
}
