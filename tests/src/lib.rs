//! What the end-to-end tests share: a runtime of their own, and the check that nothing is left of it.
//!
//! Every test has its own root directory, whose name shows up in the arguments of every helper process, in the mounts of
//! every container and in the paths of every file, and every pod its own uid, which shows up in its cgroups. So what a
//! test left behind is found whatever else runs on the machine.

pub mod coverage;
pub mod driver;
pub mod image;
pub mod network;
pub mod pace;

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use pod_runtime::{
    Bridge, Configuration, LogOptions, Network, Pod, PodHandle, PodStatus, Runtime, ValidPod,
};
use pod_spec::{Deployment, Job};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// How long anything in a test may take: a minute, or as many seconds as `POD_TEST_DEADLINE` says, for a machine that is
/// emulated.
fn deadline() -> Duration {
    let said = std::env::var("POD_TEST_DEADLINE").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(said.unwrap_or(60))
}

/// A runtime in a directory of its own, in a network of the calling thread's own. Dropping it fails the test when anything is left.
#[derive(Debug)]
pub struct Host {
    root: PathBuf,
    helper: PathBuf,
    uids: Mutex<Vec<String>>,
}

impl Host {
    /// `test` names the directory; `helper` is the program for the pods' processes.
    pub fn new(test: &str, helper: &str) -> Self {
        assert!(nix::unistd::geteuid().is_root(), "these tests need root: run them with sudo");
        network::own_network();
        let root = std::env::temp_dir().join(format!("pod-{test}-{}", std::process::id()));
        fs::create_dir_all(&root).expect("the test's directory can be made");
        let root = fs::canonicalize(root).expect("it is there");
        Self { root, helper: helper.into(), uids: Mutex::default() }
    }

    /// The test's directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A file or directory of the test's own, beside those of the runtime.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join("own").join(name)
    }

    /// As [`path`](Self::path), made as a directory.
    pub fn dir(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(&path).expect("a directory can be made");
        path
    }

    /// The runtime.
    pub fn runtime(&self) -> Runtime {
        let runtime = Runtime::open(self.root.join("pods")).expect("opens");
        let runtime = runtime.with_helper(&self.helper).with_drivers(driver::drivers());
        runtime.with_network(Network::Bridge(Bridge::default()))
    }

    /// Runs a manifest.
    pub async fn run(&self, manifest: &str) -> PodHandle {
        let pod = self.runtime().run(pod(manifest)).await.expect("the pod is taken on");
        self.note(&pod);
        pod
    }

    /// Remembers a pod for the check at the end.
    pub fn note(&self, pod: &PodHandle) {
        self.uids.lock().expect("not poisoned").push(pod.uid().to_owned());
    }

    /// Everything that is left of the test's pods.
    pub fn leftovers(&self) -> Vec<String> {
        let uids = self.uids.lock().expect("not poisoned").clone();
        let mut found = processes(&self.root, &uids);
        found.extend(cgroups(&uids));
        let mut files = files(&self.root.join("pods"));
        // Images are not of a pod.
        let images = format!("file {}", self.root.join("pods/data/images").display());
        files.retain(|file| !file.starts_with(&images));
        found.extend(files);
        found.extend(network::leftovers());
        found
    }
}

impl Host {
    /// Fails when anything is left of the test's pods; `when` says after what.
    pub fn assert_empty(&self, when: &str) {
        let left = wait_until_empty(|| self.leftovers());
        assert!(left.is_empty(), "left behind {when}:\n{}", left.join("\n"));
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The reason for the failure is worth more than what it left. The files are for the eye, but what runs would
            // run for good.
            kill(self.runtime());
            return;
        }
        self.assert_empty("at the end");
        fs::remove_dir_all(&self.root).expect("the test's directory can be removed");
    }
}

/// Kills all pods, from within or without an asynchronous test.
fn kill(runtime: Runtime) {
    let killed = std::thread::spawn(move || {
        let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let tokio = tokio.expect("can be made");
        // Or the pods of a Deployment or a Job would be made again.
        forget::<Deployment>(&runtime);
        forget::<Job>(&runtime);
        for pod in runtime.list(None).unwrap_or_default() {
            // One that cannot be killed is no reason to leave the others.
            let _ = tokio.block_on(async { tokio::time::timeout(deadline(), pod.kill()).await });
        }
    });
    let _ = killed.join();
}

/// Removes all objects of a kind, and nothing else.
fn forget<T: Configuration>(runtime: &Runtime) {
    let objects = runtime.objects::<T>();
    for object in objects.list(None).unwrap_or_default() {
        let metadata = object.metadata();
        let _ = objects.delete(metadata.namespace.as_deref().unwrap_or_default(), &metadata.name);
    }
}

/// What the keeper last noted of the pod.
pub fn journal(host: &Host, pod: &PodHandle) -> Option<serde_json::Value> {
    let path = host.root().join("pods/run/sandboxes").join(pod.uid()).join("journal.json");
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

/// Looks again and again for what appears at a time that nothing tells of.
pub fn wait_until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = std::time::Instant::now() + deadline();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(std::time::Instant::now() < end, "{what} has not come in time");
        std::thread::yield_now();
    }
}

/// A process that has been killed is visible until it is reaped, so the last look counts.
fn wait_until_empty(look: impl Fn() -> Vec<String>) -> Vec<String> {
    let end = std::time::Instant::now() + Duration::from_secs(5);
    loop {
        let left = look();
        if left.is_empty() || std::time::Instant::now() > end {
            return left;
        }
        std::thread::yield_now();
    }
}

/// Processes whose arguments, mounts or cgroups name the test; zombies do not count, they hold nothing.
fn processes(root: &Path, uids: &[String]) -> Vec<String> {
    let root = root.to_string_lossy();
    let own = std::process::id().to_string();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Ok(pid) = entry.file_name().into_string() else { continue };
        if !pid.bytes().all(|b| b.is_ascii_digit()) || pid == own {
            continue;
        }
        let read = |name: &str| {
            String::from_utf8_lossy(&fs::read(entry.path().join(name)).unwrap_or_default())
                .into_owned()
        };
        let command = read("cmdline").replace('\0', " ");
        if command.starts_with("pod-") && command.contains(&*root) {
            found.push(format!("process {pid}: {command}"));
        }
        if read("mountinfo").lines().any(|line| line.contains(&format!("{root}/pods"))) {
            found.push(format!("mounts of process {pid}: {command}"));
        }
        let cgroup = read("cgroup");
        if uids.iter().any(|uid| cgroup.contains(uid)) {
            found.push(format!("process {pid} in a cgroup of the pod: {command}"));
        }
    }
    found
}

/// Cgroups of the test's pods in any hierarchy.
fn cgroups(uids: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    let mut dirs = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            if !entry.file_type().is_ok_and(|t| t.is_dir()) {
                continue;
            }
            let path = entry.path();
            if uids.iter().any(|uid| path.to_string_lossy().contains(uid)) {
                found.push(format!("cgroup {}", path.display()));
            } else {
                dirs.push(path);
            }
        }
    }
    found
}

/// Files below a directory; empty directories may stay.
fn files(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            found.extend(files(&entry.path()));
        } else {
            found.push(format!("file {}", entry.path().display()));
        }
    }
    found
}

/// A manifest, checked.
pub fn pod(manifest: &str) -> ValidPod {
    let parsed = Pod::from_yaml(manifest).unwrap_or_else(|faults| panic!("{faults}"));
    parsed.validate().unwrap_or_else(|faults| panic!("{faults}"))
}

/// The manifest of a pod on the host's own root, from its name and the lines of its spec.
pub fn manifest(name: &str, spec: &str) -> String {
    format!("apiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\nspec:\n{spec}")
}

/// All that a container has written.
pub async fn log(pod: &PodHandle, container: &str) -> String {
    let mut lines = pod.logs(container, LogOptions::default()).expect("has a log");
    let mut text = String::new();
    while let Some(line) = lines.next().await.expect("can be read") {
        text.push_str(&String::from_utf8_lossy(&line.text));
        text.push('\n');
    }
    text
}

/// What a program executed in a container writes, and its exit code.
pub async fn exec(pod: &PodHandle, container: &str, script: &str) -> (String, i32) {
    let exec = pod.exec(container, ["sh", "-c", script]).await.expect("can be executed");
    let output = exec.output().await.expect("ends");
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (text, output.exit.code)
}

/// Waits for something of a test, no longer than its deadline.
pub async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(deadline(), what).await.expect("in time")
}

/// Waits until the pod's status is so.
pub async fn until(pod: &PodHandle, is_so: impl Fn(&PodStatus) -> bool) -> PodStatus {
    let mut changes = pod.changes();
    soon(async {
        loop {
            let status = changes.next().await.expect("can be read").expect("the pod is there");
            if is_so(&status) {
                return status;
            }
        }
    })
    .await
}

/// Waits for an event of this reason whose message has these words, and returns the message.
pub fn told(pod: &PodHandle, reason: &str, words: &str) -> String {
    wait_until(reason, || {
        let events = pod.events().expect("can be read");
        let found = events.into_iter().map(|e| e.event);
        found.filter(|e| e.reason == reason).map(|e| e.message).find(|m| m.contains(words))
    })
}

/// Deletes pods at once, and waits until they are gone.
pub async fn delete(pods: &[&PodHandle]) {
    for pod in pods {
        soon(pod.delete(Some(0))).await.expect("is deleted");
        soon(pod.wait_gone()).await.expect("goes");
    }
}

/// Kills a process and waits until all of it is gone. What it has locked may be locked for a moment after `/proc` shows no
/// command of it any more.
pub fn kill_process(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).expect("a pid");
    let process = pidfd_open(pid, PidfdFlags::empty()).expect("is there");
    pidfd_send_signal(&process, Signal::KILL).expect("is killed");
    let timeout = Timespec::try_from(deadline()).expect("fits");
    let ended = poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&timeout));
    assert_eq!(ended, Ok(1), "process {pid:?} has not ended in time");
}

/// Runs a program to its end, which has to be a good one; returns what it writes.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| {
        panic!("cannot run {:?}: {error}; `make test` installs it", command.get_program())
    });
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Has the keeper of a test that gives engines something to begin with execute them, so that they come by where that is
/// looked for. Keepers of other tests fork them, as those of users do.
pub fn execute_engines_if_asked() {
    let args: Vec<String> = std::env::args().collect();
    let [role, sandbox] = args.as_slice() else { return };
    // The test's directory holds the runtime's, and that `run/sandboxes/UID`.
    let Some(test) = Path::new(sandbox).ancestors().nth(4) else { return };
    if role == "pod-keeper" && [REGISTRIES, pace::HOLD].iter().any(|own| test.join(own).exists()) {
        pod_sandbox::init();
    }
}

/// Where a test says how registries are reached, beside the directory of the runtime.
const REGISTRIES: &str = "own/registries.conf";

/// Has an engine reach registries as its test says. A test cannot do that with its own environment, which it shares with
/// those that run beside it.
pub fn use_registries() {
    const VARIABLE: &str = "CONTAINERS_REGISTRIES_CONF";
    let args: Vec<String> = std::env::args().collect();
    let [role, root, rest @ ..] = args.as_slice() else { return };
    let Some(file) = Path::new(root).parent().map(|test| test.join(REGISTRIES)) else { return };
    if role == "pod-supervise" && file.exists() && std::env::var_os(VARIABLE).is_none() {
        let mut again = Command::new("/proc/self/exe");
        let error = again.arg0(role).arg(root).args(rest).env(VARIABLE, file).exec();
        panic!("cannot execute itself again: {error}");
    }
}

impl Host {
    /// Has the test's engines reach registries as a `registries.conf` says.
    pub fn set_registries(&self, configuration: &str) {
        self.dir("");
        fs::write(self.root.join(REGISTRIES), configuration).expect("a file can be written");
    }
}
