//! A root directory for one test, and the command run in it.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Lines, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use pod_tests::network;

/// How long one command may take, in milliseconds.
const LIMIT_MS: u16 = 60_000;

/// How often it is looked whether something is left.
const PATIENCE: usize = 1000;

/// What a command did.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// A directory of its own for a test. Dropping it fails the test when anything of its pods is left.
#[derive(Debug)]
pub struct Host {
    dir: tempfile::TempDir,
}

impl Host {
    pub fn new() -> Self {
        assert!(nix::unistd::geteuid().is_root(), "these tests need root: run them with sudo");
        network::own_network();
        Self {
            dir: tempfile::Builder::new()
                .prefix("pod-cli-")
                .tempdir()
                .expect("a directory can be made"),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes the `registries.conf` for all commands from now on.
    pub fn set_registries(&self, text: &str) {
        fs::write(self.path("registries.conf"), text).expect("it can be written");
    }

    pub fn root(&self) -> PathBuf {
        self.path("root")
    }

    /// Writes a manifest and returns its path.
    pub fn manifest(&self, text: &str) -> String {
        let path = self.path("pod.yaml");
        fs::write(&path, text).expect("it can be written");
        path.to_str().expect("it is UTF-8").to_owned()
    }

    pub fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pod"));
        command
            .args(args)
            .env("POD_ROOT", self.root())
            .env("POD_NETWORK", "bridge")
            .env_remove("NO_COLOR")
            .stdin(Stdio::null());
        let registries = self.path("registries.conf");
        if registries.exists() {
            command.env("CONTAINERS_REGISTRIES_CONF", registries);
        }
        command
    }

    /// Runs a command to its end. The arguments are those of the line, split at blanks.
    pub fn pod(&self, line: &str) -> Ran {
        run(&mut self.command(line.split_whitespace()), b"")
    }

    /// As [`pod`](Self::pod), with arguments that hold blanks.
    pub fn pod_args(&self, args: &[&str]) -> Ran {
        run(&mut self.command(args), b"")
    }

    /// As [`pod`](Self::pod), with something to read.
    pub fn pod_with_input(&self, line: &str, input: &[u8]) -> Ran {
        run(self.command(line.split_whitespace()).stdin(Stdio::piped()), input)
    }

    /// Runs `apply` or `up` on a manifest.
    pub fn pod_on(&self, command: &str, manifest: &str) -> Ran {
        let file = self.manifest(manifest);
        self.pod(&format!("{command} -f {file}"))
    }

    /// Everything that is left of the test's pods. Images are not theirs.
    pub fn leftovers(&self) -> Vec<String> {
        let mut left = Vec::new();
        files(&self.root(), &mut left);
        let images = format!("file {}", self.root().join("data/images").display());
        left.retain(|file| !file.starts_with(&images));
        let root = self.root();
        let root = root.to_str().expect("it is UTF-8");
        for entry in fs::read_dir("/proc").expect("/proc is there").flatten() {
            let Ok(line) = fs::read_to_string(entry.path().join("cmdline")) else { continue };
            let mounts = fs::read_to_string(entry.path().join("mountinfo")).unwrap_or_default();
            if line.contains(root) || mounts.contains(root) {
                left.push(format!("process {:?}: {}", entry.file_name(), line.replace('\0', " ")));
            }
        }
        left.extend(network::leftovers());
        left
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if thread::panicking() {
            // So that a failed test leaves nothing either, and nobody makes its pods again.
            self.pod("delete deployments,jobs --all -A --cascade=orphan");
            for name in self.pod("get pods -A --no-headers").out.lines() {
                if let [namespace, name, ..] = name.split_whitespace().collect::<Vec<_>>()[..] {
                    self.pod(&format!("delete -n {namespace} {name} --force"));
                }
            }
            return;
        }
        // A pod's last process removes what is left of the pod, and then ends.
        let mut left = Vec::new();
        for _ in 0..PATIENCE {
            left = self.leftovers();
            if left.is_empty() {
                return;
            }
            thread::yield_now();
        }
        panic!("nothing may be left: {left:?}");
    }
}

fn files(dir: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files(&entry.path(), found),
            _ => found.push(format!("file {}", entry.path().display())),
        }
    }
}

/// Runs a command to its end, within a limit.
pub fn run(command: &mut Command, input: &[u8]) -> Ran {
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it can be executed");
    if let Some(mut stdin) = child.stdin.take() {
        // It may not read all of it.
        let _ = stdin.write_all(input);
    }
    end(child)
}

/// Waits for a command's end, within a limit, reading what it writes.
pub fn end(mut child: Child) -> Ran {
    let mut stderr = child.stderr.take().expect("it is piped");
    let err = thread::spawn(move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).map(|_| text)
    });
    let mut out = Vec::new();
    if let Some(stdout) = child.stdout.take()
        && let Err(error) = InTime(stdout).read_to_end(&mut out)
    {
        let _ = child.kill();
        panic!("it did not end in time: {error}; it wrote {}", String::from_utf8_lossy(&out));
    }
    let status = child.wait().expect("it can be waited for");
    let err = err.join().expect("no panic").expect("its messages are UTF-8");
    Ran { code: status.code().unwrap_or(-1), out: String::from_utf8_lossy(&out).into_owned(), err }
}

/// Lines of what a running command writes.
pub type LinesFrom<R> = Lines<BufReader<InTime<R>>>;

/// The lines of what a running command writes. That none comes for a long time is an error.
pub fn lines_from<R: Read + AsFd>(pipe: R) -> LinesFrom<R> {
    BufReader::new(InTime(pipe)).lines()
}

/// A pipe from which something has to come.
#[derive(Debug)]
pub struct InTime<R>(R);

impl<R: Read + AsFd> Read for InTime<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let mut fds = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::from(LIMIT_MS))? {
            0 => Err(ErrorKind::TimedOut.into()),
            _ => self.0.read(buffer),
        }
    }
}

/// Reads lines of a running command until one satisfies the test.
pub fn read_until(
    lines: &mut impl Iterator<Item = std::io::Result<String>>,
    mut wanted: impl FnMut(&str) -> bool,
) {
    let mut seen = Vec::new();
    for line in lines {
        let line = line.unwrap_or_else(|error| panic!("{error}, after {seen:?}"));
        if wanted(&line) {
            return;
        }
        seen.push(line);
    }
    panic!("it ended after {seen:?}");
}

/// Waits until something holds. It is asked again when time has passed, since nothing tells.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let began = std::time::Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_millis(LIMIT_MS.into()), "{what}");
        thread::yield_now();
    }
}

/// A pod of one container that runs a shell script.
pub fn script(script: &str, policy: &str) -> String {
    let script = serde_json::Value::from(script);
    format!(
        "apiVersion: v1
kind: Pod
metadata: {{name: web}}
spec:
  restartPolicy: {policy}
  terminationGracePeriodSeconds: 2
  containers:
  - {{name: app, image: pod.local/host, command: [sh, -c, {script}]}}
"
    )
}

/// A pod that runs until it is stopped, and then says so.
pub fn server() -> String {
    script("trap 'echo bye; exit 0' TERM; echo hello; sleep 1000 & wait", "Always")
}
