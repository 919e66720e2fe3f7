use serde_json::{Value, json};

use super::*;

const NOW: Time = Time::from_nanos(1_767_323_045_000_000_000);

fn shown(kind: Kind, object: Value) -> String {
    shown_with(kind, object, Some(&[]))
}

fn shown_with(kind: Kind, mut object: Value, events: Option<&[Item]>) -> String {
    object["apiVersion"] = "v1".into();
    object["kind"] = kind.names().kind.into();
    describe(&Item { kind, object }, events, NOW).expect("it can be described")
}

#[test]
fn a_pod_is_described_in_kubectls_layout() {
    let object = json!({
        "metadata": {
            "name": "web", "namespace": "default",
            "labels": {"app": "web", "tier": "front"}, "annotations": {"note": "a b", "text": "x\ny"},
        },
        "spec": {
            "nodeName": "here", "serviceAccountName": "default",
            "containers": [{
                "name": "app", "image": "nginx:1", "command": ["sh", "-c"], "args": ["run"],
                "ports": [{"containerPort": 80, "protocol": "TCP"}, {"containerPort": 53, "hostPort": 53, "protocol": "UDP"}],
                "resources": {"limits": {"cpu": "500m", "memory": "64Mi"}, "requests": {"cpu": "100m"}},
                "livenessProbe": {"httpGet": {"path": "/up", "port": 80, "scheme": "HTTP"}, "periodSeconds": 5},
                "readinessProbe": {"exec": {"command": ["cat", "/ready"]}},
                "envFrom": [{"configMapRef": {"name": "settings"}}, {"prefix": "P_", "secretRef": {"name": "keys", "optional": true}}],
                "env": [
                    {"name": "COLOUR", "value": "red"},
                    {"name": "NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}},
                    {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
                    {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "k"}}},
                ],
                "volumeMounts": [
                    {"name": "conf", "mountPath": "/etc/app", "readOnly": true, "subPath": "x"},
                    {"name": "data", "mountPath": "/data"},
                ],
            }],
            "volumes": [
                {"name": "data", "emptyDir": {}},
                {"name": "conf", "configMap": {"name": "settings"}},
                {"name": "there", "hostPath": {"path": "/srv", "type": "Directory"}},
            ],
            "nodeSelector": {"disk": "ssd"},
            "tolerations": [{"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}],
        },
        "status": {
            "phase": "Running", "hostIP": "192.168.0.1", "podIP": "10.0.0.2", "podIPs": [{"ip": "10.0.0.2"}],
            "startTime": "2026-01-02T03:04:05Z", "qosClass": "Burstable",
            "conditions": [{"type": "Ready", "status": "True"}, {"type": "PodScheduled", "status": "False"}],
            "containerStatuses": [{
                "name": "app", "image": "nginx:1", "imageID": "sha256:1", "containerID": "pod://1", "ready": true,
                "restartCount": 2, "state": {"running": {"startedAt": "2026-01-02T03:04:05Z"}},
                "lastState": {"terminated": {"exitCode": 3, "reason": "Error", "startedAt": "2026-01-02T03:04:04Z",
                                             "finishedAt": "2026-01-02T03:04:05Z"}},
            }],
        },
    });
    let want = "\
Name:             web
Namespace:        default
Service Account:  default
Node:             here/192.168.0.1
Start Time:       Fri, 02 Jan 2026 03:04:05 +0000
Labels:           app=web
                  tier=front
Annotations:      note: a b
                  text:
                    x
                    y
Status:           Running
IP:               10.0.0.2
IPs:
  IP:  10.0.0.2
Containers:
  app:
    Container ID:  pod://1
    Image:         nginx:1
    Image ID:      sha256:1
    Ports:         80/TCP, 53/UDP
    Host Ports:    0/TCP, 53/UDP
    Command:
      sh
      -c
    Args:
      run
    State:          Running
      Started:      Fri, 02 Jan 2026 03:04:05 +0000
    Last State:     Terminated
      Reason:       Error
      Exit Code:    3
      Started:      Fri, 02 Jan 2026 03:04:04 +0000
      Finished:     Fri, 02 Jan 2026 03:04:05 +0000
    Ready:          True
    Restart Count:  2
    Limits:
      cpu:     500m
      memory:  64Mi
    Requests:
      cpu:      100m
    Liveness:   http-get http://:80/up delay=0s timeout=1s period=5s #success=1 #failure=3
    Readiness:  exec [cat /ready] delay=0s timeout=1s period=10s #success=1 #failure=3
    Environment Variables from:
      settings  ConfigMap                Optional: false
      keys      Secret with prefix 'P_'  Optional: true
    Environment:
      COLOUR:  red
      NAME:    web (v1:metadata.name)
      CPU:     1 (limits.cpu)
      KEY:     <set to the key 'k' in secret 'keys'>  Optional: false
    Mounts:
      /data from data (rw)
      /etc/app from conf (ro,path=\"x\")
Conditions:
  Type           Status
  Ready          True 
  PodScheduled   False 
Volumes:
  data:
    Type:       EmptyDir (a temporary directory that shares a pod's lifetime)
    Medium:     
    SizeLimit:  <unset>
  conf:
    Type:      ConfigMap (a volume populated by a ConfigMap)
    Name:      settings
    Optional:  false
  there:
    Type:          HostPath (bare host directory volume)
    Path:          /srv
    HostPathType:  Directory
QoS Class:         Burstable
Node-Selectors:    disk=ssd
Tolerations:       a:NoExecute op=Exists for 300s
Events:            <none>
";
    assert_eq!(shown(Kind::Pod, object), want);
}

#[test]
fn a_pod_that_has_not_begun_says_what_it_waits_for() {
    let object = json!({
        "metadata": {"name": "web", "namespace": "default", "deletionTimestamp": "2026-01-02T03:04:00Z"},
        "spec": {
            "initContainers": [{"name": "first", "image": "a"}],
            "containers": [{"name": "app", "image": "a"}],
        },
        "status": {
            "phase": "Pending",
            "initContainerStatuses": [{
                "name": "first", "image": "a", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
            }],
        },
    });
    let text = shown(Kind::Pod, object);
    for part in [
        "Node:             <none>\n",
        "Status:           Terminating (lasts 5s)\n",
        "IPs:              <none>\nInit Containers:\n  first:\n",
        "    State:          Waiting\n      Reason:       CrashLoopBackOff\n    Ready:          False\n",
        "    Environment:    <none>\n    Mounts:         <none>\nContainers:\n",
        "\nVolumes:          <none>\nNode-Selectors:   <none>\n",
    ] {
        assert!(text.contains(part), "{part:?} in\n{text}");
    }
}

#[test]
fn events_stand_in_a_table() {
    let event = json!({
        "type": "Warning", "reason": "BackOff", "message": "Back-off", "count": 3, "source": {"component": "pod"},
        "firstTimestamp": "2026-01-02T03:03:05Z", "lastTimestamp": "2026-01-02T03:04:00Z",
    });
    let mut page = Page::default();
    page.events(&[Item { kind: Kind::Event, object: event }], NOW);
    let want = "Events:\n  Type     Reason   Age               From  Message\n  ----     ------   ----              ----  -------\n  \
                Warning  BackOff  5s (x3 over 60s)  pod   Back-off\n";
    assert_eq!(page.text(), want);
}

#[test]
fn events_can_be_left_out() {
    let claim = || {
        json!({
            "metadata": {"name": "data", "namespace": "default"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        })
    };
    let kind = Kind::PersistentVolumeClaim;
    let with = shown(kind, claim());
    let without = with.strip_suffix("Events:        <none>\n");
    assert_eq!(without, Some(shown_with(kind, claim(), None).as_str()), "{with}");
}

#[test]
fn a_secret_shows_sizes_only() {
    let object = json!({
        "metadata": {"name": "login", "namespace": "default"}, "type": "Opaque", "data": {"password": "aHVudGVyMg=="},
    });
    let want = "Name:         login\nNamespace:    default\nLabels:       <none>\nAnnotations:  <none>\n\nType:  Opaque\n\n\
                Data\n====\npassword:  7 bytes\n";
    assert_eq!(shown(Kind::Secret, object), want);
    let object = json!({"metadata": {"name": "app", "namespace": "default"}, "data": {"a": "b"}});
    let text = shown(Kind::ConfigMap, object);
    assert!(
        text.ends_with("\n\nData\n====\na:\n----\nb\n\n\nBinaryData\n====\n\nEvents:  <none>\n"),
        "{text}"
    );
}
