//! Probes, and what they lead to.

use std::fs;
use std::process::Command;

use pod_runtime::{Network, PodStatus};
use pod_tests::{Host, delete, exec, manifest, pod, run, soon, told, until, wait_until};

fn host(test: &str) -> Host {
    Host::new(test, env!("CARGO_BIN_EXE_helper"))
}

fn is_ready(status: &PodStatus) -> bool {
    let ready = status.conditions.iter().find(|c| c.kind == "Ready");
    ready.is_some_and(|c| c.status == pod_spec::status::ConditionStatus::True)
}

/// A script that answers by HTTP at port 8080, by path; what the files `up` and `well` of its directory say counts.
const SERVER: &str = r#"
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path, sent = self.path, self.headers
        if path == "/headers":
            ok = sent["User-Agent"] == "kube-probe/1.36" and sent["X-Who"] == "me" and sent["Host"] == "web" \
                and sent["Accept"] == "*/*"
            self.answer(200 if ok else 400)
        elif path == "/well":
            self.answer(200 if os.path.exists("/s/well") else 503)
        elif path == "/redirect":
            self.answer(302, "/well")
        elif path == "/away":
            self.answer(302, "http://elsewhere.invalid/")
        else:
            self.answer(404)
    def answer(self, code, location=None):
        self.send_response(code)
        if location: self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(b"x" * 100000 if location is None else b"over there")
    def log_message(self, *args): pass
http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"#;

/// A container named `web` that runs the server, with these further lines.
fn server(host: &Host, more: &str) -> String {
    let scripts = host.dir("scripts");
    fs::write(scripts.join("server.py"), SERVER).expect("can be written");
    format!(
        "  terminationGracePeriodSeconds: 0\n  volumes: [{{name: s, hostPath: {{path: {}}}}}]\n  containers:\n  - name: web\n    \
         image: pod.local/host\n    command: [python3, /s/server.py]\n    volumeMounts: [{{name: s, mountPath: /s}}]\n    \
         ports: [{{name: http, containerPort: 8080}}]\n{more}",
        scripts.display()
    )
}

#[tokio::test]
async fn b104_b118_a_container_that_fails_its_liveness_probe_is_started_again() {
    let host = host("liveness");
    let spec = "
  terminationGracePeriodSeconds: 0
  containers:
  - name: a
    image: pod.local/host
    env: [{name: FILE, value: /alive}]
    command: [sh, -c, 'touch /alive; exec sleep 1000']
    livenessProbe: {exec: {command: [cat, $(FILE)]}, periodSeconds: 1, failureThreshold: 2}
";
    let pod = host.run(&manifest("alive", spec)).await;
    soon(pod.wait_ready()).await.expect("ready");
    assert_eq!(soon(exec(&pod, "a", "rm /alive")).await, (String::new(), 0));
    let status = until(&pod, |status| {
        let a = &status.container_statuses[0];
        a.restart_count == 1 && a.state.running.is_some()
    })
    .await;
    assert!(status.container_statuses[0].last_state.terminated.is_some());
    let said = told(&pod, "Unhealthy", "Liveness probe failed");
    assert!(said.contains("/alive") && said.contains("No such file"), "{said}");
    told(&pod, "Killing", "Container a failed liveness probe, will be restarted");
    delete(&[&pod]).await;
}

#[tokio::test]
async fn b103_b117_a_pod_is_ready_while_its_readiness_probe_says_so() {
    let host = host("readiness");
    let spec = server(
        &host,
        "    readinessProbe: {httpGet: {path: /redirect, port: http}, periodSeconds: 1, failureThreshold: 1}\n",
    );
    let pod = host.run(&manifest("web", &spec)).await;
    soon(pod.wait_running()).await.expect("runs");
    told(&pod, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503");
    assert!(!is_ready(&pod.status().expect("is there")));
    let well = host.path("scripts").join("well");
    fs::write(&well, "").expect("can be written");
    soon(pod.wait_ready()).await.expect("ready");
    fs::remove_file(&well).expect("can be removed");
    let status = until(&pod, |status| !is_ready(status)).await;
    let web = &status.container_statuses[0];
    assert_eq!((web.ready, web.started, web.restart_count), (false, Some(true), 0));
    delete(&[&pod]).await;
}

#[tokio::test]
async fn b110_b117_b119_a_request_is_that_of_a_kubelet() {
    let host = host("request");
    let get = "{httpGet: {path: headers, port: http, httpHeaders: [{name: X-Who, value: me}, {name: Host, value: web}]}, \
               periodSeconds: 1}";
    let away = "{httpGet: {path: /away, port: 8080}, periodSeconds: 1, failureThreshold: 1}";
    let spec = server(&host, &format!("    readinessProbe: {get}\n    livenessProbe: {away}\n"));
    let pod = host.run(&manifest("web", &spec)).await;
    soon(pod.wait_ready()).await.expect("ready");
    let said = told(&pod, "ProbeWarning", "Probe terminated redirects");
    assert!(said.ends_with("over there"), "{said}");
    delete(&[&pod]).await;
}

#[tokio::test]
async fn b080_b106_b111_what_follows_waits_for_the_startup_probe_of_a_sidecar() {
    let host = host("startup");
    let gate = host.dir("gate");
    let spec = format!(
        "
  terminationGracePeriodSeconds: 0
  volumes: [{{name: g, hostPath: {{path: {}}}}}]
  initContainers:
  - name: proxy
    image: pod.local/host
    restartPolicy: Always
    command: [sh, -c, 'until test -e /g/open; do sleep 0.05; done; exec python3 -m http.server 9000']
    ports: [{{name: admin, containerPort: 9000}}]
    volumeMounts: [{{name: g, mountPath: /g}}]
    startupProbe: {{tcpSocket: {{port: admin}}, periodSeconds: 1, failureThreshold: 60}}
  containers:
  - {{name: app, image: pod.local/host, command: [sleep, '1000']}}
",
        gate.display()
    );
    let pod = host.run(&manifest("mesh", &spec)).await;
    let said = told(&pod, "Unhealthy", "Startup probe failed");
    assert!(said.contains("connection refused"), "{said}");
    let status = pod.status().expect("is there");
    let (proxy, app) = (&status.init_container_statuses[0], &status.container_statuses[0]);
    assert_eq!((proxy.started, proxy.state.running.is_some()), (Some(false), true));
    let waiting = app.state.waiting.as_ref().expect("waits");
    assert_eq!(waiting.reason.as_deref(), Some("PodInitializing"));
    fs::write(gate.join("open"), "").expect("can be written");
    let status = soon(pod.wait_ready()).await.expect("ready");
    assert_eq!(status.init_container_statuses[0].restart_count, 0);
    delete(&[&pod]).await;
}

#[tokio::test]
async fn b108_a_program_that_takes_too_long_has_failed_and_is_killed() {
    let host = host("timeout");
    let spec = "
  terminationGracePeriodSeconds: 0
  containers:
  - name: a
    image: pod.local/host
    command: [sleep, '1000']
    readinessProbe: {exec: {command: [sh, -c, 'echo begun; sleep 4321; exit 0']}, timeoutSeconds: 1}
";
    let pod = host.run(&manifest("slow", spec)).await;
    let said = told(&pod, "Unhealthy", "timed out after 1s");
    assert!(said.contains("sleep 4321"), "{said}");
    wait_until("the end of the program", || {
        let all = run(Command::new("ps").args(["-eo", "args"]));
        (!all.lines().any(|line| line == "sleep 4321")).then_some(())
    });
    assert!(!is_ready(&pod.status().expect("is there")));
    delete(&[&pod]).await;
}

#[tokio::test]
async fn b120_a_program_that_is_not_there_says_nothing_of_the_container() {
    let host = host("missing");
    let spec = "
  terminationGracePeriodSeconds: 0
  containers:
  - name: a
    image: pod.local/host
    command: [sleep, '1000']
    livenessProbe: {exec: {command: [/no/such/program]}, periodSeconds: 1, failureThreshold: 1}
";
    let pod = host.run(&manifest("missing", spec)).await;
    told(&pod, "Unhealthy", "Liveness probe errored and resulted in unknown state: ");
    assert_eq!(pod.status().expect("is there").container_statuses[0].restart_count, 0);
    delete(&[&pod]).await;
}

#[tokio::test]
async fn a_pod_with_loopback_only_is_probed_from_within() {
    let host = host("within");
    let spec = server(&host, "    readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}\n");
    let runtime = host.runtime().with_network(Network::Loopback);
    let web = runtime.run(pod(&manifest("web", &spec))).await.expect("is taken on");
    host.note(&web);
    let status = soon(web.wait_ready()).await.expect("ready");
    assert_eq!(status.pod_ip, None);
    delete(&[&web]).await;
}
