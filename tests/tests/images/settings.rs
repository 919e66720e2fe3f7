//! What an image says about its process, and what is in its files.

use pod_runtime::PodPhase;
use pod_tests::image::recipes;
use pod_tests::{delete, exec, log, manifest, soon};

use crate::host;

#[tokio::test]
async fn b147_b148_b149_command_and_args_take_the_place_of_entrypoint_and_cmd() {
    let (host, _registry) = host("argv", &[recipes::settings()]);
    let cases = [
        ("", "entry from-entrypoint from-cmd"),
        ("args: [a, $(NAME)]", "entry from-entrypoint a manifest"),
        ("command: [echo, c]", "c"),
        ("command: [echo, c], args: [$(GREETING), $(WHOLE)]", "c $(GREETING) manifest!"),
    ];
    let containers: String = cases
        .iter()
        .enumerate()
        .map(|(n, (fields, _))| {
            let fields = if fields.is_empty() { String::new() } else { format!(", {fields}") };
            format!(
                "  - {{name: c{n}, image: 'test/settings:1', env: [{{name: NAME, value: manifest}}, \
                 {{name: WHOLE, value: '$(NAME)!'}}]{fields}}}\n"
            )
        })
        .collect();
    let spec = format!("  restartPolicy: Never\n  containers:\n{containers}");
    let pod = host.run(&manifest("argv", &spec)).await;
    let status = soon(pod.wait_finished()).await.expect("ends");
    assert_eq!(status.phase, PodPhase::Succeeded, "{status:#?}");
    for (n, (fields, expected)) in cases.iter().enumerate() {
        assert_eq!(log(&pod, &format!("c{n}")).await, format!("{expected}\n"), "{fields}");
    }
    delete(&[&pod]).await;
}

#[tokio::test]
async fn the_image_says_who_and_where_its_process_is_and_what_stops_it() {
    let (host, _registry) = host("settings", &[recipes::settings()]);
    let spec = "
  containers:
  - name: main
    image: test/settings:1
    command: [/opt/bin/entry, wait]
    env: [{name: NAME, value: manifest}]
    securityContext: {readOnlyRootFilesystem: true}
  - name: other
    image: test/settings:1
    command: [/opt/bin/entry, wait]
    workingDir: /tmp
    securityContext: {runAsUser: 1000, runAsGroup: 1001}
";
    let pod = host.run(&manifest("settings", spec)).await;
    soon(pod.wait_ready()).await.expect("ready");
    let cases = [
        (
            "main",
            "id -u; id -g; id -G; echo $HOME; pwd",
            "1234\n4321\n4321 4400\n/home/web\n/work\n",
        ),
        ("main", "echo $GREETING $NAME", "hello manifest\n"),
        ("other", "id -u; id -g; echo $HOME; pwd; echo $NAME", "1000\n1001\n/\n/tmp\nimage\n"),
        // The image's volume holds what the image has there, and is no part of the root that is read-only.
        (
            "main",
            "cat /srv/data/from-image; echo new >/srv/data/new && cat /srv/data/new",
            "kept\nnew\n",
        ),
        ("main", "touch /tmp/x 2>/dev/null || echo read-only", "read-only\n"),
        ("other", "ls /srv/data", "from-image\n"),
    ];
    for (container, script, expected) in cases {
        let said = soon(exec(&pod, container, script)).await;
        assert_eq!(said, (expected.to_owned(), 0), "{container}: {script}");
    }
    let status = soon(pod.stop()).await.expect("stops");
    for container in &status.container_statuses {
        let code = container.state.terminated.as_ref().map(|t| t.exit_code);
        assert_eq!(code, Some(0), "stopped by the image's signal: {container:#?}");
    }
}

#[tokio::test]
async fn files_of_an_image_give_rights_to_who_executes_them() {
    let (host, _registry) = host("rights", &[recipes::settings()]);
    let wait = "command: [/opt/bin/entry, wait]";
    let spec = format!(
        "
  containers:
  - {{name: main, image: 'test/settings:1', {wait}}}
  - name: confined
    image: test/settings:1
    {wait}
    securityContext: {{allowPrivilegeEscalation: false}}
"
    );
    let pod = host.run(&manifest("rights", &spec)).await;
    soon(pod.wait_ready()).await.expect("ready");
    let effective = "/opt/bin/cat-with-rights /proc/self/status | grep CapEff";
    let cases = [
        ("main", "/opt/bin/id-of-root -u", "0\n"),
        ("main", effective, "CapEff:\t0000000000000400\n"),
        ("confined", "/opt/bin/id-of-root -u", "1234\n"),
        ("confined", effective, "CapEff:\t0000000000000000\n"),
    ];
    for (container, script, expected) in cases {
        let said = soon(exec(&pod, container, script)).await;
        assert_eq!(said, (expected.to_owned(), 0), "{container}: {script}");
    }
    delete(&[&pod]).await;
}

#[tokio::test]
async fn b195_an_image_is_the_same_to_users_of_a_pods_own() {
    let (host, _registry) = host("users-image", &[recipes::settings()]);
    let spec = "
  hostUsers: false
  volumes: [{name: image, image: {reference: 'docker.io/test/settings:1'}}]
  containers:
  - name: main
    image: test/settings:1
    command: [/opt/bin/entry, wait]
    volumeMounts: [{name: image, mountPath: /image}]
";
    let pod = host.run(&manifest("users-image", spec)).await;
    soon(pod.wait_ready()).await.expect("ready");
    let effective = "/opt/bin/cat-with-rights /proc/self/status | grep CapEff";
    let cases = [
        ("id -u; id -g; id -G", "1234\n4321\n4321 4400\n"),
        (
            "stat -c %u:%g / /etc /srv/data/from-image /image/srv/data/from-image",
            "0:0\n0:0\n1234:4321\n1234:4321\n",
        ),
        ("/opt/bin/id-of-root -u", "0\n"),
        (effective, "CapEff:\t0000000000000400\n"),
        ("echo new >/srv/data/new && stat -c %u:%g /srv/data/new", "1234:4321\n"),
        ("rm /srv/data/from-image; ls /srv/data", "new\n"),
        ("touch /image/srv/data/new 2>/dev/null || echo read-only", "read-only\n"),
    ];
    for (script, expected) in cases {
        let said = soon(exec(&pod, "main", script)).await;
        assert_eq!(said, (expected.to_owned(), 0), "{script}");
    }
    delete(&[&pod]).await;
}

#[tokio::test]
async fn an_image_of_many_layers_runs() {
    let (host, _registry) = host("many", &[recipes::many_layers(118)]);
    let spec = "  restartPolicy: Never\n  containers: [{name: main, image: 'test/many:1'}]\n";
    let pod = host.run(&manifest("many", spec)).await;
    let status = soon(pod.wait_finished()).await.expect("ends");
    assert_eq!(status.phase, PodPhase::Succeeded, "{status:#?}");
    assert_eq!(log(&pod, "main").await, "117\n117\nlast\n");
    delete(&[&pod]).await;
}
