//! Probes, and what they lead to.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use pod_runtime::{Network, PodHandle, PodStatus};
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

/// A container named `web` with a gRPC server at port 5000, with these further lines. Files of the directory say what it
/// answers.
fn grpc_server(host: &Host, more: &str) -> (PathBuf, String) {
    let dir = host.dir("health");
    let spec = format!(
        "
  terminationGracePeriodSeconds: 0
  volumes:
  - {{name: d, hostPath: {{path: {}}}}}
  - {{name: p, hostPath: {{path: {}}}}}
  containers:
  - name: web
    image: pod.local/host
    command: [/opt/health, '5000', /d]
    volumeMounts: [{{name: d, mountPath: /d}}, {{name: p, mountPath: /opt/health}}]
{more}",
        dir.display(),
        env!("CARGO_BIN_EXE_health")
    );
    (dir, spec)
}

#[tokio::test]
async fn b107_b121_the_health_of_a_server_is_asked_for_by_grpc() {
    let host = host("grpc");
    let (dir, spec) = grpc_server(
        &host,
        "    readinessProbe: {grpc: {port: 5000, service: web}, periodSeconds: 1, failureThreshold: 1}
    livenessProbe: {grpc: {port: 5000}, periodSeconds: 1, failureThreshold: 1}
    startupProbe: {grpc: {port: 5000, service: up}, periodSeconds: 1, failureThreshold: 60}\n",
    );
    let answer = |service: &str, what: &str| {
        let new = dir.join(format!(".{service}"));
        fs::write(&new, what).expect("can be written");
        fs::rename(new, dir.join(service)).expect("can be renamed");
    };
    answer("server", "1");
    answer("web", "2");
    let pod = host.run(&manifest("grpc", &spec)).await;
    told(
        &pod,
        "Unhealthy",
        "Startup probe failed: error: health rpc probe failed: rpc error: code = NotFound desc = unknown service",
    );
    answer("up", "1");
    let unready = "Readiness probe failed: service unhealthy (responded with \"NOT_SERVING\")";
    told(&pod, "Unhealthy", unready);
    answer("web", "1");
    let status = soon(pod.wait_ready()).await.expect("ready");
    assert_eq!(status.container_statuses[0].restart_count, 0);
    answer("web", "wait");
    told(
        &pod,
        "Unhealthy",
        "Readiness probe failed: timeout: health rpc did not complete within 1s",
    );
    answer("server", "code 12");
    told(
        &pod,
        "Unhealthy",
        "Liveness probe failed: error: this server does not implement the grpc health protocol \
         (grpc.health.v1.Health): as told",
    );
    until(&pod, |status| status.container_statuses[0].restart_count > 0).await;
    delete(&[&pod]).await;
}

#[tokio::test]
async fn b107_a_server_at_another_port_fails_its_grpc_probe() {
    let host = host("grpc-port");
    let (_, spec) = grpc_server(
        &host,
        "    livenessProbe: {grpc: {port: 2333}, periodSeconds: 1, failureThreshold: 1}\n",
    );
    let pod = host.run(&manifest("grpc", &spec)).await;
    let said = told(&pod, "Unhealthy", "Liveness probe failed: timeout: failed to connect service");
    assert!(said.ends_with(":2333\" within 1s: context deadline exceeded"), "{said}");
    until(&pod, |status| status.container_statuses[0].restart_count > 0).await;
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
async fn b125_a_program_has_the_user_and_the_variables_of_its_container() {
    let host = host("exec-identity");
    // What it finds different it says.
    let check = "test $(id -u):$(id -g) = 1234:2345 && test \"$OWN\" = mine && \
                 diff <(env | grep -v -e ^_= -e ^SHLVL= -e ^PWD= | sort) <(tr '\\\\0' '\\\\n' </proc/1/environ | sort)";
    let spec = format!(
        "
  terminationGracePeriodSeconds: 0
  containers:
  - name: a
    image: pod.local/host
    command: [sleep, '1000']
    env: [{{name: OWN, value: mine}}]
    securityContext: {{runAsUser: 1234, runAsGroup: 2345}}
    readinessProbe:
      exec: {{command: [bash, -c, \"{}\"]}}
      periodSeconds: 1
      timeoutSeconds: 10
",
        check.replace('"', "\\\"")
    );
    let pod = host.run(&manifest("identity", &spec)).await;
    if let Err(error) = soon(pod.wait_ready()).await {
        panic!("{error}: {:?}", pod.events());
    }
    delete(&[&pod]).await;
}

/// A script that writes whom it serves to `/s/client`.
const WHO: &str = "
import socket, sys
server = socket.create_server(('', int(sys.argv[1])))
while True:
    client, address = server.accept()
    said = client.recv(10)
    open('/s/client', 'w').write(f'{address[0]} {client.getsockname()[0]} {len(said)}')
    client.close()
";

/// Runs a pod that is probed at this port, and returns who has connected to where and how much it said, and the pod.
async fn probed_by(host: &Host, more: &str, port: u16) -> (Vec<String>, PodHandle) {
    let scripts = host.dir("scripts");
    fs::write(scripts.join("who.py"), WHO).expect("can be written");
    let spec = format!(
        "{more}  terminationGracePeriodSeconds: 0
  volumes: [{{name: s, hostPath: {{path: {}}}}}]
  containers:
  - name: web
    image: pod.local/host
    command: [python3, /s/who.py, '{port}']
    volumeMounts: [{{name: s, mountPath: /s}}]
    readinessProbe: {{tcpSocket: {{port: {port}}}, periodSeconds: 1}}
",
        scripts.display()
    );
    let pod = host.run(&manifest("who", &spec)).await;
    soon(pod.wait_ready()).await.expect("ready");
    let seen = wait_until("a client", || {
        let seen = fs::read_to_string(scripts.join("client")).unwrap_or_default();
        (!seen.is_empty()).then_some(seen)
    });
    (seen.split(' ').map(str::to_owned).collect(), pod)
}

#[tokio::test]
async fn b126_a_probe_comes_from_the_machine_to_the_pods_address() {
    let host = host("who");
    let (seen, pod) = probed_by(&host, "", 8080).await;
    let address = pod.status().expect("is there").pod_ip.expect("has one");
    // It connects and closes, from an address that is not the pod's own.
    assert_eq!(seen[1..], [address.clone(), "0".to_owned()]);
    assert!(seen[0] != address && seen[0] != "127.0.0.1", "{seen:?}");
    delete(&[&pod]).await;
}

#[tokio::test]
async fn b128_a_pod_with_the_machines_network_is_probed_at_its_address() {
    let host = host("who-host");
    let (seen, pod) = probed_by(&host, "  hostNetwork: true\n", 18_432).await;
    let status = pod.status().expect("is there");
    assert_eq!(status.pod_ip, status.host_ip);
    assert_eq!(Some(&seen[1]), status.pod_ip.as_ref());
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
