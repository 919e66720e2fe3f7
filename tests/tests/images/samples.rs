//! Manifests that people have written, as they are, with images of the names in them.

use std::fs;
use std::path::Path;
use std::process::Command;

use pod_runtime::PodHandle;
use pod_spec::Deployment;
use pod_tests::image::{Recipe, recipes};
use pod_tests::{delete, exec, log, run, soon};
use pod_workloads::{Workloads, rollout};
use tokio::net::TcpListener;

use crate::host;

fn sample(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("pods/{name}.yaml"));
    std::fs::read_to_string(path).expect("it is there")
}

/// Fetches from within a container that has Node.js, again until somebody listens.
async fn fetch(pod: &PodHandle, container: &str, url: &str) -> String {
    let script = format!(
        "node -e '
const url = new URL(\"{url}\"), end = Date.now() + 30000;
const attempt = () => require(url.protocol.slice(0, -1))
  .get(url, {{rejectUnauthorized: false}}, (response) => response.pipe(process.stdout))
  .on(\"error\", (error) => {{ if (Date.now() > end) throw error; setTimeout(attempt, 20); }});
attempt();'"
    );
    let (text, code) = soon(exec(pod, container, &script)).await;
    assert_eq!(code, 0, "{text}");
    text
}

#[tokio::test]
async fn b208_a_web_application_serves() {
    let (host, _registry) = host("kiada", &[recipes::kiada()]);
    let pod = host.run(&sample("kiada")).await;
    let status = soon(pod.wait_ready()).await.expect("ready");
    let container = &status.container_statuses[0];
    assert_eq!(container.image, "qiaocc/kiada:1.0");
    assert!(
        container.image_id.starts_with("docker.io/qiaocc/kiada@sha256:"),
        "{}",
        container.image_id
    );
    let page = fetch(&pod, "kiada", "http://localhost:8080/").await;
    assert_eq!(page, "kiada 1.0 on kiada for http\n");
    assert_eq!(log(&pod, "kiada").await, "listening\nrequest for /\n");
    delete(&[&pod]).await;
}

#[tokio::test]
async fn standard_input_stays_open() {
    let (host, _registry) = host("kiada-stdin", &[recipes::kiada_stdin()]);
    let pod = host.run(&sample("kiada-stdin")).await;
    soon(pod.wait_ready()).await.expect("ready");
    let page = fetch(&pod, "kiada", "http://localhost:8080/").await;
    assert_eq!(page, "waits for a greeting\n");
    // As somebody who is attached would.
    let greet = "echo 'good day' >/proc/1/fd/0";
    assert_eq!(soon(exec(&pod, "kiada", greet)).await, (String::new(), 0));
    while fetch(&pod, "kiada", "http://localhost:8080/").await != "good day\n" {}
    delete(&[&pod]).await;
}

#[tokio::test]
async fn a_proxy_speaks_tls_for_the_application_beside_it() {
    let images = [recipes::kiada(), recipes::kiada_ssl_proxy()];
    let (host, _registry) = host("kiada-ssl", &images);
    let pod = host.run(&sample("kiada-ssl")).await;
    soon(pod.wait_ready()).await.expect("ready");
    let page = fetch(&pod, "kiada", "https://localhost:8443/").await;
    assert_eq!(page, "kiada 1.0 on kiada-ssl for https\n");
    let admin = fetch(&pod, "kiada", "http://localhost:9901/stats;csv").await;
    assert!(admin.contains("app,kiada,"), "{admin}");

    // From outside too, by three forwarded ports.
    let mut forwards = tokio::task::JoinSet::new();
    let mut pages = Vec::new();
    for (port, path) in [(8080, "/"), (8443, "/"), (9901, "/stats;csv")] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let at = listener.local_addr().expect("an address");
        let scheme = if port == 8443 { "https" } else { "http" };
        let pod = pod.clone();
        forwards.spawn(async move { pod.forward(listener, port, |_| {}).await });
        let mut curl = Command::new("curl");
        curl.args(["-sSk", "--max-time", "20", &format!("{scheme}://{at}{path}")]);
        let page = tokio::task::spawn_blocking(move || run(&mut curl)).await.expect("no panic");
        pages.push(page);
    }
    assert_eq!(
        pages[..2],
        ["kiada 1.0 on kiada-ssl for http\n", "kiada 1.0 on kiada-ssl for https\n"]
    );
    assert!(pages[2].contains("app,kiada,"), "{pages:?}");
    delete(&[&pod]).await;
}

#[tokio::test]
async fn init_containers_of_other_images_come_first() {
    let images = [
        recipes::init_demo(),
        recipes::network_connectivity_checker(),
        recipes::kiada(),
        recipes::kiada_ssl_proxy(),
    ];
    let (host, _registry) = host("kiada-init", &images);
    let pod = host.run(&sample("kiada-init")).await;
    let status = soon(pod.wait_ready()).await.expect("ready");
    for init in &status.init_container_statuses {
        assert_eq!(init.state.terminated.as_ref().map(|t| t.exit_code), Some(0), "{init:#?}");
    }
    assert_eq!(log(&pod, "init-demo").await, "prepared\n");
    assert!(log(&pod, "network-check").await.contains("inet 127.0.0.1/8"));
    let page = fetch(&pod, "kiada", "https://localhost:8443/").await;
    assert_eq!(page, "kiada 1.0 on kiada-init for https\n");
    delete(&[&pod]).await;
}

#[tokio::test]
async fn one_container_serves_what_another_has_written() {
    let (host, _registry) = host("two-containers", &[recipes::nginx(), recipes::debian()]);
    // Nobody has made it, and the volume has no type that would.
    let data = host.path("data");
    // The machine that the test runs on keeps its `/data`.
    let manifest =
        sample("two-containers").replace("path: /data\n", &format!("path: {}\n", data.display()));
    assert!(!manifest.contains("path: /data\n"));
    let pod = host.run(&manifest).await;
    let script = "until busybox wget -qO- http://localhost/ 2>/dev/null | grep Hello; do :; done";
    soon(pod.wait_running()).await.expect("runs");
    let page = soon(exec(&pod, "nginx-container", script)).await;
    assert_eq!(page, ("Hello from the debian container\n".to_owned(), 0));
    // Another pod has a port 80 of its own, and they reach each other.
    let second = manifest.replacen("name: two-containers", "name: second", 1);
    let second = host.run(&second).await;
    soon(second.wait_running()).await.expect("runs");
    let at = |pod: &PodHandle| pod.status().expect("is there").pod_ip.expect("an address");
    for (from, to) in [(&pod, &second), (&second, &pod)] {
        let script = format!("until busybox wget -qO- http://{}/ 2>/dev/null; do :; done", at(to));
        let page = soon(exec(from, "nginx-container", &script)).await;
        assert_eq!(page, ("Hello from the debian container\n".to_owned(), 0));
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--max-time", "20", &format!("http://{}/", at(to))]);
        assert_eq!(run(&mut curl), page.0, "from the machine");
    }
    delete(&[&second]).await;
    delete(&[&pod]).await;
}

#[tokio::test]
async fn four_pods_of_a_deployment_serve() {
    let nginx = Recipe { name: "docker.io/library/nginx:1.8".to_owned(), ..recipes::nginx() };
    let (host, _registry) = host("nginx-deployment", &[nginx]);
    let page = host.path("page");
    fs::create_dir_all(&page).expect("a directory can be made");
    fs::write(page.join("index.html"), "Hello from the volume\n").expect("a file can be written");
    // The machine that the test runs on keeps its `/tmp` to itself.
    let manifest = sample("nginx-deployment");
    let manifest = manifest.replace("\"/tmp\"", &format!("\"{}\"", page.display()));
    let deployments = Workloads::<Deployment>::of(&host.runtime());
    deployments.apply(Deployment::from_yaml(&manifest).expect("is read")).expect("is applied");
    let name = "nginx-deployment";
    let done = soon(deployments.wait("default", name, |web| rollout(web).is_done())).await;
    let pods = deployments.pods(&done.expect("rolls out")).expect("can be read");
    assert_eq!(pods.len(), 4);
    for pod in &pods {
        host.note(pod);
        let at = pod.status().expect("is there").pod_ip.expect("an address");
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--retry", "50", "--retry-connrefused", "--retry-delay", "1"]);
        assert_eq!(run(curl.arg(format!("http://{at}/"))), "Hello from the volume\n");
    }
    deployments.delete("default", name).expect("is deleted");
    soon(deployments.wait_gone("default", name)).await.expect("goes");
}

#[tokio::test]
async fn a_service_and_a_shell_run_beside_each_other() {
    let [one, other] = recipes::centos();
    let (host, _registry) = host("twocontainers", &[recipes::simpleservice(), one, other]);
    let pod = host.run(&sample("twocontainers")).await;
    soon(pod.wait_ready()).await.expect("ready");
    let script = "until busybox wget -qO- http://127.0.0.1:9876/info 2>/dev/null; do :; done; \
                  cat /etc/centos-release";
    let said = soon(exec(&pod, "shell", script)).await;
    let expected = "{\"version\": \"0.5.0\", \"path\": \"/info\", \"host\": \"twocontainers\"}\
                    CentOS Linux release 7\n";
    assert_eq!(said, (expected.to_owned(), 0));
    delete(&[&pod]).await;
}
