//! Whole pods, the way their users write them.

use pod_runtime::{LogOptions, PodPhase};
use pod_tests::{Host, exec, log, manifest, soon};

fn host(test: &str) -> Host {
    Host::new(test, env!("CARGO_BIN_EXE_helper"))
}

#[tokio::test]
async fn b063_init_container_prepares_what_the_main_container_serves() {
    // The shape of a Tomcat pod: an init container copies an archive into an emptyDir, the main container serves it.
    let host = host("javaweb");
    let spec = "
  initContainers:
  - image: pod.local/host
    name: war
    command: [cp, /etc/hostname, /app/sample.war]
    volumeMounts: [{mountPath: /app, name: app-volume}]
  containers:
  - image: pod.local/host
    name: tomcat
    command: [python3, -m, http.server, '8080', --directory, /srv/webapps]
    volumeMounts: [{mountPath: /srv/webapps, name: app-volume}]
    ports: [{containerPort: 8080}]
  volumes: [{name: app-volume, emptyDir: {}}]
";
    let pod = host.run(&manifest("javaweb-2", spec)).await;
    let status = soon(pod.wait_ready()).await.expect("ready");
    let init = &status.init_container_statuses[0];
    assert_eq!(
        init.state.terminated.as_ref().map(|t| (t.exit_code, t.reason.as_deref())),
        Some((0, Some("Completed")))
    );
    let fetch = "for i in $(seq 100); do python3 -c 'import urllib.request as u; \
                 print(u.urlopen(\"http://localhost:8080/sample.war\").read().decode())' 2>/dev/null && exit; done; exit 1";
    assert_eq!(exec(&pod, "tomcat", fetch).await, ("javaweb-2\n\n".to_owned(), 0));
    soon(pod.delete(Some(0))).await.expect("is deleted");
    soon(pod.wait_gone()).await.expect("goes");
}

#[tokio::test]
async fn two_containers_share_a_host_path() {
    let host = host("two");
    let data = host.dir("data");
    let spec = format!(
        "
  restartPolicy: Never
  volumes: [{{name: shared-data, hostPath: {{path: {data}, type: Directory}}}}]
  containers:
  - name: nginx-container
    image: pod.local/host
    command: [sh, -c, 'until test -s /usr/share/html/index.html; do sleep 0.01; done; cat /usr/share/html/index.html']
    volumeMounts: [{{name: shared-data, mountPath: /usr/share/html, readOnly: true}}]
  - name: debian-container
    image: pod.local/host
    command: [/bin/sh]
    args: [-c, echo Hello from the debian container > /pod-data/index.html]
    volumeMounts: [{{name: shared-data, mountPath: /pod-data}}]
",
        data = data.display()
    );
    let pod = host.run(&manifest("two-containers", &spec)).await;
    let status = soon(pod.wait_finished()).await.expect("ends");
    assert_eq!(status.phase, PodPhase::Succeeded, "{status:#?}");
    assert_eq!(log(&pod, "nginx-container").await, "Hello from the debian container\n");
    soon(pod.delete(None)).await.expect("is deleted");
    soon(pod.wait_gone()).await.expect("goes");
    let kept =
        std::fs::read_to_string(data.join("index.html")).expect("a hostPath is never removed");
    assert_eq!(kept, "Hello from the debian container\n");
}

#[tokio::test]
async fn containers_of_a_pod_share_network_names_and_ipc_and_nothing_else() {
    let host = host("share");
    let spec = "
  hostname: box
  terminationGracePeriodSeconds: 0
  containers:
  - {name: a, image: pod.local/host, command: [sleep, '1000']}
  - {name: b, image: pod.local/host, command: [sleep, '1000']}
";
    let one = host.run(&manifest("one", spec)).await;
    let two = host.run(&manifest("two", spec)).await;
    for pod in [&one, &two] {
        soon(pod.wait_running()).await.expect("runs");
    }
    let listen = "python3 -c 'import socket; s=socket.socket(); s.bind((\"127.0.0.1\",8080)); s.listen(); \
                  c,_=s.accept(); c.sendall(b\"'$1'\"); c.close()' >/dev/null 2>&1 & \
                  for i in $(seq 500); do grep -q :1F90 /proc/net/tcp && exit 0; done; exit 1";
    // The same port is free in both pods.
    for (pod, word) in [(&one, "first"), (&two, "second")] {
        let script = listen.replace("'$1'", word);
        assert_eq!(exec(pod, "a", &script).await.1, 0);
    }
    let connect = "python3 -c 'import socket; print(socket.create_connection((\"localhost\",8080)).recv(9).decode())'";
    assert_eq!(exec(&one, "b", connect).await.0, "first\n");
    assert_eq!(exec(&two, "b", connect).await.0, "second\n");

    assert_eq!(exec(&one, "a", "hostname; cat /etc/hostname").await.0, "box\nbox\n");
    assert_eq!(exec(&one, "b", "hostname").await.0, "box\n");

    // SysV and POSIX: seen in the other container, not in the other pod.
    let make = "ipcmk -M 4096 >/dev/null; echo x > /dev/shm/x; python3 -c 'import ctypes,os; \
                l=ctypes.CDLL(None); assert l.mq_open(b\"/q\", os.O_CREAT|os.O_RDWR, 0o600, None) >= 0'";
    assert_eq!(exec(&one, "a", make).await, (String::new(), 0));
    let look = "ipcs -m | grep -c 4096; ls /dev/shm /dev/mqueue";
    assert_eq!(exec(&one, "b", look).await.0, "1\n/dev/mqueue:\nq\n\n/dev/shm:\nx\n");
    assert_eq!(exec(&two, "a", look).await.0, "0\n/dev/mqueue:\n\n/dev/shm:\n");

    // Files outside volumes are a container's own.
    assert_eq!(exec(&one, "a", "echo secret > /srv/file; cat /srv/file").await.0, "secret\n");
    assert_ne!(exec(&one, "b", "cat /srv/file").await.1, 0);
    assert!(!std::path::Path::new("/srv/file").exists());

    for pod in [&one, &two] {
        soon(pod.stop()).await.expect("stops");
    }
}

#[tokio::test]
async fn b089_a_sidecar_sees_the_end_of_what_it_serves() {
    let host = host("sidecar");
    let spec = "
  restartPolicy: Never
  volumes: [{name: work, emptyDir: {}}]
  initContainers:
  - {name: prepare, image: pod.local/host, command: [sh, -c, 'echo ready > /work/log'], volumeMounts: [{name: work, mountPath: /work}]}
  - {name: tail, image: pod.local/host, restartPolicy: Always, command: [sh, -c, 'trap exit TERM; tail -n +1 -F /work/log & wait'], volumeMounts: [{name: work, mountPath: /work}]}
  containers:
  - {name: main, image: pod.local/host, command: [sh, -c, 'echo last words >> /work/log'], volumeMounts: [{name: work, mountPath: /work}]}
";
    let pod = host.run(&manifest("sidecar", spec)).await;
    let status = soon(pod.wait_finished()).await.expect("ends");
    assert_eq!(status.phase, PodPhase::Succeeded, "the sidecar's end does not count: {status:#?}");
    assert!(log(&pod, "tail").await.starts_with("ready\n"));
    soon(pod.stop()).await.expect("is removed");
}

#[tokio::test]
async fn b036_b042_a_failing_container_is_started_again_and_then_waited_for() {
    let host = host("restart");
    let spec = "
  restartPolicy: OnFailure
  volumes: [{name: state, emptyDir: {}}]
  containers:
  - name: main
    image: pod.local/host
    command: [sh, -c, 'echo run; test -e /state/once || { touch /state/once; exit 3; }']
    volumeMounts: [{name: state, mountPath: /state}]
";
    let pod = host.run(&manifest("restart", spec)).await;
    let status = soon(pod.wait_finished()).await.expect("ends");
    assert_eq!(status.phase, PodPhase::Succeeded);
    let main = &status.container_statuses[0];
    assert_eq!(main.restart_count, 1);
    assert_eq!(main.last_state.terminated.as_ref().map(|t| t.exit_code), Some(3));
    let mut previous = pod
        .logs("main", LogOptions { previous: true, ..LogOptions::default() })
        .expect("there is one");
    assert_eq!(previous.next().await.expect("can be read").map(|l| l.text), Some(b"run".to_vec()));
    soon(pod.stop()).await.expect("is removed");
}

#[tokio::test]
async fn b135_a_container_that_ignores_sigterm_is_killed_after_the_grace_period() {
    let host = host("stubborn");
    let spec = "
  terminationGracePeriodSeconds: 1
  containers:
  - {name: main, image: pod.local/host, command: [sh, -c, \"trap '' TERM; while :; do sleep 0.05; done\"]}
";
    let pod = host.run(&manifest("stubborn", spec)).await;
    soon(pod.wait_running()).await.expect("runs");
    let status = soon(pod.stop()).await.expect("stops");
    assert_eq!(status.phase, PodPhase::Failed, "{status:#?}");
    assert_eq!(
        status.container_statuses[0].state.terminated.as_ref().map(|t| t.exit_code),
        Some(137)
    );
}

#[tokio::test]
async fn a_name_is_taken_once_in_each_namespace() {
    let host = host("names");
    let spec = "  terminationGracePeriodSeconds: 0\n  containers: [{name: a, image: pod.local/host, command: [sleep, '1000']}]\n";
    let first = host.run(&manifest("same", spec)).await;
    let again = host.runtime().run(pod_tests::pod(&manifest("same", spec))).await;
    assert!(matches!(again, Err(pod_runtime::RuntimeError::Exists { .. })), "{again:?}");
    let elsewhere =
        manifest("same", spec).replace("  name: same", "  name: same\n  namespace: other");
    let second = host.run(&elsewhere).await;
    assert_ne!(first.uid(), second.uid());
    assert_eq!(host.runtime().list(None).expect("lists").len(), 2);
    assert_eq!(host.runtime().list(Some("other")).expect("lists").len(), 1);
    for pod in [first, second] {
        soon(pod.stop()).await.expect("stops");
    }
}

#[tokio::test]
async fn a_program_that_is_not_there_is_a_start_error() {
    let host = host("missing");
    let spec = "  restartPolicy: Never\n  containers: [{name: a, image: pod.local/host, command: [no-such-program]}]\n";
    let pod = host.run(&manifest("missing", spec)).await;
    let error = soon(pod.wait_running()).await.expect_err("cannot run").to_string();
    assert!(error.contains("executable file `no-such-program` not found in $PATH"), "{error}");
    let status = soon(pod.wait_finished()).await.expect("ends");
    let ended = status.container_statuses[0].state.terminated.clone().expect("ended");
    assert_eq!((ended.exit_code, ended.reason.as_deref()), (128, Some("StartError")));
    soon(pod.stop()).await.expect("is removed");
}

#[tokio::test]
async fn a_volume_that_cannot_be_prepared_leaves_nothing() {
    let host = host("volume");
    let spec = "  volumes: [{name: v, hostPath: {path: /etc/hostname, type: Directory}}]\n  \
                containers: [{name: a, image: pod.local/host, command: ['true'], volumeMounts: [{name: v, mountPath: /v}]}]\n";
    let error = host
        .runtime()
        .run(pod_tests::pod(&manifest("volume", spec)))
        .await
        .expect_err("is refused");
    let text = format!(
        "{error}: {}",
        std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default()
    );
    assert!(
        text.contains("hostPath type check failed: /etc/hostname is not a directory"),
        "{text}"
    );
    assert!(host.runtime().list(None).expect("lists").is_empty());
}

#[tokio::test]
async fn b198_b203_a_container_says_why_it_ended() {
    let host = host("message");
    let spec = "
  restartPolicy: Never
  containers:
  - {name: says, image: pod.local/host, command: [sh, -c, 'printf DONE > /dev/termination-log'], securityContext: {runAsUser: 10000}}
  - {name: long, image: pod.local/host, command: [sh, -c, 'head -c 5000 /dev/zero | tr \\0 x > /dev/termination-log; exit 1']}
  - {name: none, image: pod.local/host, command: ['true']}
";
    let pod = host.run(&manifest("message", spec)).await;
    let status = soon(pod.wait_finished()).await.expect("ends");
    let message = |n: usize| {
        status.container_statuses[n].state.terminated.as_ref().and_then(|t| t.message.clone())
    };
    assert_eq!(message(0).as_deref(), Some("DONE"));
    assert_eq!(message(1).map(|m| m.len()), Some(4096));
    assert_eq!(message(2), None);
    soon(pod.stop()).await.expect("is removed");
}
