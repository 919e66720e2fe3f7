//! The process that holds a pod's namespaces dies, and the pod goes on in new ones.

use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pod_runtime::{Network, PodHandle, PodPhase, PodStatus, Runtime};
use pod_tests::{
    Host, delete, exec, journal, log, manifest, pod, run, soon, told, until, wait_until,
};

fn host(test: &str) -> Host {
    Host::new(test, env!("CARGO_BIN_EXE_helper"))
}

fn kill_hard(pid: Option<i64>) -> bool {
    let pid = pid.and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw);
    pid.is_some_and(|pid| kill(pid, Signal::SIGKILL).is_ok())
}

/// Kills the process that holds the namespaces.
fn lose_sandbox(host: &Host, pod: &PodHandle) {
    let journal = journal(host, pod).expect("is written");
    assert!(kill_hard(journal["state"]["ready"]["pause"].as_i64()), "{journal}");
}

/// How often the sandbox has been made again.
fn attempt(host: &Host, pod: &PodHandle) -> u64 {
    journal(host, pod).and_then(|journal| journal["attempt"].as_u64()).expect("is written")
}

/// Waits until the pod runs with its containers restarted so often.
async fn restarted(pod: &PodHandle, count: u32) -> PodStatus {
    until(pod, |status| {
        let mut mains = status.container_statuses.iter();
        mains.all(|c| c.restart_count == count && c.state.running.is_some())
            && status.phase == PodPhase::Running
    })
    .await
}

const ORDER: &str = "
  terminationGracePeriodSeconds: 0
  volumes: [{name: s, emptyDir: {}}, {name: m, emptyDir: {medium: Memory}}]
  initContainers:
  - {name: first, image: pod.local/host, command: [sh, -c, 'echo first >> /s/order; echo first >> /m/order'], volumeMounts: [{name: s, mountPath: /s}, {name: m, mountPath: /m}]}
  - {name: side, image: pod.local/host, restartPolicy: Always, command: [sh, -c, 'echo side >> /s/order; exec sleep 1000'], startupProbe: {exec: {command: ['true']}, periodSeconds: 1}, volumeMounts: [{name: s, mountPath: /s}]}
  containers:
  - {name: main, image: pod.local/host, command: [sh, -c, 'echo main >> /s/order; cat /s/order; wc -l < /m/order; exec sleep 1000'], volumeMounts: [{name: s, mountPath: /s}, {name: m, mountPath: /m}]}
";

/// What the main container of [`ORDER`] has written, up to its last line.
async fn wrote(pod: &PodHandle) -> String {
    soon(async {
        loop {
            let text = log(pod, "main").await;
            if text.lines().last().is_some_and(|line| line.parse::<u32>().is_ok()) {
                return text;
            }
        }
    })
    .await
}

#[tokio::test]
async fn b057_b077_a_pod_begins_anew_in_a_second_sandbox() {
    let host = host("lost");
    let pod = host.run(&manifest("lost", ORDER)).await;
    let before = soon(pod.wait_running()).await.expect("runs");
    lose_sandbox(&host, &pod);
    let status = restarted(&pod, 1).await;
    let once = "first\nside\nmain\n";
    assert_eq!(wrote(&pod).await, format!("{once}{once}2\n"), "in order, volumes kept");
    let all = status.init_container_statuses.iter().chain(&status.container_statuses);
    assert!(all.clone().all(|c| c.restart_count == 1), "{status:#?}");
    // Of init containers nothing is left but the count, neither a state nor a log.
    let inits = || status.init_container_statuses.iter();
    assert!(inits().all(|c| c.last_state.terminated.is_none()), "{status:#?}");
    let logs = |container: &str| {
        let pod = format!("default_lost_{}", pod.uid());
        let dir = host.root().join("pods/logs/pods").join(pod).join(container);
        let files = std::fs::read_dir(dir).expect("is there").flatten();
        let mut names: Vec<_> = files.map(|f| f.file_name().into_string().expect("text")).collect();
        names.sort();
        names
    };
    assert_eq!(logs("first"), ["1.log"]);
    assert_eq!(logs("main"), ["0.log", "1.log"]);
    let last = status.container_statuses[0].last_state.terminated.as_ref().expect("it ended");
    assert_eq!((last.exit_code, last.reason.as_deref()), (137, Some("Error")));
    told(&pod, "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.");
    assert_eq!(attempt(&host, &pod), 1);

    // The address is a new one, and everybody is told.
    let (old, new) = (before.pod_ip.expect("had one"), status.pod_ip.expect("has one"));
    assert_ne!(old, new);
    let (hosts, _) = soon(exec(&pod, "main", "cat /etc/hosts; ip -o -4 address")).await;
    assert!(hosts.contains(&format!("{new}\tlost")) && !hosts.contains(&old), "{hosts}");
    assert!(hosts.contains(&format!("inet {new}/")), "{hosts}");
    delete(&[&pod]).await;
}

#[tokio::test]
async fn b056_b058_policies_count_in_a_second_sandbox_too() {
    let host = host("lost-policies");
    let spec = |policy: &str| {
        format!(
            "
  restartPolicy: {policy}
  terminationGracePeriodSeconds: 0
  containers:
  - {{name: done, image: pod.local/host, command: ['true']}}
  - {{name: main, image: pod.local/host, command: [sleep, '1000']}}
"
        )
    };
    let ready = |status: &PodStatus| {
        let [done, main] = status.container_statuses.as_slice() else { return false };
        done.state.terminated.is_some() && main.state.running.is_some()
    };
    let never = host.run(&manifest("never", &spec("Never"))).await;
    let on_failure = host.run(&manifest("on-failure", &spec("OnFailure"))).await;
    for pod in [&never, &on_failure] {
        until(pod, ready).await;
        lose_sandbox(&host, pod);
    }
    let status = soon(never.wait_finished()).await.expect("is over");
    assert_eq!(
        (status.phase, status.reason.as_deref()),
        (PodPhase::Failed, Some("SandboxLost")),
        "{status:#?}"
    );
    let status = until(&on_failure, |status| {
        ready(status) && status.container_statuses[1].restart_count == 1
    })
    .await;
    assert_eq!(status.container_statuses[0].restart_count, 0, "{status:#?}");
    delete(&[&never, &on_failure]).await;
}

#[tokio::test]
async fn b057_an_engine_killed_in_the_middle_of_it_changes_nothing_about_the_end() {
    let host = host("lost-steps");
    let mut step = 0;
    loop {
        let pod = host.run(&manifest("steps", ORDER)).await;
        soon(pod.wait_running()).await.expect("runs");
        let mut changes = pod.changes();
        soon(changes.next()).await.expect("reads").expect("is there");
        if step % 2 == 0 {
            // Nobody looks after the pod while the sandbox dies.
            kill_hard(journal(&host, &pod).and_then(|j| j["companion"].as_i64()));
        }
        lose_sandbox(&host, &pod);
        let mut seen = 0;
        let ended_first = loop {
            let status = soon(changes.next()).await.expect("reads").expect("is there");
            let main = &status.container_statuses[0];
            if main.restart_count > 0 && main.state.running.is_some() {
                break true;
            }
            if seen == step / 2 {
                break false;
            }
            seen += 1;
        };
        kill_hard(journal(&host, &pod).and_then(|j| j["companion"].as_i64()));
        let status = restarted(&pod, 1).await;
        let text = wrote(&pod).await;
        assert_eq!(text, "first\nside\nmain\nfirst\nside\nmain\n2\n", "killed at step {step}");
        let all = status.init_container_statuses.iter().chain(&status.container_statuses);
        assert!(all.clone().all(|c| c.restart_count == 1), "killed at step {step}: {status:#?}");
        assert_eq!(attempt(&host, &pod), 1, "killed at step {step}");
        delete(&[&pod]).await;
        if ended_first {
            break;
        }
        // Some with an engine while the sandbox dies, some without.
        step += 3;
    }
    assert!(step >= 6, "only {step} steps were seen");
}

/// Runs a pod with a server on port 80, loses its sandbox twice, and looks whether it serves after that, on port 8001 of the
/// host too if that leads to it.
async fn serves_again(host: &Host, runtime: Runtime) {
    let spec = "
  terminationGracePeriodSeconds: 0
  containers:
  - {name: web, image: pod.local/host, command: [python3, -m, http.server, '80'], workingDir: /etc, ports: [{containerPort: 80, hostPort: 8001}]}
";
    let web = runtime.run(pod(&manifest("web", spec))).await.expect("is made");
    host.note(&web);
    soon(web.wait_running()).await.expect("runs");
    for count in 1..3 {
        lose_sandbox(host, &web);
        restarted(&web, count).await;
        let script = "until curl -s -o /dev/null http://127.0.0.1/hostname; do :; done; getent hosts $(hostname)";
        let (seen, code) = soon(exec(&web, "web", script)).await;
        assert_eq!(code, 0, "{seen}");
        let at = web.status().expect("is there").pod_ip;
        if let Some(at) = at {
            assert!(seen.starts_with(&at), "it knows its address {at}: {seen}");
            let answers =
                || Command::new("curl").args(["-s", "http://127.0.0.1:8001/hostname"]).status();
            wait_until("an answer at the port of the host", || {
                answers().is_ok_and(|status| status.success()).then_some(())
            });
        }
    }
    delete(&[&web]).await;
}

#[tokio::test]
async fn b057_the_bridge_leads_to_the_new_namespace() {
    let host = host("lost-bridge");
    serves_again(&host, host.runtime()).await;
}

#[tokio::test]
async fn b057_a_pod_with_loopback_alone_begins_anew() {
    let host = host("lost-loopback");
    let runtime = host.runtime().with_network(Network::Loopback);
    serves_again(&host, runtime).await;
}

#[tokio::test]
async fn b057_a_pod_with_the_machines_network_begins_anew() {
    let host = host("lost-host");
    let spec = "
  hostNetwork: true
  terminationGracePeriodSeconds: 0
  containers: [{name: a, image: pod.local/host, command: [sleep, '1000']}]
";
    let pod = host.run(&manifest("a", spec)).await;
    soon(pod.wait_running()).await.expect("runs");
    let namespace = "readlink /proc/self/ns/net";
    let before = soon(exec(&pod, "a", namespace)).await;
    lose_sandbox(&host, &pod);
    let status = restarted(&pod, 1).await;
    assert_eq!((status.pod_ip, attempt(&host, &pod)), (status.host_ip, 1));
    assert_eq!(soon(exec(&pod, "a", namespace)).await, before);
    delete(&[&pod]).await;
}

#[tokio::test]
async fn b057_plugins_lead_to_the_new_namespace() {
    let host = host("lost-cni");
    let (dir, leases) = (host.dir("net.d"), host.dir("leases"));
    let configuration = format!(
        r#"{{"cniVersion": "1.0.0", "name": "lost", "plugins": [
          {{"type": "bridge", "bridge": "cni-lost", "isGateway": true, "ipMasq": true, "hairpinMode": true,
            "ipam": {{"type": "host-local", "dataDir": "{}", "ranges": [[{{"subnet": "10.99.8.0/24"}}]],
                      "routes": [{{"dst": "0.0.0.0/0"}}]}}}},
          {{"type": "portmap", "capabilities": {{"portMappings": true}}, "snat": true}}]}}"#,
        leases.display()
    );
    std::fs::write(dir.join("10-lost.conflist"), configuration).expect("can be written");
    let cni = pod_runtime::Cni { conf_dir: dir, ..pod_runtime::Cni::system() };
    serves_again(&host, host.runtime().with_network(Network::Cni(cni))).await;
    let kept = std::fs::read_dir(leases.join("lost")).expect("is there").flatten();
    let kept = kept.filter(|entry| entry.file_name().to_string_lossy().starts_with("10."));
    assert_eq!(kept.count(), 0, "leases that were not given back");
    // The plugins leave their bridge and their chains.
    run(Command::new("ip").args(["link", "delete", "cni-lost"]));
    run(Command::new("nft").args(["flush", "ruleset"]));
}

#[tokio::test]
async fn b057_a_pod_is_deleted_while_its_sandbox_is_made_again() {
    let host = host("lost-deleted");
    let pod = host.run(&manifest("lost", ORDER)).await;
    soon(pod.wait_running()).await.expect("runs");
    lose_sandbox(&host, &pod);
    delete(&[&pod]).await;
}
