//! Deployments and Jobs, as somebody uses them who knows kubectl.

use crate::host::Host;

const WEB: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - {name: a, image: pod.local/host, command: [sleep, '1000']}
";

const SUM: &str = "\
apiVersion: batch/v1
kind: Job
metadata: {name: sum}
spec:
  completions: 2
  template:
    spec:
      restartPolicy: Never
      containers:
      - {name: a, image: pod.local/host, command: [sh, -c, 'echo 42']}
";

/// The words of each line.
fn words(text: &str) -> Vec<Vec<&str>> {
    text.lines().map(|line| line.split_whitespace().collect()).collect()
}

#[test]
fn a_deployment_is_applied_scaled_restarted_and_deleted() {
    let host = Host::new();
    let ran = host.pod_on("apply", WEB);
    assert_eq!((ran.code, ran.out.as_str()), (0, "deployment.apps/web created\n"), "{ran:?}");
    assert_eq!(host.pod_on("apply", WEB).out, "deployment.apps/web unchanged\n");
    let ran = host.pod("rollout status deployment/web --timeout=60s");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.ends_with("deployment \"web\" successfully rolled out\n"), "{ran:?}");

    let shown = host.pod("get deployments");
    let rows = words(&shown.out);
    assert_eq!(rows[0], ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]);
    assert_eq!(rows[1][..4], ["web", "2/2", "2", "2"], "{shown:?}");
    let shown = host.pod("get deploy web -o wide --no-headers");
    assert_eq!(words(&shown.out)[0][5..], ["a", "pod.local/host", "app=web"], "{shown:?}");
    assert_eq!(host.pod("get deploy -o name").out, "deployment.apps/web\n");
    let shown = host.pod("get all --no-headers");
    let names: Vec<&str> =
        words(&shown.out).iter().filter_map(|row| row.first().copied()).collect();
    assert_eq!(names.len(), 3, "{shown:?}");
    assert!(names[0].starts_with("pod/web-") && names[2] == "deployment.apps/web", "{names:?}");

    let ran = host.pod("exec deploy/web -- hostname");
    assert!(ran.code == 0 && ran.out.starts_with("web-"), "{ran:?}");
    assert!(ran.err.starts_with("Found 2 pods, using pod/web-"), "{ran:?}");
    let ran = host.pod("scale deployment/web --replicas=1 --current-replicas=5");
    assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{ran:?}");
    assert_eq!(host.pod("scale deploy web --replicas=1").out, "deployment.apps/web scaled\n");
    let ran = host.pod("wait deploy/web --for=jsonpath={.status.replicas}=1 --timeout=60s");
    assert_eq!((ran.code, ran.out.as_str()), (0, "deployment.apps/web condition met\n"), "{ran:?}");
    assert_eq!(host.pod("rollout restart deploy/web").out, "deployment.apps/web restarted\n");
    let ran = host.pod("rollout status deploy web");
    assert!(ran.out.ends_with("successfully rolled out\n"), "{ran:?}");

    let told = host.pod("describe deployment web").out;
    for words in [
        "Name:                   web\n",
        "Selector:               app=web\n",
        "1 desired | 1 updated",
        "RollingUpdateStrategy:  25% max unavailable, 25% max surge\n",
        "Pod Template:\n",
        "Progressing  True    NewReplicaSetAvailable\n",
        "SuccessfulCreate",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let told = host.pod("events --for deployment/web").out;
    assert!(told.contains("Deployment/web") && told.contains("Created pod: web-"), "{told}");

    assert_eq!(host.pod("delete deploy web").out, "deployment.apps \"web\" deleted\n");
    assert_eq!(host.pod("get pods").err, "No resources found in default namespace.\n");
}

#[test]
fn a_job_is_waited_for_and_its_pods_say_what_they_did() {
    let host = Host::new();
    assert_eq!(host.pod_on("create", SUM).out, "job.batch/sum created\n");
    let ran = host.pod_on("create", SUM);
    assert_eq!(ran.code, 5, "{ran:?}");
    let ran = host.pod("wait job/sum --for=condition=Complete --timeout=60s");
    assert_eq!((ran.code, ran.out.as_str()), (0, "job.batch/sum condition met\n"), "{ran:?}");
    let shown = host.pod("get jobs");
    let rows = words(&shown.out);
    assert_eq!(rows[0], ["NAME", "STATUS", "COMPLETIONS", "DURATION", "AGE"]);
    assert_eq!(rows[1][..3], ["sum", "Complete", "2/2"], "{shown:?}");
    assert_eq!(host.pod("logs -l job-name=sum").out, "42\n42\n");
    assert_eq!(host.pod("logs job/sum").out, "42\n");
    let told = host.pod("describe job sum").out;
    for words in ["0 Active (0 Ready) / 2 Succeeded / 0 Failed", "Completed  ", "Job completed"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let mut other = SUM.replace("echo 42", "echo 43");
    let ran = host.pod_on("apply", &other);
    assert!(ran.code == 1 && ran.err.contains("spec.template: it stays as it is"), "{ran:?}");
    other = SUM.replace("completions: 2", "completions: 2\n  podFailurePolicy: {rules: []}");
    let ran = host.pod_on("apply", &other);
    assert!(ran.code == 3 && ran.err.contains("(spec.podFailurePolicy)"), "{ran:?}");
    assert_eq!(host.pod_on("delete", SUM).out, "job.batch \"sum\" deleted\n");
}

#[test]
fn pods_that_are_orphaned_stay() {
    let host = Host::new();
    host.pod_on("apply", WEB);
    host.pod("rollout status deployment/web");
    let ran = host.pod("delete deployment web --cascade=orphan");
    assert_eq!(ran.out, "deployment.apps \"web\" deleted\n", "{ran:?}");
    assert_eq!(words(&host.pod("get pods -l app=web --no-headers").out).len(), 2);
    let ran = host.pod("delete pods -l app=web --now");
    assert_eq!(ran.out.lines().count(), 2, "{ran:?}");
}

#[test]
fn what_makes_pods_is_nothing_for_the_foreground() {
    let host = Host::new();
    let ran = host.pod_on("up", WEB);
    assert!(ran.code == 3 && ran.err.contains("use `pod apply`"), "{ran:?}");
    let ran = host.pod("scale pod/web --replicas=2");
    assert!(ran.code == 2 && ran.err.contains("this is done to Deployments"), "{ran:?}");
}

#[test]
fn workloads_are_made_from_the_command_line() {
    let host = Host::new();
    // The first process of a container ends by a signal only when it says how.
    let script = "trap exit TERM; sleep infinity & wait";
    let words = "create deployment web --image=pod.local/host -r 2 -- sh -c".split(' ');
    let ran = host.pod_args(&words.chain([script]).collect::<Vec<_>>());
    assert_eq!((ran.code, ran.out.as_str()), (0, "deployment.apps/web created\n"), "{ran:?}");
    assert_eq!(host.pod("rollout status deployment/web --timeout=60s").code, 0);
    assert_eq!(host.pod("get pods -l app=web -o name").out.lines().count(), 2);
    let ran = host.pod("create job sum --image=pod.local/host -- sh -c exit");
    assert_eq!((ran.code, ran.out.as_str()), (0, "job.batch/sum created\n"), "{ran:?}");
    assert_eq!(host.pod("wait job/sum --for=condition=Complete --timeout=60s").code, 0);
    assert_eq!(host.pod("delete job/sum deploy/web --cascade=foreground").code, 0);
}
