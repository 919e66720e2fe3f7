//! What tests share: directories, sandboxes and containers named after the test.

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use pod_sandbox::{
    ContainerConfig, ContainerId, Exit, Mount, Process, RootFs, Runtime, Sandbox, SandboxConfig,
    SandboxError, SandboxId,
};

/// Where containers find this program, which does what no shell command does: see `probe`.
pub const PROBE: &str = "/mnt/probe";

/// The place of one test.
#[derive(Debug)]
pub struct World {
    pub dir: PathBuf,
    pub runtime: Runtime,
    tag: String,
}

/// How a process ended and what it wrote.
#[derive(Debug)]
pub struct Output {
    pub exit: Exit,
    pub out: String,
    pub err: String,
}

pub fn id(name: &str) -> ContainerId {
    ContainerId::new(name).expect("valid")
}

pub fn sh(script: &str) -> Process {
    Process::new(["sh", "-c", script])
}

impl World {
    /// The place of the test that this process runs.
    pub fn of(process: u32, test: &str) -> Self {
        let tag = format!("test-{process}-{}", test.replace("::", "-"));
        let dir = fs::canonicalize(std::env::temp_dir()).expect("a directory").join(&tag);
        for sub in ["layers", "logs", "shared"] {
            fs::create_dir_all(dir.join(sub)).expect("makes");
        }
        let runtime = Runtime::open(dir.join("run")).expect("opens");
        Self { dir, runtime, tag }
    }

    /// The beginning of all names that a test gives.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    pub fn config(&self, name: &str) -> SandboxConfig {
        let mut config = SandboxConfig::new(SandboxId::new(name).expect("valid"));
        config.cgroup =
            PathBuf::from(pod_sandbox::CGROUP_ROOT).join(format!("{}-{name}", self.tag));
        config
    }

    pub fn sandbox(&self, name: &str) -> Sandbox {
        self.sandbox_with(name, |_| {})
    }

    pub fn sandbox_with(&self, name: &str, change: impl FnOnce(&mut SandboxConfig)) -> Sandbox {
        let mut config = self.config(name);
        change(&mut config);
        self.runtime.create(&config).expect("a sandbox")
    }

    pub fn layer(&self, sandbox: &Sandbox, name: &str) -> PathBuf {
        self.dir.join("layers").join(format!("{}-{name}", sandbox.id()))
    }

    pub fn log(&self, sandbox: &Sandbox, name: &str) -> PathBuf {
        self.dir.join("logs").join(format!("{}-{name}.log", sandbox.id()))
    }

    /// A container in this machine's own root, with a log and with this program at [`PROBE`].
    pub fn container(&self, sandbox: &Sandbox, name: &str, process: Process) -> ContainerConfig {
        let root = RootFs::Host { layer: self.layer(sandbox, name), mask: vec![] };
        let mut config = ContainerConfig::new(id(name), root, process);
        config.log = Some(self.log(sandbox, name));
        let probe = fs::read_link("/proc/self/exe").expect("a link");
        config.mounts.push(Mount {
            source: probe,
            destination: PROBE.into(),
            readonly: true,
            ..Mount::default()
        });
        config
    }

    /// Creates and starts it.
    pub fn start(&self, sandbox: &Sandbox, config: &ContainerConfig) -> Result<(), SandboxError> {
        sandbox.create_container(config)?;
        sandbox.start(&config.id)
    }

    /// One that runs until it is killed.
    pub fn idle(&self, sandbox: &Sandbox, name: &str) -> ContainerId {
        let config = self.container(sandbox, name, Process::new([PROBE, "probe", "wait"]));
        self.start(sandbox, &config).expect("starts");
        config.id
    }

    /// Runs a script to its end.
    pub fn run(&self, sandbox: &Sandbox, name: &str, script: &str) -> Output {
        self.run_config(sandbox, &self.container(sandbox, name, sh(script)))
    }

    pub fn run_process(&self, sandbox: &Sandbox, name: &str, process: Process) -> Output {
        self.run_config(sandbox, &self.container(sandbox, name, process))
    }

    pub fn run_config(&self, sandbox: &Sandbox, config: &ContainerConfig) -> Output {
        self.start(sandbox, config).expect("starts");
        let exit = sandbox.wait(&config.id).expect("ends");
        let text = fs::read_to_string(config.log.as_ref().expect("a log")).expect("reads");
        Output { exit, out: stream(&text, "stdout"), err: stream(&text, "stderr") }
    }

    /// Executes a command in a running container, to its end.
    pub fn exec(&self, sandbox: &Sandbox, name: &str, args: &[&str]) -> Output {
        let mut executing = sandbox.exec(&id(name), args.iter().copied(), false).expect("executes");
        let out = read(&mut executing.stdout);
        let err = read(&mut executing.stderr);
        Output { exit: executing.wait().expect("ends"), out, err }
    }

    pub fn exec_sh(&self, sandbox: &Sandbox, name: &str, script: &str) -> Output {
        self.exec(sandbox, name, &["sh", "-c", script])
    }

    /// Removes what is there, as a user would; returns what went wrong.
    pub fn remove_sandboxes(&self) -> Vec<String> {
        let ids = self.runtime.list().expect("lists");
        ids.iter()
            .filter_map(|id| self.runtime.remove(id).err())
            .map(|e| format!("after removal: {e}"))
            .collect()
    }

    /// Removes the test's own files, and notes those that should have gone before.
    pub fn remove_files(&self, left: &mut Vec<String>) -> PathBuf {
        for sub in ["run", "layers"] {
            let entries = fs::read_dir(self.dir.join(sub)).into_iter().flatten().flatten();
            left.extend(entries.map(|e| format!("file {}", e.path().display())));
        }
        let _ = fs::remove_dir_all(&self.dir);
        self.dir.clone()
    }

    /// After a test that failed: nothing must run on, and what it left is not the point.
    pub fn clear(&self) {
        for id in self.runtime.list().unwrap_or_default() {
            let log = fs::read_to_string(self.dir.join("run").join(id.as_str()).join("keeper.log"))
                .unwrap_or_default();
            log.lines().for_each(|l| crate::probe::print(format_args!("keeper of {id}: {l}")));
            let _ = self.runtime.remove(&id);
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// One stream of a log in the CRI format.
pub fn stream(log: &str, name: &str) -> String {
    let mut text = String::new();
    for line in log.lines() {
        let mut parts = line.splitn(4, ' ');
        let (_, stream, tag, content) = (parts.next(), parts.next(), parts.next(), parts.next());
        if stream == Some(name) {
            text.push_str(content.unwrap_or_default());
            if tag == Some("F") {
                text.push('\n');
            }
        }
    }
    text
}

pub fn read(pipe: &mut OwnedFd) -> String {
    let mut text = String::new();
    File::from(pipe.try_clone().expect("a copy")).read_to_string(&mut text).expect("reads");
    text
}

/// A file system on which setuid programs and device nodes count, which a temporary directory may not be, for as long
/// as `with` runs.
pub fn with_plain_files<T>(at: &Path, with: impl FnOnce() -> T) -> T {
    let flags = nix::mount::MsFlags::empty();
    nix::mount::mount(Some("tmpfs"), at, Some("tmpfs"), flags, None::<&str>).expect("mounts");
    let result = with();
    nix::mount::umount(at).expect("unmounts");
    result
}

/// A named pipe, through which a container says that it is ready.
pub fn fifo(path: &Path) {
    nix::unistd::mkfifo(path, nix::sys::stat::Mode::empty()).expect("makes");
    fs::set_permissions(path, fs::Permissions::from_mode(0o666)).expect("sets");
}
