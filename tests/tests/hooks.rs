//! Hooks at the two ends of a container's life, and the deadline of a pod.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pod_runtime::PodPhase;
use pod_tests::{Host, manifest, run, soon, told, until, wait_until};

fn host(test: &str) -> Host {
    Host::new(test, env!("CARGO_BIN_EXE_helper"))
}

/// A directory of the machine that containers have at `/d`, and the lines of the manifest for it.
fn shared(host: &Host) -> (PathBuf, String, &'static str) {
    let dir = host.dir("shared");
    let volume = format!("  volumes: [{{name: d, hostPath: {{path: {}}}}}]\n", dir.display());
    (dir, volume, "volumeMounts: [{name: d, mountPath: /d}]")
}

fn notes(dir: &Path) -> String {
    fs::read_to_string(dir.join("notes")).unwrap_or_default()
}

#[tokio::test]
async fn b131_b132_a_container_whose_post_start_hook_fails_holds_up_nobody_and_is_restarted() {
    let host = host("poststart");
    let (dir, volume, mount) = shared(&host);
    let spec = format!(
        "{volume}
  terminationGracePeriodSeconds: 0
  containers:
  - name: a
    image: pod.local/host
    command: [sleep, '1000']
    {mount}
    lifecycle: {{postStart: {{exec: {{command: [sh, -c, 'until test -e /d/go; do sleep 0.02; done; echo a >>/d/notes']}}}}}}
  - name: b
    image: pod.local/host
    command: [sh, -c, 'echo b >>/d/notes; exec sleep 1000']
    {mount}
    lifecycle: {{postStart: {{exec: {{command: [sh, -c, 'echo no such luck; exit 3']}}}}}}
"
    );
    let pod = host.run(&manifest("hooks", &spec)).await;
    let status = until(&pod, |status| {
        status.container_statuses.iter().any(|c| c.name == "a" && c.state.running.is_some())
    })
    .await;
    let [a, b] = status.container_statuses.as_slice() else { panic!("{status:#?}") };
    assert_eq!((a.started, a.ready, b.state.running.is_some()), (Some(false), false, false));
    assert_eq!(notes(&dir), "");
    fs::write(dir.join("go"), "").expect("can be written");
    // The hook of the second fails, which ends it; the first goes on.
    let status = until(&pod, |status| status.container_statuses[1].restart_count > 0).await;
    assert_eq!(
        (status.container_statuses[0].started, status.container_statuses[0].ready),
        (Some(true), true)
    );
    assert!(notes(&dir).starts_with("a\nb\n"), "{}", notes(&dir));
    assert_eq!(told(&pod, "FailedPostStartHook", ""), "PostStartHook failed");
    soon(pod.delete(Some(0))).await.expect("is deleted");
    soon(pod.wait_gone()).await.expect("goes");
}

#[tokio::test]
async fn b130_b134_the_pre_stop_hook_comes_before_the_signal() {
    let host = host("prestop");
    let (dir, volume, mount) = shared(&host);
    let spec = format!(
        "{volume}
  initContainers:
  - name: side
    image: pod.local/host
    restartPolicy: Always
    command: [sh, -c, 'trap \"echo side ends >>/d/notes; exit 0\" TERM; while :; do sleep 0.02; done']
    {mount}
    lifecycle: {{preStop: {{sleep: {{seconds: 0}}}}}}
  containers:
  - name: app
    image: pod.local/host
    command: [sh, -c, 'trap \"echo signal >>/d/notes; exit 0\" TERM; while :; do sleep 0.02; done']
    {mount}
    lifecycle: {{preStop: {{exec: {{command: [sh, -c, 'echo hook >>/d/notes; sleep 0.3; echo hook ends >>/d/notes']}}}}}}
"
    );
    let pod = host.run(&manifest("hooks", &spec)).await;
    soon(pod.wait_ready()).await.expect("ready");
    let status = soon(pod.stop()).await.expect("stops");
    assert_eq!(status.phase, PodPhase::Succeeded, "{status:#?}");
    assert_eq!(notes(&dir), "hook\nhook ends\nsignal\nside ends\n");
}

#[tokio::test]
async fn b129_b130_hooks_ask_by_http() {
    let host = host("httphooks");
    let (dir, volume, mount) = shared(&host);
    let script = "import http.server\nclass H(http.server.BaseHTTPRequestHandler):\n def do_GET(self):\n  \
                  open('/d/notes', 'a').write(self.path + ' ' + self.headers['User-Agent'] + '\\n')\n  self.send_response(500)\n  \
                  self.end_headers()\n def log_message(self, *a): pass\nhttp.server.HTTPServer(('', 8080), H).serve_forever()\n";
    fs::write(dir.join("server.py"), script).expect("can be written");
    // The sidecar is there first; what its server answers does not matter.
    let spec = format!(
        "{volume}
  terminationGracePeriodSeconds: 1
  initContainers:
  - name: server
    image: pod.local/host
    restartPolicy: Always
    command: [python3, /d/server.py]
    {mount}
    startupProbe: {{tcpSocket: {{port: 8080}}, periodSeconds: 1}}
  containers:
  - name: app
    image: pod.local/host
    command: [sleep, '1000']
    ports: [{{name: hook, containerPort: 8080}}]
    lifecycle:
      postStart: {{httpGet: {{path: /begin, port: hook}}}}
      preStop: {{httpGet: {{path: /end, port: 8080}}}}
"
    );
    let pod = host.run(&manifest("hooks", &spec)).await;
    soon(pod.wait_ready()).await.expect("ready");
    assert_eq!(notes(&dir), "/begin kube-lifecycle/1.36\n");
    soon(pod.stop()).await.expect("stops");
    assert_eq!(notes(&dir), "/begin kube-lifecycle/1.36\n/end kube-lifecycle/1.36\n");
}

#[tokio::test]
async fn b133_b135_a_pre_stop_hook_that_fails_or_does_not_end_is_not_waited_for() {
    let host = host("badstop");
    let spec = "
  terminationGracePeriodSeconds: 1
  containers:
  - name: fails
    image: pod.local/host
    command: [sleep, '1000']
    lifecycle: {preStop: {exec: {command: ['false']}}}
  - name: hangs
    image: pod.local/host
    command: [sleep, '1000']
    lifecycle: {preStop: {exec: {command: [sleep, '1000']}}}
";
    let pod = host.run(&manifest("hooks", spec)).await;
    soon(pod.wait_ready()).await.expect("ready");
    let began = std::time::Instant::now();
    let following = pod.clone();
    let events = tokio::task::spawn_blocking(move || told(&following, "FailedPreStopHook", ""));
    soon(pod.delete(None)).await.expect("is deleted");
    assert_eq!(soon(events).await.expect("is told"), "PreStopHook failed");
    soon(pod.wait_gone()).await.expect("goes");
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}

#[tokio::test]
async fn b134_a_hook_whose_time_is_over_is_killed() {
    let host = host("cuthook");
    let (dir, volume, mount) = shared(&host);
    let spec = format!(
        "{volume}
  terminationGracePeriodSeconds: 1
  containers:
  - name: a
    image: pod.local/host
    command:
    - sh
    - -c
    - |
      trap 'while grep -qs \"43[2]1\" /proc/[0-9]*/cmdline; do :; done; echo alone >>/d/notes; exit 0' TERM
      sleep 1000 & wait
    {mount}
    lifecycle: {{preStop: {{exec: {{command: [sh, -c, 'echo hook >>/d/notes; sleep 4321; echo over >>/d/notes']}}}}}}
"
    );
    let pod = host.run(&manifest("hooks", &spec)).await;
    soon(pod.wait_ready()).await.expect("ready");
    let status = soon(pod.stop()).await.expect("stops");
    assert_eq!(status.phase, PodPhase::Succeeded, "{status:#?}");
    assert_eq!(notes(&dir), "hook\nalone\n");
}

#[tokio::test]
async fn b016_a_pod_that_is_active_for_too_long_has_failed() {
    let host = host("deadline");
    let spec = "
  activeDeadlineSeconds: 2
  terminationGracePeriodSeconds: 0
  containers: [{name: a, image: pod.local/host, command: [sh, -c, 'trap \"exit 0\" TERM; while :; do sleep 0.02; done']}]
";
    let pod = host.run(&manifest("deadline", spec)).await;
    let status = soon(pod.wait_finished()).await.expect("ends");
    assert_eq!(
        (status.phase, status.reason.as_deref()),
        (PodPhase::Failed, Some("DeadlineExceeded"))
    );
    soon(pod.delete(None)).await.expect("is removed");
    soon(pod.wait_gone()).await.expect("goes");
}

#[tokio::test]
async fn b144_a_container_is_asked_to_end_by_the_signal_of_its_manifest() {
    let host = host("stopsignal");
    let spec = "
  os: {name: linux}
  containers:
  - name: a
    image: pod.local/host
    command: [sh, -c, 'trap \"exit 0\" USR1; while :; do sleep 0.02; done']
    lifecycle: {stopSignal: SIGUSR1}
";
    let pod = host.run(&manifest("signal", spec)).await;
    let status = soon(pod.wait_ready()).await.expect("ready");
    assert_eq!(status.container_statuses[0].stop_signal.as_deref(), Some("SIGUSR1"));
    let status = soon(pod.stop()).await.expect("stops");
    assert_eq!(status.phase, PodPhase::Succeeded, "{status:#?}");
}

#[tokio::test]
async fn b105_b117_b129_tls_is_spoken_and_certificates_are_not_checked() {
    let host = host("tls");
    let (dir, volume, mount) = shared(&host);
    let script = "import http.server, ssl\nserver = http.server.HTTPServer(('', 8443), http.server.SimpleHTTPRequestHandler)\n\
                  context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\ncontext.load_cert_chain('/d/cert.pem', '/d/key.pem')\n\
                  server.socket = context.wrap_socket(server.socket, server_side=True)\nserver.serve_forever()\n";
    fs::write(dir.join("server.py"), script).expect("can be written");
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
    run(Command::new("openssl")
        .args(["req", "-x509", "-nodes", "-subj", "/CN=nobody"])
        .args(curve)
        .arg("-keyout")
        .arg(dir.join("key.pem"))
        .arg("-out")
        .arg(dir.join("cert.pem")));
    // The hook says HTTPS to a server that speaks HTTP, which a kubelet puts up with.
    let spec = format!(
        "{volume}
  terminationGracePeriodSeconds: 0
  initContainers:
  - name: plain
    image: pod.local/host
    restartPolicy: Always
    command: [python3, -m, http.server, '8080']
    startupProbe: {{tcpSocket: {{port: 8080}}, periodSeconds: 1}}
  containers:
  - name: web
    image: pod.local/host
    command: [python3, /d/server.py]
    {mount}
    readinessProbe: {{httpGet: {{port: 8443, scheme: HTTPS}}, periodSeconds: 1}}
    livenessProbe: {{httpGet: {{port: 8080, scheme: HTTPS}}, failureThreshold: 100}}
    lifecycle: {{postStart: {{httpGet: {{port: 8080, scheme: HTTPS}}}}}}
"
    );
    let pod = host.run(&manifest("tls", &spec)).await;
    let status = soon(pod.wait_ready()).await.expect("ready");
    assert_eq!(status.container_statuses[0].restart_count, 0);
    wait_until("the failure of the probe", || {
        let plain = "server gave HTTP response to HTTPS client";
        let events = pod.events().expect("can be read");
        events.iter().any(|e| e.event.message.contains(plain)).then_some(())
    });
    soon(pod.delete(Some(0))).await.expect("is deleted");
    soon(pod.wait_gone()).await.expect("goes");
}
