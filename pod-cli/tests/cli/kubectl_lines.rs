//! Lines that people type, word for word, with `pod` in the place of `kubectl`.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};

use pod_tests::image::{Layer, Registry, recipes};

use crate::host::{Host, LinesFrom, eventually, lines_from, read_until};

const NGINX: &str = "
apiVersion: v1
kind: Pod
metadata: {name: nginx, labels: {app: nginx}}
spec:
  containers: [{name: nginx, image: nginx}]
";

/// A machine whose registry has the images of the manifests.
struct World {
    host: Host,
    _registry: Registry,
}

impl World {
    fn new() -> Self {
        let host = Host::new();
        let mut kiada = recipes::kiada();
        kiada.layers.push(Layer::script("mkdir -p usr/bin; ln -s /bin/busybox usr/bin/ps"));
        let images = [kiada, recipes::kiada_ssl_proxy(), recipes::nginx()];
        let registry = Registry::with(&images, env!("CARGO_TARGET_TMPDIR"), &host.path("registry"));
        host.set_registries(&registry.configuration());
        fs::create_dir(host.path("pods")).expect("it can be made");
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/pods/kiada-ssl.yaml");
        let sample = fs::read_to_string(sample).expect("it is there");
        // So that it goes soon.
        let sample = sample.replace("\nspec:\n", "\nspec:\n  terminationGracePeriodSeconds: 1\n");
        fs::write(host.path("pods/kiada-ssl.yaml"), sample).expect("it can be written");
        fs::write(host.path("pods/nginx.yaml"), NGINX).expect("it can be written");
        Self { host, _registry: registry }
    }

    /// Runs a line in the directory that the manifests' directory is in.
    fn line(&self, line: &str) -> String {
        let mut command = self.host.command(line.split_whitespace());
        let ran = crate::host::run(command.current_dir(self.host.path("")), b"");
        assert_eq!(ran.code, 0, "{line}: {ran:?}");
        ran.out
    }

    /// Begins a line that goes on until it is killed.
    fn begin(&self, line: &str) -> (Child, LinesFrom<ChildStdout>) {
        let mut command = self.host.command(line.split_whitespace());
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it can be executed");
        let lines = lines_from(child.stdout.take().expect("it is piped"));
        (child, lines)
    }
}

fn kill(mut child: Child) {
    child.kill().expect("it goes on by itself");
    child.wait().expect("it ends");
}

/// What a port answers with, once something listens behind it.
fn page(port: u16, path: &str) -> String {
    let mut text = String::new();
    eventually("the pod answers", || {
        text.clear();
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
        let _ = write!(stream, "GET {path} HTTP/1.0\r\n\r\n");
        stream.read_to_string(&mut text).is_ok() && text.contains("200 OK")
    });
    text
}

#[test]
fn lines_mean_what_they_mean_to_kubectl() {
    let world = World::new();
    let (watch, mut rows) = world.begin("get pods -w");
    let (events, mut happened) = world.begin("get events -w");
    assert_eq!(world.line("apply -f pods/kiada-ssl.yaml"), "pod/kiada-ssl created\n");
    assert_eq!(world.line("create -f pods/nginx.yaml"), "pod/nginx created\n");
    read_until(&mut rows, |line| line.starts_with("kiada-ssl   2/2     Running"));
    read_until(&mut happened, |line| line.contains("pod/kiada-ssl") && line.contains("Started"));
    kill(watch);
    kill(events);
    looks(&world);
    forwards(&world);
    reads(&world);
    let shown = world.line("exec kiada-ssl -c kiada -- ps aux");
    assert!(shown.contains("node app.js") && shown.contains("ps aux"), "{shown}");
    removes(&world);
}

fn looks(world: &World) {
    let table = world.line("get pods");
    assert!(
        table.starts_with(
            "NAME        READY   STATUS    RESTARTS   AGE\nkiada-ssl   2/2     Running   0 "
        ),
        "{table}"
    );
    let labelled = world.line("get pods -l app=nginx -o wide");
    assert!(
        labelled.contains("\nnginx   1/1     Running   0 ") && labelled.lines().count() == 2,
        "{labelled}"
    );
    let one = world.line("get pod kiada-ssl -o wide");
    assert!(
        one.contains("IP") && one.contains("NOMINATED NODE   READINESS GATES\nkiada-ssl "),
        "{one}"
    );
    let yaml = world.line("get po kiada-ssl -o yaml");
    assert!(
        yaml.contains("\n    image: qiaocc/kiada:1.0\n") && yaml.contains("\n  phase: Running\n"),
        "{yaml}"
    );
    let page = world.line("describe pod kiada-ssl");
    assert!(
        page.contains("\n  envoy:\n") && page.contains("    Ports:          8443/TCP, 9901/TCP\n"),
        "{page}"
    );
    let events = world.line("get events");
    assert!(events.starts_with("LAST SEEN   TYPE     REASON"), "{events}");
}

fn forwards(world: &World) {
    let (forward, mut lines) = world.begin("port-forward kiada-ssl 8080 8443 9901");
    read_until(&mut lines, |line| line == "Forwarding from [::1]:9901 -> 9901");
    assert!(page(8080, "/").ends_with("kiada 1.0 on kiada-ssl for http\n"));
    assert!(page(9901, "/stats;csv").contains("app,kiada,"));
    kill(forward);
}

fn reads(world: &World) {
    let log = world.line("logs kiada-ssl -c kiada");
    assert!(log.starts_with("listening\nrequest for /\n"), "{log}");
    let (follow, mut lines) = world.begin("logs kiada-ssl -c kiada -f");
    read_until(&mut lines, |line| line == "request for /");
    kill(follow);
    let stamped = world.line("logs kiada-ssl -c kiada --timestamps=true");
    assert!(stamped.lines().all(|line| line.starts_with("20") && line.contains("Z ")), "{stamped}");
    for same in ["--since=2m", "--since-time=2020-02-01T09:50:00Z", "--tail=10"] {
        assert_eq!(world.line(&format!("logs kiada-ssl -c kiada {same}")), log, "{same}");
    }
    assert!(world.line("logs kiada-ssl --all-containers").starts_with(&log));
}

fn removes(world: &World) {
    assert_eq!(
        world.line("delete po kiada-ssl nginx"),
        "pod \"kiada-ssl\" deleted\npod \"nginx\" deleted\n"
    );
    assert_eq!(world.line("apply -f pods/nginx.yaml"), "pod/nginx created\n");
    assert_eq!(world.line("delete -f pods/nginx.yaml"), "pod \"nginx\" deleted\n");
    assert_eq!(world.line("apply -f pods/"), "pod/kiada-ssl created\npod/nginx created\n");
    assert_eq!(world.line("delete -f pods/"), "pod \"kiada-ssl\" deleted\npod \"nginx\" deleted\n");
}
