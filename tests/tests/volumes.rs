//! Volumes as containers see them.

use pod_runtime::{PodHandle, PodPhase};
use pod_tests::{Host, delete, exec, log, manifest, pod, soon, until};

fn host(test: &str) -> Host {
    Host::new(test, env!("CARGO_BIN_EXE_helper"))
}

/// What a container that ends well has written.
async fn written(host: &Host, manifest: &str) -> String {
    let pod = host.run(manifest).await;
    let status = soon(pod.wait_finished()).await.expect("ends");
    assert_eq!(status.phase, PodPhase::Succeeded, "{status:#?}");
    let log = log(&pod, "a").await;
    soon(pod.stop()).await.expect("is removed");
    log
}

/// Waits until a container says why it does not start.
async fn waiting(pod: &PodHandle) -> (String, String) {
    let reason = |status: &pod_runtime::PodStatus| {
        let waiting = status.container_statuses.first()?.state.waiting.clone()?;
        Some((waiting.reason?, waiting.message?))
    };
    pod_tests::wait_until("the reason", || reason(&pod.status().ok()?))
}

#[tokio::test]
async fn b166_b173_parts_of_volumes_are_mounted() {
    let host = host("subpath");
    let data = host.dir("data");
    std::fs::create_dir(data.join("in")).expect("can be made");
    std::fs::write(data.join("in/file"), "deep\n").expect("can be written");
    let spec = format!(
        "
  restartPolicy: Never
  volumes:
  - {{name: host, hostPath: {{path: {data}}}}}
  - {{name: disk, emptyDir: {{}}}}
  - {{name: fields, downwardAPI: {{items: [{{path: d/name, fieldRef: {{fieldPath: metadata.name}}}}]}}}}
  containers:
  - name: a
    image: pod.local/host
    command: [sh, -c, 'cat /in/file /etc/one /etc/name; echo; stat -c %a /made; touch /made/x; ls -R /disk']
    volumeMounts:
    - {{name: host, mountPath: /in, subPath: in}}
    - {{name: host, mountPath: /etc/one, subPath: in/file}}
    - {{name: disk, mountPath: /disk}}
    - {{name: disk, mountPath: /made, subPath: a/b}}
    - {{name: fields, mountPath: /etc/name, subPath: d/name}}
",
        data = data.display()
    );
    let text = written(&host, &manifest("subpath", &spec)).await;
    assert_eq!(
        text.lines().filter(|l| !l.is_empty()).collect::<Vec<_>>(),
        ["deep", "deep", "subpath", "777", "/disk:", "a", "/disk/a:", "b", "/disk/a/b:", "x"]
    );
}

#[tokio::test]
async fn b166_a_part_that_leads_out_of_its_volume_is_refused() {
    let host = host("escape");
    let data = host.dir("data");
    std::os::unix::fs::symlink("/etc", data.join("out")).expect("can be made");
    let spec = format!(
        "
  volumes: [{{name: host, hostPath: {{path: {}}}}}]
  containers:
  - name: a
    image: pod.local/host
    command: [sleep, infinity]
    volumeMounts: [{{name: host, mountPath: /m, subPath: out}}]
",
        data.display()
    );
    let pod = host.run(&manifest("escape", &spec)).await;
    let (reason, message) = waiting(&pod).await;
    assert_eq!(reason, "CreateContainerConfigError");
    let words = "failed to prepare subPath for volumeMount \"host\" of container \"a\"";
    assert!(message.starts_with(words), "{message}");
    soon(pod.stop()).await.expect("is removed");
}

#[tokio::test]
async fn b150_b152_parts_are_named_by_variables() {
    let host = host("expression");
    let spec = "
  restartPolicy: Never
  volumes: [{name: disk, emptyDir: {}}]
  containers:
  - name: a
    image: pod.local/host
    command: [sh, -c, 'touch /part/x; ls /disk /disk/expression']
    env: [{name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]
    volumeMounts:
    - {name: disk, mountPath: /disk}
    - {name: disk, mountPath: /part, subPathExpr: $(POD_NAME)}
";
    let text = written(&host, &manifest("expression", spec)).await;
    let lines: Vec<_> = text.lines().filter(|l| !l.is_empty()).collect();
    assert_eq!(lines, ["/disk:", "expression", "/disk/expression:", "x"]);
    for (name, expression, words) in [
        ("missing", "$(NONE)", "missing value for \"NONE\""),
        ("absolute", "$(HERE)", "error SubPath `/tmp` must not be an absolute path"),
    ] {
        let spec = format!(
            "
  volumes: [{{name: disk, emptyDir: {{}}}}]
  containers:
  - name: a
    image: pod.local/host
    command: [sleep, infinity]
    env: [{{name: HERE, value: /tmp}}]
    volumeMounts: [{{name: disk, mountPath: /part, subPathExpr: {expression}}}]
"
        );
        let pod = host.run(&manifest(name, &spec)).await;
        let why = ("CreateContainerConfigError".to_owned(), words.to_owned());
        assert_eq!(waiting(&pod).await, why);
        soon(pod.stop()).await.expect("is removed");
    }
}

#[tokio::test]
async fn b151_the_name_of_a_part_is_made_anew_at_the_next_try() {
    let host = host("expression-again");
    let text = "apiVersion: v1
kind: Pod
metadata:
  name: again
  annotations: {part: /absolute, pod.local/backoff-initial: 100ms, pod.local/backoff-max: 100ms}
spec:
  terminationGracePeriodSeconds: 0
  volumes: [{name: disk, emptyDir: {}}]
  containers:
  - name: a
    image: pod.local/host
    command: [sleep, infinity]
    env: [{name: PART, valueFrom: {fieldRef: {fieldPath: \"metadata.annotations['part']\"}}}]
    volumeMounts:
    - {name: disk, mountPath: /disk}
    - {name: disk, mountPath: /part, subPathExpr: $(PART)}
";
    let mut again = host.run(text).await;
    let (reason, why) = waiting(&again).await;
    assert_eq!(reason, "CreateContainerConfigError");
    assert!(why.contains("must not be an absolute path"), "{why}");
    let changed = pod(&text.replace("part: /absolute", "part: relative"));
    soon(again.update(&changed)).await.expect("is changed");
    until(&again, |status| status.container_statuses[0].state.running.is_some()).await;
    let (seen, _) = soon(exec(&again, "a", "touch /part/x; ls /disk /disk/relative")).await;
    assert_eq!(seen, "/disk:\nrelative\n\n/disk/relative:\nx\n");
    delete(&[&again]).await;
}

#[tokio::test]
async fn b158_fields_of_the_pod_are_files() {
    let host = host("downward-files");
    let text = "apiVersion: v1
kind: Pod
metadata:
  name: fields
  namespace: team
  labels: {app: web, tier: front}
spec:
  restartPolicy: Never
  volumes:
  - name: v
    downwardAPI:
      defaultMode: 0400
      items:
      - {path: name, fieldRef: {fieldPath: metadata.name}}
      - {path: deep/space, mode: 0444, fieldRef: {fieldPath: metadata.namespace}}
      - {path: labels, fieldRef: {fieldPath: metadata.labels}}
  containers:
  - name: a
    image: pod.local/host
    command: [sh, -c, 'cd /v; for f in name deep/space labels; do cat $f; echo; stat -Lc %a $f; done;
      readlink name; df --output=fstype . | tail -1; touch x 2>/dev/null || echo read-only']
    volumeMounts: [{name: v, mountPath: /v}]
";
    let lines = written(&host, text).await;
    let lines: Vec<_> = lines.lines().collect();
    let labels = ["app=\"web\"", "tier=\"front\""];
    assert_eq!(lines[..4], ["fields", "400", "team", "444"]);
    assert_eq!(lines[4..7], [labels[0], labels[1], "400"]);
    assert_eq!(lines[7..], ["..data/name", "tmpfs", "read-only"]);
}

#[tokio::test]
async fn b158_files_follow_the_labels_of_a_pod_that_is_changed() {
    let host = host("live-labels");
    let text = "apiVersion: v1
kind: Pod
metadata: {name: live, labels: {app: old}, annotations: {note: first}}
spec:
  securityContext: {fsGroup: 3000}
  volumes:
  - name: v
    downwardAPI:
      items:
      - {path: labels, fieldRef: {fieldPath: metadata.labels}}
      - {path: notes, mode: 0400, fieldRef: {fieldPath: metadata.annotations}}
  containers:
  - name: a
    image: pod.local/host
    command: [sleep, infinity]
    securityContext: {runAsUser: 1000}
    volumeMounts: [{name: v, mountPath: /v}]
";
    let mut pod = host.run(text).await;
    soon(pod.wait_ready()).await.expect("is ready");
    let look = "cat /v/labels /v/notes; stat -Lc ' %a %g' /v/notes";
    assert_eq!(exec(&pod, "a", look).await.0, "app=\"old\"note=\"first\" 440 3000\n");
    let changed = text.replace("app: old", "app: new").replace("first", "second");
    soon(pod.update(&pod_tests::pod(&changed))).await.expect("is changed");
    let wait = format!("until grep -q new /v/labels; do :; done; {look}");
    let seen = soon(exec(&pod, "a", &wait)).await.0;
    assert_eq!(seen, "app=\"new\"note=\"second\" 440 3000\n");
    assert_eq!(pod.status().expect("is there").container_statuses[0].restart_count, 0);
    delete(&[&pod]).await;
}

#[tokio::test]
async fn b170_several_sources_are_one_directory() {
    let host = host("projected");
    let spec = "
  restartPolicy: Never
  volumes:
  - name: all
    projected:
      defaultMode: 0440
      sources:
      - downwardAPI: {items: [{path: name, fieldRef: {fieldPath: metadata.name}}]}
      - downwardAPI: {items: [{path: d/space, fieldRef: {fieldPath: metadata.namespace}}]}
  containers:
  - name: a
    image: pod.local/host
    command: [sh, -c, 'cat /all/name /all/d/space; stat -Lc %a /all/name']
    volumeMounts: [{name: all, mountPath: /all}]
";
    assert_eq!(written(&host, &manifest("projected", spec)).await, "projecteddefault440\n");
}

#[tokio::test]
async fn b164_b169_volumes_belong_to_the_group_of_the_pod() {
    let host = host("fsgroup");
    let spec = "
  restartPolicy: Never
  securityContext: {runAsUser: 1000, runAsGroup: 2000, fsGroup: 3000, fsGroupChangePolicy: OnRootMismatch}
  volumes:
  - {name: disk, emptyDir: {}}
  - {name: memory, emptyDir: {medium: Memory}}
  - {name: fields, downwardAPI: {defaultMode: 0400, items: [{path: name, fieldRef: {fieldPath: metadata.name}}]}}
  containers:
  - name: a
    image: pod.local/host
    command: [sh, -c, 'id -G; for d in /disk /memory; do touch $d/f; stat -c %a:%g $d $d/f; done; stat -Lc %a:%u:%g /fields/name; cat /fields/name']
    volumeMounts:
    - {name: disk, mountPath: /disk}
    - {name: memory, mountPath: /memory}
    - {name: fields, mountPath: /fields}
";
    let text = written(&host, &manifest("fsgroup", spec)).await;
    let lines: Vec<_> = text.lines().collect();
    let volume = ["2777:3000", "644:3000"];
    assert_eq!(lines[0], "2000 3000");
    assert_eq!(lines[1..5], [volume, volume].concat());
    assert_eq!(lines[5..], ["440:0:3000", "fsgroup"]);
}

#[tokio::test]
async fn b174_read_only_mounts_are_so_with_all_that_is_in_them_and_the_status_says_so() {
    let host = host("rro");
    let data = host.dir("data");
    let spec = format!(
        "
  volumes: [{{name: host, hostPath: {{path: {data}}}}}, {{name: disk, emptyDir: {{}}}}]
  containers:
  - name: a
    image: pod.local/host
    command: [sleep, infinity]
    volumeMounts:
    - {{name: host, mountPath: /all, readOnly: true, recursiveReadOnly: Enabled}}
    - {{name: host, mountPath: /possible, readOnly: true, recursiveReadOnly: IfPossible}}
    - {{name: host, mountPath: /top, readOnly: true}}
    - {{name: disk, mountPath: /disk}}
",
        data = data.display()
    );
    let within = data.join("in");
    std::fs::create_dir(&within).expect("can be made");
    let tmpfs = nix::mount::MsFlags::empty();
    nix::mount::mount(Some("tmpfs"), &within, Some("tmpfs"), tmpfs, None::<&str>).expect("mounts");
    let pod = host.run(&manifest("rro", &spec)).await;
    soon(pod.wait_ready()).await.expect("is ready");
    let touch = "for d in all possible top; do touch /$d/x 2>/dev/null && echo $d; \
                 touch /$d/in/$d 2>/dev/null && echo $d/in; done";
    assert_eq!(exec(&pod, "a", touch).await.0, "top/in\n");
    let status = pod.status().expect("is there");
    let shown: Vec<_> = status.container_statuses[0]
        .volume_mounts
        .iter()
        .map(|m| (m.mount_path.as_str(), m.read_only, m.recursive_read_only.as_deref()))
        .collect();
    assert_eq!(
        shown,
        [
            ("/all", Some(true), Some("Enabled")),
            ("/possible", Some(true), Some("Enabled")),
            ("/top", Some(true), Some("Disabled")),
            ("/disk", None, None),
        ]
    );
    delete(&[&pod]).await;
    nix::mount::umount2(&within, nix::mount::MntFlags::MNT_DETACH).expect("unmounts");
}

#[tokio::test]
async fn b161_an_empty_dir_may_be_written_by_anybody() {
    let host = host("anybody");
    let spec = "
  restartPolicy: Never
  volumes: [{name: disk, emptyDir: {}}, {name: memory, emptyDir: {medium: Memory}}]
  containers:
  - name: a
    image: pod.local/host
    command: [sh, -c, 'stat -c %A /disk /memory; stat -fc %T /memory; touch /disk/x /memory/x && echo written']
    securityContext: {runAsUser: 1000}
    volumeMounts: [{name: disk, mountPath: /disk}, {name: memory, mountPath: /memory}]
";
    let text = written(&host, &manifest("anybody", spec)).await;
    assert_eq!(text, "drwxrwxrwx\ndrwxrwxrwx\ntmpfs\nwritten\n");
}

/// The processes that have something mounted at a path.
fn mounting(path: &str) -> usize {
    let processes = std::fs::read_dir("/proc").expect("can be read").flatten();
    let mounts = processes.filter_map(|p| std::fs::read_to_string(p.path().join("mountinfo")).ok());
    mounts.filter(|mounts| mounts.contains(path)).count()
}

#[tokio::test]
async fn b165_what_lies_in_memory_goes_with_the_pod() {
    let host = host("memory");
    let spec = "
  volumes: [{name: memory, emptyDir: {medium: Memory}}]
  containers:
  - name: a
    image: pod.local/host
    command: [sleep, infinity]
    volumeMounts: [{name: memory, mountPath: /memory}]
";
    let pod = host.run(&manifest("memory", spec)).await;
    soon(pod.wait_ready()).await.expect("is ready");
    let volumes = host.root().join("pods/data/pods").join(pod.uid()).join("volumes");
    let path = volumes.join("kubernetes.io~empty-dir/memory").display().to_string();
    assert!(mounting(&path) > 0);
    delete(&[&pod]).await;
    assert_eq!(mounting(&path), 0);
    assert!(!volumes.exists());
}

#[tokio::test]
async fn b166_a_host_path_keeps_its_mode() {
    let host = host("host-mode");
    let data = host.dir("data");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o1777);
    std::fs::set_permissions(&data, mode).expect("can be set");
    let spec = format!(
        "
  restartPolicy: Never
  volumes: [{{name: host, hostPath: {{path: {}}}}}]
  containers:
  - name: a
    image: pod.local/host
    command: [sh, -c, 'stat -c %A /test-volume; echo new >/test-volume/file']
    volumeMounts: [{{name: host, mountPath: /test-volume}}]
",
        data.display()
    );
    assert_eq!(written(&host, &manifest("mode", &spec)).await, "drwxrwxrwt\n");
    assert_eq!(std::fs::read_to_string(data.join("file")).expect("written"), "new\n");
}

#[tokio::test]
async fn mounts_lie_over_each_other_in_the_order_of_their_paths() {
    let host = host("order");
    let data = host.dir("data");
    std::fs::write(data.join("file"), "of a file\n").expect("can be written");
    let spec = format!(
        "
  restartPolicy: Never
  volumes:
  - {{name: outer, emptyDir: {{}}}}
  - {{name: inner, emptyDir: {{medium: Memory}}}}
  - {{name: file, hostPath: {{path: {}}}}}
  containers:
  - name: a
    image: pod.local/host
    command: [sh, -c, 'touch /new/deep/outer /new/deep/in/inner; cat /new/deep/in/a/file; cd /new/deep; ls . in']
    volumeMounts:
    - {{name: file, mountPath: /new/deep/in/a/file, readOnly: true}}
    - {{name: inner, mountPath: /new/deep/in}}
    - {{name: outer, mountPath: /new/deep}}
",
        data.join("file").display()
    );
    let text = written(&host, &manifest("order", &spec)).await;
    assert_eq!(text, "of a file\n.:\nin\nouter\n\nin:\na\ninner\n");
}

#[tokio::test]
async fn b162_b163_what_is_in_an_empty_dir_keeps_its_mode_and_is_shared() {
    let host = host("modes");
    let spec = "
  volumes: [{name: disk, emptyDir: {}}, {name: memory, emptyDir: {medium: Memory}}]
  containers:
  - name: a
    image: pod.local/host
    command: [sh, -c, 'for d in /disk /memory; do for m in 644 666 777; do echo $m >$d/$m; chmod $m $d/$m; done; done; sleep infinity']
    volumeMounts: [{name: disk, mountPath: /disk}, {name: memory, mountPath: /memory}]
  - name: b
    image: pod.local/host
    command: [sleep, infinity]
    securityContext: {runAsUser: 1000}
    volumeMounts: [{name: disk, mountPath: /d}, {name: memory, mountPath: /m}]
";
    let pod = host.run(&manifest("modes", spec)).await;
    soon(pod.wait_ready()).await.expect("is ready");
    let look = "until [ -x /m/777 ]; do :; done; stat -c %a /d /m /d/* /m/*; cat /d/* /m/*";
    let (text, _) = soon(exec(&pod, "b", look)).await;
    let numbers = ["644", "666", "777"];
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[..2], ["777", "777"]);
    assert_eq!(lines[2..], [numbers, numbers, numbers, numbers].concat());
    soon(pod.stop()).await.expect("is removed");
}

#[tokio::test]
async fn b224_a_pod_that_fills_its_volume_is_evicted() {
    let host = host("evicted");
    let spec = "
  volumes: [{name: cache, emptyDir: {sizeLimit: 1Mi}}]
  containers:
  - name: a
    image: pod.local/host
    command: [sh, -c, 'head -c 2M /dev/zero >/cache/file; exec sleep infinity']
    volumeMounts: [{name: cache, mountPath: /cache}]
";
    let pod = host.run(&manifest("evicted", spec)).await;
    let status = soon(pod.wait_finished()).await.expect("ends");
    let why = (status.phase, status.reason.as_deref(), status.message.as_deref());
    let words = "Usage of EmptyDir volume \"cache\" exceeds the limit \"1Mi\". ";
    assert_eq!(why, (PodPhase::Failed, Some("Evicted"), Some(words)));
    soon(pod.stop()).await.expect("is removed");
}

#[tokio::test]
async fn b223_a_pod_is_refused_huge_pages_that_the_machine_lacks() {
    let host = host("no-pages");
    let spec = "
  containers:
  - {name: a, image: pod.local/host, resources: {limits: {cpu: 1, hugepages-3Mi: 3Mi}}}
";
    let refused = host.runtime().run(pod(&manifest("greedy", spec))).await.expect_err("refused");
    let words = "the pod asks for more of `hugepages-3Mi` than this machine has, 0 bytes: see /sys/kernel/mm/hugepages";
    assert_eq!(refused.to_string(), words);
    assert_eq!(host.runtime().list(None).expect("can be listed").len(), 0);
}

#[tokio::test]
#[ignore = "needs a machine with huge pages: sysctl -w vm.nr_hugepages=4"]
async fn b223_a_volume_is_of_huge_pages_as_many_as_the_pod_may_have() {
    let host = host("pages");
    let spec = "
  restartPolicy: Never
  volumes: [{name: huge, emptyDir: {medium: HugePages}}]
  containers:
  - name: a
    image: pod.local/host
    command:
    - python3
    - -c
    - |
      import mmap, os
      def take(name):
          file = os.open('/huge/' + name, os.O_CREAT | os.O_RDWR)
          os.ftruncate(file, 2 << 20)
          try:
              memory = mmap.mmap(file, 2 << 20)
              memory[0] = 1
              print(name, 'is there', flush=True)
              return memory
          except OSError:
              print(name, 'is too much', flush=True)
      held = [take(name) for name in ['one', 'two']]
    resources: {limits: {memory: 64Mi, hugepages-2Mi: 2Mi}}
    volumeMounts: [{name: huge, mountPath: /huge}]
";
    let text = written(&host, &manifest("pages", spec)).await;
    assert_eq!(text, "one is there\ntwo is too much\n");
}
