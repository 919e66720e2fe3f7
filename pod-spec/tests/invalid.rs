//! Manifests that are refused, with every fault exactly.

use std::fs;
use std::path::Path;

use pod_spec::{Admitted, FaultKind, Faults, Pod};

fn faults(text: &str) -> Faults {
    match Admitted::from_yaml(text) {
        Ok(pod) => panic!("taken: {pod:?}"),
        Err(faults) => faults,
    }
}

fn data(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/invalid").join(name))
        .expect("a file")
}

/// A pod with these lines in its only container, and these in its spec.
fn pod(container: &str, spec: &str) -> String {
    let indent =
        |text: &str, by: &str| text.lines().map(|line| format!("{by}{line}\n")).collect::<String>();
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\nspec:\n{}  containers:\n  - name: a\n    image: a\n{}",
        indent(spec, "  "),
        indent(container, "    "),
    )
}

fn lines(text: &str) -> Vec<String> {
    faults(text).to_string().lines().map(str::to_owned).collect()
}

#[test]
fn real_manifests_are_refused_for_what_is_not_there_yet() {
    let cases =
        [("nginx-deployment.yaml", "line 2: kind: `Deployment` is not read here, only Pod")];
    for (name, want) in cases {
        assert_eq!(lines(&data(name)), [want], "{name}");
    }
}

#[test]
fn what_is_no_pod_is_one_clear_fault() {
    let cases = [
        ("", "the text holds nothing"),
        ("# nothing\n---\n", "the text holds nothing"),
        (
            "- a",
            "line 1: a manifest is a mapping that begins with `apiVersion: v1` and `kind: Pod`",
        ),
        (
            "hello",
            "line 1: a manifest is a mapping that begins with `apiVersion: v1` and `kind: Pod`",
        ),
        (
            "a: b",
            "line 1: kind: `apiVersion` and `kind` are missing: a manifest begins with `apiVersion: v1` and `kind: Pod`",
        ),
        (
            "apiVersion: v1\nspce: {}",
            "line 1: kind: `kind` is missing: a manifest begins with `apiVersion: v1` and `kind: Pod`",
        ),
        (
            "apiVersion: v1\nkind: pod",
            "line 2: kind: `pod` is not read here, only Pod, did you mean `Pod`?",
        ),
        (
            "kind: Service\napiVersion: v1\nnonsense: 1",
            "line 1: kind: `Service` is not read here, only Pod",
        ),
        ("kind: Pod", "line 1: apiVersion: missing: it is `v1` for a Pod"),
        (
            "apiVersion: apps/v1\nkind: Pod",
            "line 1: apiVersion: `apps/v1` has no Pod: it is in `v1`",
        ),
        ("a: 1\n---\nb: 2\n", "line 3: the text holds 2 documents, and one Pod is read at a time"),
    ];
    for (text, want) in cases {
        let faults = faults(text);
        assert_eq!(faults.to_string(), want, "{text:?}");
        assert_eq!(faults.iter().next().map(|f| f.kind), Some(FaultKind::WrongKind));
    }
}

#[test]
fn every_fault_is_told_at_once() {
    let text = "apiVersion: v1
kind: Pod
metadata:
  name: My_Pod
  lables: {a: b}
spec:
  restartPolicy: Sometimes
  containers:
  - name: web
    comand: [nginx]
    lifecycle: {preStop: {tcpSocket: {port: 1}}}
    ports:
    - containerPort: \"80\"
    - containerPort: 70000
    resources:
      limits: {cpu: 1 core, memory: 128MB}
    name: web
  - image: 5
    name: web
    securityContext: {seLinuxOptions: {level: s0}}
    volumeMounts:
    - name: data
      mountPath: /a:b
  volumes:
  - name: dat
    nfs: {server: a, path: /}
  - {name: x, emptyDir: {}, hostPath: {path: /}}
";
    let want = [
        "line 4: metadata.name: `My_Pod` is not a DNS subdomain: at most 253 lower-case letters, digits, `-` and `.`, \
         with a letter or digit first and last in each part, such as `my-pod`",
        "line 5: metadata.lables: unknown field `lables`, did you mean `labels`?",
        "line 7: spec.restartPolicy: `Sometimes` is not one of `Always`, `OnFailure`, `Never`",
        "line 9: spec.containers[0].image: required, but not given",
        "line 10: spec.containers[0].comand: unknown field `comand`, did you mean `command`?",
        "line 11: spec.containers[0].lifecycle.preStop.tcpSocket: not supported yet: Kubernetes has never run it: such a hook fails",
        "line 13: spec.containers[0].ports[0].containerPort: found the text `80`, but a whole number is needed, \
         write it without quotes: 80",
        "line 14: spec.containers[0].ports[1].containerPort: 70000 is no port: ports are 1 to 65535",
        "line 16: spec.containers[0].resources.limits[cpu]: `1 core` is not a quantity such as `500m`, `2`, `1.5Gi` \
         or `1e3`",
        "line 16: spec.containers[0].resources.limits[memory]: `128MB` is not a quantity such as `500m`, `2`, `1.5Gi` \
         or `1e3`, did you mean `128M`?",
        "line 17: spec.containers[0].name: the key `name` stands here a second time",
        "line 18: spec.containers[1].image: found the number `5`, but a text is needed, write it in quotes: \"5\"",
        "line 19: spec.containers[1].name: `web` is taken already",
        "line 20: spec.containers[1].securityContext.seLinuxOptions: not supported yet: SELinux labels are not set yet",
        "line 23: spec.containers[1].volumeMounts[0].mountPath: `/a:b` must not contain `:`",
        "line 26: spec.volumes[0].nfs: not supported yet: network volumes are not mounted: mount it on this machine and \
         use hostPath",
        "line 27: spec.volumes[1].hostPath: it is already of the kind `emptyDir`",
    ];
    assert_eq!(lines(text), want);
}

#[test]
fn containers_are_checked() {
    let cases = [
        ("workingDir: 5", "found the number `5`, but a text is needed, write it in quotes: \"5\""),
        ("args: -v", "found the text `-v`, but a list is needed, begin each item with `- `"),
        ("args: [-v, 1]", "found the number `1`, but a text is needed, write it in quotes: \"1\""),
        ("env: {A: b}", "found a mapping, but a list is needed, begin each item with `- `"),
        (
            "env: [{name: a=b}]",
            "`a=b` is not a variable's name: printable ASCII characters other than `=`",
        ),
        ("env: [{value: b}]", "required, but not given"),
        (
            "env: [{name: A, value: on}]",
            "found `on`, which is the boolean `true` in YAML, but a text is needed, write it in quotes: \"on\"",
        ),
        (
            "env: [{name: A, valueFrom: {}}]",
            "it must say where the value comes from, such as `fieldRef`",
        ),
        (
            "env: [{name: A, value: b, valueFrom: {fieldRef: {fieldPath: metadata.uid}}}]",
            "a variable has either `value` or `valueFrom`",
        ),
        (
            "ports: [{containerPort: 1, hostPort: 2, protocol: SCTP}]",
            "not supported yet: ports of SCTP are not led to pods",
        ),
        ("ports: [{containerPort: 0}]", "0 is no port: ports are 1 to 65535"),
        (
            "ports: [{containerPort: 80, protocol: tcp}]",
            "`tcp` is not one of `TCP`, `UDP`, `SCTP`, did you mean `TCP`?",
        ),
        (
            "ports: [{containerPort: 80, name: a}, {containerPort: 81, name: a}]",
            "`a` is taken already",
        ),
        (
            "resources: {limits: {cpu: 1}, requests: {cpu: 2}}",
            "the request of 2 is more than the limit of 1",
        ),
        ("resources: {limits: {cpu: -1}}", "-1 is less than nothing"),
        ("resources: {limits: {mem: 1}}", "there is no resource `mem`"),
        (
            "resources: {limits: {memroy: 1}}",
            "there is no resource `memroy`, did you mean `memory`?",
        ),
        (
            "resources: {limits: {nvidia.com/gpu: 1}}",
            "not supported yet: only `cpu`, `memory` and huge pages are honoured, `nvidia.com/gpu` is not",
        ),
        (
            "restartPolicy: always",
            "`always` is not one of `Always`, `OnFailure`, `Never`, did you mean `Always`?",
        ),
        ("volumeMounts: [{name: x, mountPath: /x}]", "the pod has no volume `x`"),
        (
            "imagePullPolicy: ifNotPresent",
            "`ifNotPresent` is not one of `Always`, `IfNotPresent`, `Never`, did you mean `IfNotPresent`?",
        ),
        (
            "lifecycle: {preStop: {tcpSocket: {port: 1}}}",
            "not supported yet: Kubernetes has never run it: such a hook fails",
        ),
        ("securityContext: {runAsUser: -1}", "-1 is no id: ids are 0 to 2147483647"),
        (
            "securityContext: {runAsUser: root}",
            "found the text `root`, but a whole number is needed",
        ),
        (
            "securityContext: {privileged: true, allowPrivilegeEscalation: false}",
            "`allowPrivilegeEscalation` cannot be false in a privileged container",
        ),
        (
            "securityContext: {allowPrivilegeEscalation: false, capabilities: {add: [CAP_SYS_ADMIN]}}",
            "`allowPrivilegeEscalation` cannot be false in a container to which CAP_SYS_ADMIN is added",
        ),
        (
            "securityContext: {capabilities: {add: [NET_ADMN]}}",
            "there is no capability `NET_ADMN`, did you mean `NET_ADMIN`?",
        ),
        (
            "securityContext: {seccompProfile: {type: Localhost}}",
            "required when the type is `Localhost`",
        ),
        (
            "securityContext: {seccompProfile: {type: Localhost, localhostProfile: ../a}}",
            "`../a` must be relative and without `..`",
        ),
        (
            "securityContext: {seccompProfile: {type: Unconfined, localhostProfile: a}}",
            "it can only be given when the type is `Localhost`",
        ),
        ("securityContext: {procMount: Unmasked}", "`Unmasked` needs `hostUsers: false`"),
    ];
    for (lines, want) in cases {
        let faults = faults(&pod(lines, ""));
        assert_eq!(faults.iter().count(), 1, "{lines}:\n{faults}");
        let fault = faults.iter().next().unwrap();
        assert_eq!(fault.line, Some(9), "{lines}");
        assert!(fault.path.starts_with("spec.containers[0]."), "{faults}");
        let text = match &fault.suggestion {
            Some(suggestion) => format!("{}, {suggestion}", fault.message),
            None => fault.message.clone(),
        };
        assert_eq!(text, want, "{lines}");
    }
}

#[test]
fn the_spec_is_checked() {
    let cases = [
        (
            "terminationGracePeriodSeconds: -1",
            "line 6: spec.terminationGracePeriodSeconds: it must not be negative",
        ),
        (
            "hostname: a.b",
            "line 6: spec.hostname: `a.b` is not a DNS label: at most 63 lower-case letters, digits and `-`, with a letter or digit first and last",
        ),
        (
            "hostAliases: [{ip: 10.0.0}]",
            "line 6: spec.hostAliases[0].ip: `10.0.0` is no IP address",
        ),
        (
            "hostPID: true",
            "line 6: spec.hostPID: `true` is not supported yet: the pod always has its own PID namespaces",
        ),
        (
            "hostNetwork: maybe",
            "line 6: spec.hostNetwork: found the text `maybe`, but `true` or `false` is needed",
        ),
        (
            "securityContext: {sysctls: [{name: net.ipv4.tcp_syncookie, value: '1'}]}",
            "line 6: spec.securityContext.sysctls[0].name: `net.ipv4.tcp_syncookie` is not one of the safe kernel \
             parameters, did you mean `net.ipv4.tcp_syncookies`?",
        ),
        (
            "runtimeClassName: kata",
            "line 6: spec.runtimeClassName: `kata` is not supported yet: there is only one container runtime",
        ),
        (
            "os: {name: windows}",
            "line 6: spec.os.name: `windows` is not supported yet: there is only Linux here",
        ),
        (
            "volumes: [{name: A, emptyDir: {}}]",
            "line 6: spec.volumes[0].name: `A` is not a DNS label: at most 63 lower-case letters, digits and `-`, with a letter or digit first and last, such as `a`",
        ),
        ("volumes: [{name: a}, {name: a}]", "line 6: spec.volumes[1].name: `a` is taken already"),
        (
            "volumes: [{name: a, hostPath: {path: /a/../b}}]",
            "line 6: spec.volumes[0].hostPath.path: `/a/../b` must not contain `..`",
        ),
        (
            "volumes: [{name: a, hostPath: {path: a}}]",
            "line 6: spec.volumes[0].hostPath.path: `a` is not absolute, and a pod has no directory it could start from",
        ),
        (
            "volumes: [{name: a, hostPath: {path: /, type: Dir}}]",
            "line 6: spec.volumes[0].hostPath.type: `Dir` is not one of `\"\"`, `DirectoryOrCreate`, `Directory`, `FileOrCreate`, `File`, `Socket`, `CharDevice`, `BlockDevice`",
        ),
        (
            "volumes: [{name: a, emptydir: {}}]",
            "line 6: spec.volumes[0].emptydir: unknown field `emptydir`, did you mean `emptyDir`?",
        ),
        (
            "initContainers: [{name: a, image: a}]",
            "line 6: spec.initContainers[0].name: `a` is taken already",
        ),
        (
            "initContainers: [{name: b, image: a, restartPolicy: Never, restartPolicyRules: [{action: Restart}]}]",
            "line 6: spec.initContainers[0].restartPolicyRules[0].exitCodes: required, but not given",
        ),
        (
            "nodeSelector: {a: 1}",
            "line 6: spec.nodeSelector[a]: found the number `1`, but a text is needed, write it in quotes: \"1\"",
        ),
    ];
    for (text, want) in cases {
        assert_eq!(lines(&pod("", text)), [want], "{text}");
    }
}

#[test]
fn what_is_wrong_and_what_is_refused_are_told_together() {
    let both = [
        "line 5: spec.dnsConfig: the DNS policy `None` needs a name server",
        "line 7: spec.hostPID: `true` is not supported yet: the pod always has its own PID namespaces",
    ];
    assert_eq!(lines(&pod("", "dnsPolicy: None\nhostPID: true")), both);
    let shared = "securityContext: {privileged: true, procMount: Unmasked}\n\
                  volumeMounts: [{name: v, mountPath: /v, mountPropagation: Bidirectional}]";
    let spec = "volumes: [{name: v, hostPath: {path: /v}}]\nhostUsers: ";
    let users = lines(&pod(shared, &format!("{spec}false")));
    let want = "line 12: spec.containers[0].volumeMounts[0].mountPropagation: not supported yet: with `hostUsers: false` \
                the host does not see what is mounted";
    assert_eq!(users, [want]);
    let hosts = lines(&pod(shared, &format!("{spec}true")));
    let want = "line 11: spec.containers[0].securityContext.procMount: `Unmasked` needs `hostUsers: false`";
    assert_eq!(hosts, [want]);
}

#[test]
fn a_pod_made_in_a_program_is_checked_too() {
    let faults = Pod::default().validate().unwrap_err();
    let want = "metadata.name: required, but not given\nspec.containers: required, but not given";
    assert_eq!(faults.to_string(), want);
}

#[test]
fn saved_pods_are_read_with_the_same_strictness() {
    let error = serde_json::from_str::<pod_spec::ValidPod>(
        r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "../x"}, "spec": {"containers": []}}"#,
    )
    .unwrap_err();
    assert!(error.to_string().contains("metadata.name"), "{error}");
    assert!(
        serde_json::from_str::<Pod>(r#"{"apiVersion": "v1", "kind": "Pod", "metadata": 5}"#)
            .is_err()
    );
}
