//! The network of pods, with this machine's own programs in them.

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use pod_runtime::{Cni, Network, NetworkError, PodHandle, Repair, Runtime, RuntimeError};
use pod_tests::{Host, delete, exec, log, manifest, pod, run, soon};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

fn host(test: &str) -> Host {
    Host::new(test, env!("CARGO_BIN_EXE_helper"))
}

/// The pod's address, once it runs.
async fn address(pod: &PodHandle) -> String {
    soon(pod.wait_running()).await.expect("runs");
    pod.status().expect("is there").pod_ip.expect("it has an address")
}

/// What a program of the test's machine reads from there.
fn curl(url: &str) -> String {
    run(Command::new("curl").args(["--silent", "--show-error", "--fail", "--max-time", "20", url]))
}

/// A server on port 80 that answers with the pod's name and the client's address.
fn server(host: &Host, name: &str) -> String {
    let dir = host.dir(name);
    let text = format!(
        "import http.server\nclass Handler(http.server.BaseHTTPRequestHandler):\n def do_GET(self):\n  \
         body = f'{name} {{self.client_address[0]}}\\n'.encode()\n  self.send_response(200)\n  \
         self.send_header('Content-Length', str(len(body)))\n  self.end_headers()\n  self.wfile.write(body)\n\
         http.server.ThreadingHTTPServer(('', 80), Handler).serve_forever()\n"
    );
    fs::write(dir.join("serve.py"), text).expect("can be written");
    format!(
        "  terminationGracePeriodSeconds: 1\n  volumes: [{{name: c, hostPath: {{path: {}}}}}]\n  containers:\n  - name: web\n    \
         image: pod.local/host\n    command: [python3, /c/serve.py]\n    volumeMounts: [{{name: c, mountPath: /c}}]\n    \
         ports: [{{containerPort: 80}}]\n",
        dir.display()
    )
}

/// Waits until something answers at port 80 of the container itself.
async fn serves(pod: &PodHandle) {
    let script = "until curl -s -o /dev/null http://127.0.0.1/; do :; done";
    assert_eq!(soon(exec(pod, "web", script)).await, (String::new(), 0));
}

#[tokio::test]
async fn pods_and_the_machine_reach_each_other_by_address() {
    let host = host("reach");
    let a = host.run(&manifest("a", &server(&host, "a"))).await;
    let b = host.run(&manifest("b", &server(&host, "b"))).await;
    let (at_a, at_b) = (address(&a).await, address(&b).await);
    assert_ne!(at_a, at_b);
    serves(&a).await;
    serves(&b).await;
    // Each sees the other's own address, nobody else's in between.
    let (seen, _) = soon(exec(&a, "web", &format!("curl -sS http://{at_b}/"))).await;
    assert_eq!(seen, format!("b {at_a}\n"));
    let (seen, _) = soon(exec(&b, "web", &format!("curl -sS http://{at_a}/"))).await;
    assert_eq!(seen, format!("a {at_b}\n"));
    for (name, at) in [("a", &at_a), ("b", &at_b)] {
        assert!(curl(&format!("http://{at}/")).starts_with(&format!("{name} ")));
    }
    let object = a.object().expect("is there");
    assert_eq!(object["status"]["podIPs"][0]["ip"], at_a.as_str());
    delete(&[&a, &b]).await;
}

#[tokio::test]
async fn a_host_port_leads_to_the_pod() {
    let host = host("hostport");
    let text = server(&host, "web").replace(
        "ports: [{containerPort: 80}]",
        "ports: [{containerPort: 80, hostPort: 8001}, {containerPort: 80, hostPort: 8002, hostIP: 127.0.0.1}]",
    );
    let text = text.replace(
        "{containerPort: 80, hostPort: 8002",
        "{name: b, containerPort: 80, hostPort: 8002",
    );
    let text = text.replace(
        "{containerPort: 80, hostPort: 8001",
        "{name: a, containerPort: 80, hostPort: 8001",
    );
    let web = host.run(&manifest("web", &text)).await;
    let at = address(&web).await;
    serves(&web).await;
    let gateway = run(Command::new("sh")
        .args(["-c", "ip -o -4 address | grep -v ' lo ' | grep -o 'inet [0-9.]*'"]));
    let gateway = gateway.trim().trim_start_matches("inet ");
    for url in
        ["http://127.0.0.1:8001/", "http://127.0.0.1:8002/", &format!("http://{gateway}:8001/")]
    {
        assert!(curl(url).starts_with("web "), "{url}");
    }
    let refused = Command::new("curl").args(["-s", &format!("http://{gateway}:8002/")]).status();
    assert!(!refused.expect("runs").success(), "a port of 127.0.0.1 answers elsewhere");
    // From the pod itself, by the host's address.
    let (seen, code) =
        soon(exec(&web, "web", &format!("curl -sS --max-time 20 http://{gateway}:8001/"))).await;
    assert!(seen.starts_with("web ") && code == 0, "{seen}, the pod is at {at}");

    // The port is the pod's: nobody else can have it.
    let taken = TcpListener::bind("0.0.0.0:8001").expect_err("the port is taken");
    assert_eq!(taken.kind(), std::io::ErrorKind::AddrInUse);
    let second = host.runtime().run(pod(&manifest("second", &text))).await.expect_err("refused");
    let RuntimeError::Network(error @ NetworkError::PortTaken { .. }) = second else {
        panic!("{second:?}")
    };
    let words = error.to_string();
    assert!(words.contains("8001/TCP") && words.contains("pod"), "{words}");
    assert!(host.runtime().pod("default", "second").is_err(), "a half-made pod is left");
    delete(&[&web]).await;

    // And free again for the host, which then has it before a pod.
    let _server = TcpListener::bind("0.0.0.0:8001").expect("free again");
    let error = host.runtime().run(pod(&manifest("web", &text))).await.expect_err("refused");
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    host.assert_empty("after a refused pod");
}

#[tokio::test]
async fn pods_of_a_namespace_find_each_other_by_name() {
    let host = host("names");
    let sleeper = |more: &str| {
        format!(
            "  terminationGracePeriodSeconds: 0\n{more}  containers: [{{name: a, image: pod.local/host, command: [sleep, '1000']}}]\n"
        )
    };
    let alone = host.run(&manifest("alone", &sleeper(""))).await;
    let db = host
        .run(&manifest(
            "db-0",
            &sleeper("  hostname: db\n  subdomain: data\n  setHostnameAsFQDN: true\n"),
        ))
        .await;
    let other = manifest("other", &sleeper(""))
        .replace("  name: other", "  name: other\n  namespace: team");
    let other = host.run(&other).await;
    let (at_alone, at_db) = (address(&alone).await, address(&db).await);
    address(&other).await;
    let look = async |pod: &PodHandle, name: &str| {
        let script = format!("getent ahostsv4 {name} | awk '{{print $1; exit}}'");
        soon(exec(pod, "a", &script)).await.0.trim().to_owned()
    };
    for name in ["db", "db.data", "db.data.default.svc.cluster.local"] {
        assert_eq!(look(&alone, name).await, at_db, "{name}");
        assert_eq!(look(&db, name).await, at_db, "{name}");
    }
    // One that was there before, and one that came later.
    assert_eq!(look(&db, "alone").await, at_alone);
    for name in ["db", "alone"] {
        assert_eq!(look(&other, name).await, "", "of another namespace");
    }
    let (fqdn, _) = soon(exec(&db, "a", "hostname")).await;
    assert_eq!(fqdn, "db.data.default.svc.cluster.local\n");
    let (hosts, _) = soon(exec(&alone, "a", "cat /etc/hosts")).await;
    assert!(
        hosts.starts_with("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n"),
        "{hosts}"
    );
    assert!(hosts.contains(&format!("\n{at_alone}\talone\n")), "{hosts}");
    delete(&[&db]).await;
    assert_eq!(look(&alone, "db").await, "", "it is gone");
    delete(&[&alone, &other]).await;
}

#[tokio::test]
async fn names_are_looked_up_as_the_pod_says() {
    let host = host("dns");
    let spec = "  restartPolicy: Never\n  dnsPolicy: None\n  dnsConfig: {nameservers: [192.0.2.1], searches: [a.example], \
                options: [{name: ndots, value: '2'}]}\n  containers: [{name: a, image: pod.local/host, command: [cat, \
                /etc/resolv.conf]}]\n";
    let none = host.run(&manifest("none", spec)).await;
    soon(none.wait_finished()).await.expect("ends");
    assert_eq!(log(&none, "a").await, "nameserver 192.0.2.1\nsearch a.example\noptions ndots:2\n");
    delete(&[&none]).await;
    let policy = spec.replace("dnsPolicy: None", "dnsPolicy: Default");
    let added = host.run(&manifest("added", &policy)).await;
    soon(added.wait_finished()).await.expect("ends");
    let text = log(&added, "a").await;
    assert!(text.contains("nameserver 192.0.2.1\n") && text.contains("ndots:2"), "{text}");
    delete(&[&added]).await;
}

#[tokio::test]
async fn b156_b193_a_pod_may_have_the_machines_network() {
    let host = host("hostnet");
    let spec = "  hostNetwork: true\n  terminationGracePeriodSeconds: 0\n  hostAliases: [{ip: 192.0.2.9, hostnames: [alias]}]\n  \
                containers:\n  - name: a\n    image: pod.local/host\n    command: [python3, -m, http.server, '8080']\n    \
                ports: [{containerPort: 8080}]\n    env:\n    \
                - {name: POD, valueFrom: {fieldRef: {fieldPath: status.podIP}}}\n    \
                - {name: HOST, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}\n";
    let web = host.run(&manifest("web", spec)).await;
    soon(web.wait_running()).await.expect("runs");
    let status = web.status().expect("is there");
    assert_eq!(status.pod_ip, status.host_ip);
    let own = fs::read_link("/proc/thread-self/ns/net").expect("a link");
    let script = "readlink /proc/self/ns/net; echo $POD $HOST; hostname; grep -c . /etc/hosts; head -1 /etc/hosts; \
                  grep alias /etc/hosts; ls /sys/class/net";
    let (seen, code) = soon(exec(&web, "a", script)).await;
    let lines: Vec<&str> = seen.lines().collect();
    let ip = status.pod_ip.expect("an address");
    assert_eq!(
        (lines[0], lines[1]),
        (own.to_str().expect("text"), format!("{ip} {ip}").as_str()),
        "{seen}"
    );
    let node = run(&mut Command::new("hostname"));
    assert_eq!((lines[2], code), (node.trim(), 0));
    assert_eq!(lines[4], "# Kubernetes-managed hosts file (host network).");
    assert!(seen.contains("192.0.2.9\talias\n"), "{seen}");
    let listing = "until curl -sf -o /dev/null http://127.0.0.1:8080/; do :; done";
    run(Command::new("timeout").args(["30", "sh", "-c", listing]));
    delete(&[&web]).await;
}

#[tokio::test]
async fn b181_a_host_name_may_be_overridden() {
    let host = host("override");
    let spec = "  restartPolicy: Never\n  hostname: said\n  subdomain: sub\n  hostnameOverride: real.example.org\n  \
                containers: [{name: a, image: pod.local/host, command: [sh, -c, 'hostname; cat /etc/hosts']}]\n";
    let web = host.run(&manifest("web", spec)).await;
    soon(web.wait_finished()).await.expect("ends");
    let text = log(&web, "a").await;
    assert!(text.starts_with("real.example.org\n"), "{text}");
    assert!(text.contains("\treal.example.org\n") && !text.contains("said"), "{text}");
    delete(&[&web]).await;
}

#[tokio::test]
async fn b194_kernel_parameters_are_those_of_the_pod() {
    let host = host("sysctls");
    let spec = "  restartPolicy: Never\n  securityContext: {runAsUser: 1000, sysctls: [{name: net.ipv4.tcp_syncookies, value: '0'}, \
                {name: kernel/shm_rmid_forced, value: '1'}]}\n  containers:\n  - name: a\n    image: pod.local/host\n    \
                command: [sh, -c, 'cd /proc/sys; cat net/ipv4/tcp_syncookies kernel/shm_rmid_forced net/ipv4/ip_unprivileged_port_start']\n";
    let web = host.run(&manifest("web", spec)).await;
    soon(web.wait_finished()).await.expect("ends");
    assert_eq!(log(&web, "a").await, "0\n1\n0\n");
    assert_eq!(fs::read_to_string("/proc/sys/kernel/shm_rmid_forced").expect("is there"), "0\n");
    delete(&[&web]).await;
    let unsafe_one = spec.replace("kernel/shm_rmid_forced", "kernel.msgmax");
    let error = host.runtime().run(pod(&manifest("web", &unsafe_one))).await.expect_err("refused");
    let words = "`kernel.msgmax` is not one of the safe kernel parameters";
    assert!(error.to_string().contains(words), "{error}");
}

/// The bridge, the rules and a pod's link are taken away by somebody else.
#[tokio::test]
async fn what_others_take_away_is_mended() {
    let host = host("mended");
    let text = server(&host, "web")
        .replace("ports: [{containerPort: 80}]", "ports: [{containerPort: 80, hostPort: 8001}]");
    let web = host.run(&manifest("web", &text)).await;
    soon(web.wait_running()).await.expect("runs");
    serves(&web).await;
    assert!(curl("http://127.0.0.1:8001/").starts_with("web "));
    assert_eq!(host.runtime().repair().expect("nothing is wrong"), Repair::default());

    run(Command::new("nft").args(["flush", "ruleset"]));
    let deaf =
        Command::new("curl").args(["-s", "--max-time", "5", "http://127.0.0.1:8001/"]).status();
    assert!(!deaf.expect("runs").success(), "the rules are gone");
    let repair = host.runtime().repair().expect("mended");
    assert!(repair.network.mended.iter().any(|what| what.contains("rules")), "{repair:?}");
    assert!(curl("http://127.0.0.1:8001/").starts_with("web "));

    // The next pod mends it as well.
    run(Command::new("nft").args(["flush", "ruleset"]));
    let next = host.run(&manifest("next", SLEEPER)).await;
    assert!(curl("http://127.0.0.1:8001/").starts_with("web "));
    let bridge = "ip -o link show type bridge | cut -d: -f2";
    let bridge = run(Command::new("sh").args(["-c", bridge])).trim().to_owned();
    run(Command::new("ip").args(["link", "delete", &bridge]));
    let repair = host.runtime().repair().expect("mended");
    assert!(repair.network.mended.iter().any(|what| what.contains(&bridge)), "{repair:?}");
    assert!(curl("http://127.0.0.1:8001/").starts_with("web "));
    delete(&[&web, &next]).await;
}

const SLEEPER: &str = "  terminationGracePeriodSeconds: 0\n  containers: [{name: a, image: pod.local/host, command: [sleep, '1000']}]\n";

/// With Debian's plugins, in a configuration of the test's own.
#[tokio::test]
async fn a_pod_has_the_network_that_plugins_make() {
    let host = host("cni");
    let dir = host.dir("net.d");
    let leases = host.dir("leases");
    let configuration = format!(
        r#"{{"cniVersion": "1.0.0", "name": "test", "plugins": [
          {{"type": "bridge", "bridge": "cni-test", "isGateway": true, "ipMasq": true, "hairpinMode": true,
            "ipam": {{"type": "host-local", "dataDir": "{}", "ranges": [[{{"subnet": "10.99.7.0/24"}}]],
                      "routes": [{{"dst": "0.0.0.0/0"}}]}}}},
          {{"type": "portmap", "capabilities": {{"portMappings": true}}, "snat": true}}]}}"#,
        leases.display()
    );
    fs::write(dir.join("10-test.conflist"), configuration).expect("can be written");
    let cni = Cni { conf_dir: dir.clone(), ..Cni::system() };
    let runtime = host.runtime().with_network(Network::Cni(cni));
    let text = server(&host, "web")
        .replace("ports: [{containerPort: 80}]", "ports: [{containerPort: 80, hostPort: 8001}]");
    let web = runtime.run(pod(&manifest("web", &text))).await.expect("is made");
    host.note(&web);
    let at = address(&web).await;
    assert!(at.starts_with("10.99.7."), "{at}");
    serves(&web).await;
    for url in [format!("http://{at}/"), "http://127.0.0.1:8001/".to_owned()] {
        assert!(curl(&url).starts_with("web "), "{url}");
    }
    let other = runtime.run(pod(&manifest("other", SLEEPER))).await.expect("is made");
    host.note(&other);
    soon(other.wait_running()).await.expect("runs");
    let (seen, _) = soon(exec(&other, "a", "curl -sS http://web/")).await;
    assert!(seen.starts_with("web "), "by name: {seen}");
    delete(&[&web, &other]).await;
    let kept = fs::read_dir(leases.join("test")).expect("is there").flatten();
    let kept: Vec<_> = kept
        .map(|entry| entry.file_name())
        .filter(|name| name.to_string_lossy().starts_with("10."))
        .collect();
    assert!(kept.is_empty(), "leases that were not given back: {kept:?}");

    // A plugin that fails leaves no pod.
    let broken = fs::read_to_string(dir.join("10-test.conflist"))
        .expect("is there")
        .replace("host-local", "no-such-plugin");
    fs::write(dir.join("10-test.conflist"), broken).expect("can be written");
    let error = runtime.run(pod(&manifest("web", &text))).await.expect_err("the plugin fails");
    assert!(error.to_string().contains("bridge"), "{error}");
    assert!(runtime.pod("default", "web").is_err(), "a half-made pod is left");
    // The plugins leave their bridge and their chains; everything else is ours.
    run(Command::new("ip").args(["link", "delete", "cni-test"]));
    run(Command::new("nft").args(["flush", "ruleset"]));
}

/// The way of service meshes: an init container leads what comes in to a proxy beside the application.
#[tokio::test]
async fn an_init_container_changes_the_network_for_all() {
    let host = host("mesh");
    let proxy = "import socket\ns = socket.create_server((\"\", 15006))\nprint(\"up\", flush=True)\nwhile True:\n c, a = s.accept()\n \
                 o = socket.create_connection((\"127.0.0.1\", 8080))\n c.sendall(b\"by the proxy: \" + o.recv(100))\n c.close()\n";
    let app = "import socket\ns = socket.create_server((\"127.0.0.1\", 8080))\nprint(\"up\", flush=True)\nwhile True:\n c, a = s.accept()\n \
               c.sendall(b\"hello\")\n c.close()\n";
    let scripts = host.dir("scripts");
    fs::write(scripts.join("proxy.py"), proxy).expect("can be written");
    fs::write(scripts.join("app.py"), app).expect("can be written");
    let spec = format!(
        "  terminationGracePeriodSeconds: 0\n  volumes: [{{name: s, hostPath: {{path: {}}}}}]\n  initContainers:\n  - name: redirect\n    \
         image: pod.local/host\n    securityContext: {{capabilities: {{add: [NET_ADMIN, NET_RAW]}}}}\n    \
         command: [sh, -c, 'iptables -w -t nat -A PREROUTING -p tcp --dport 8080 -j REDIRECT --to-ports 15006']\n  \
         - name: proxy\n    image: pod.local/host\n    restartPolicy: Always\n    command: [python3, /s/proxy.py]\n    \
         volumeMounts: [{{name: s, mountPath: /s}}]\n  containers:\n  - name: app\n    image: pod.local/host\n    \
         command: [python3, /s/app.py]\n    volumeMounts: [{{name: s, mountPath: /s}}]\n",
        scripts.display()
    );
    let mesh = host.run(&manifest("mesh", &spec)).await;
    let at = address(&mesh).await;
    for container in ["proxy", "app"] {
        let mut lines = mesh
            .logs(container, pod_runtime::LogOptions { follow: true, ..Default::default() })
            .expect("has a log");
        assert_eq!(soon(lines.next()).await.expect("reads").expect("a line").text, b"up");
    }
    let seen = run(Command::new("sh").args([
        "-c",
        &format!(
            "timeout 20 python3 -c 'import socket; \
        print(socket.create_connection((\"{at}\", 8080)).makefile().read())'"
        ),
    ]));
    assert_eq!(seen, "by the proxy: hello\n");
    delete(&[&mesh]).await;
}

#[tokio::test]
async fn b216_connections_are_carried_to_localhost_of_the_pod() {
    let host = host("forward");
    // Answers with what it was sent, once the sender has said that this was all; it ends when it is told to.
    let echo = "import os, socket, threading\ns = socket.create_server((\"127.0.0.1\", 7000), backlog=200)\nprint(\"up\", flush=True)\n\
                def serve(c):\n data = b\"\"\n while True:\n  part = c.recv(65536)\n  if not part: break\n  data += part\n \
                if data == b\"end\": os._exit(1)\n c.sendall(data)\n c.close()\nwhile True:\n threading.Thread(target=serve, \
                args=(s.accept()[0],)).start()\n";
    let scripts = host.dir("scripts");
    fs::write(scripts.join("echo.py"), echo).expect("can be written");
    let spec = format!(
        "  terminationGracePeriodSeconds: 0\n  volumes: [{{name: s, hostPath: {{path: {}}}}}]\n  containers:\n  - name: a\n    \
         image: pod.local/host\n    command: [python3, /s/echo.py]\n    volumeMounts: [{{name: s, mountPath: /s}}]\n",
        scripts.display()
    );
    let web = host.run(&manifest("web", &spec)).await;
    soon(web.wait_running()).await.expect("runs");
    let up = async || {
        let script = "until bash -c 'exec 3<>/dev/tcp/127.0.0.1/7000' 2>/dev/null; do :; done";
        assert_eq!(soon(exec(&web, "a", script)).await, (String::new(), 0));
    };
    up().await;
    // Many at once, each with its own megabyte.
    let mut all = JoinSet::new();
    for n in 0..50 {
        let web = web.clone();
        all.spawn(async move { (n, say(&web, vec![n; 1 << 20]).await) });
    }
    for (n, back) in soon(all.join_all()).await {
        assert!(back.expect("carried") == vec![n; 1 << 20], "connection {n} lost something");
    }
    // Nobody listens there.
    let error = web.connect(7001).await.expect_err("refused");
    assert!(matches!(error, RuntimeError::Unreachable { port: 7001, .. }), "{error:?}");
    // The container ends and is started again: the next connection goes through.
    let _ = soon(say(&web, b"end".to_vec())).await;
    soon(restarted(&host.runtime(), "web")).await;
    up().await;
    assert_eq!(soon(say(&web, b"again".to_vec())).await.expect("carried"), b"again");
    delete(&[&web]).await;
}

/// Sends data to the pod, says that this was all, and reads the answer to its end.
async fn say(pod: &PodHandle, data: Vec<u8>) -> std::io::Result<Vec<u8>> {
    let mut stream = pod.connect(7000).await.map_err(std::io::Error::other)?;
    let (mut from, mut to) = stream.split();
    let write = async {
        to.write_all(&data).await?;
        to.shutdown().await
    };
    let mut back = Vec::new();
    let (wrote, read) = tokio::join!(write, from.read_to_end(&mut back));
    wrote?;
    read?;
    Ok(back)
}

async fn restarted(runtime: &Runtime, name: &str) {
    let pod = runtime.pod("default", name).expect("is there");
    let mut changes = pod.changes();
    while let Some(status) = changes.next().await.expect("can be read") {
        let container = &status.container_statuses[0];
        if container.restart_count > 0 && container.state.running.is_some() {
            return;
        }
    }
    panic!("the pod has gone");
}
