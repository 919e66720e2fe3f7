//! Claims: apply, get and delete, and the pods that use them.

use std::process::Stdio;

use serde_json::Value;

use crate::host::{Host, lines_from, read_until, script};

const CLAIM: &str = "\
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
";

/// A pod that uses the claim.
fn user(command: &str) -> String {
    script(command, "Never")
        .replace("command:", "volumeMounts: [{name: v, mountPath: /data}], command:")
        .replace("spec:", "spec:\n  volumes: [{name: v, persistentVolumeClaim: {claimName: data}}]")
}

#[test]
fn claims_are_made_shown_and_removed() {
    let host = Host::new();
    let ran = host.pod_on("apply", CLAIM);
    assert_eq!(ran.out, "persistentvolumeclaim/data created\n", "{ran:?}");
    let shown = host.pod("get pvc data -o json").out;
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    let uid = shown["metadata"]["uid"].as_str().expect("has one");
    let table = host.pod("get pvc").out;
    let words: Vec<_> = table.split_whitespace().collect();
    let heading = "NAME STATUS VOLUME CAPACITY ACCESS MODES STORAGECLASS VOLUMEATTRIBUTESCLASS AGE";
    assert_eq!(words[..9].join(" "), heading);
    let row = format!("data Bound pvc-{uid} 1Gi RWO <unset>");
    assert_eq!(words[9..15].join(" "), row, "{table}");
    // What is shown is a manifest again, and the same one.
    let yaml = host.pod("get pvc data -o yaml").out;
    let again = host.pod_on("apply", &yaml);
    assert_eq!(again.out, "persistentvolumeclaim/data unchanged\n", "{again:?}");

    let ran = host.pod_on("create", CLAIM);
    assert_eq!((ran.code, ran.out.as_str()), (5, ""), "{ran:?}");
    let block = CLAIM.replace("accessModes", "volumeMode: Block, accessModes");
    let ran = host.pod_on("apply", &block);
    assert!(ran.err.contains("spec.volumeMode") && ran.code == 3, "{ran:?}");
    assert_eq!(host.pod("delete pvc data").out, "persistentvolumeclaim \"data\" deleted\n");
    assert_eq!(host.pod("get pvc data").code, 4);
}

#[test]
fn a_claim_that_is_used_is_deleted_when_its_pod_is() {
    let host = Host::new();
    let ran = host.pod_on("apply", &format!("{}---\n{CLAIM}", user("exec sleep 1000")));
    let made = "persistentvolumeclaim/data created\npod/web created\n";
    assert_eq!((ran.code, ran.out.as_str()), (0, made), "{ran:?}");
    let ran = host.pod("delete pvc data --wait=false");
    assert_eq!(ran.out, "persistentvolumeclaim \"data\" deleted\n", "{ran:?}");
    assert!(host.pod("get pvc").out.contains("Terminating"));
    let mut waiting =
        host.command(["delete", "pvc/data"]).stderr(Stdio::piped()).spawn().expect("runs");
    let mut said = lines_from(waiting.stderr.take().expect("is piped"));
    let words = "persistentvolumeclaim `data` goes when pod `web` does";
    read_until(&mut said, |line| line == words);
    assert_eq!(host.pod("delete pod web --now").code, 0);
    assert_eq!(waiting.wait().expect("ends").code(), Some(0));
    assert_eq!(host.pod("get pvc").err, "No resources found in default namespace.\n");
}
