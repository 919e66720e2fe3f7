//! A pause process and the containers beside it.

use std::convert::Infallible;
use std::error::Error;
use std::ffi::CStr;
use std::fs::{self, File};
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsFd;

use nix::sched::{CloneFlags, setns};
use nix::sys::signal::{SIGKILL, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout, pause, sethostname, setsid};
use tempfile::TempDir;

use super::cgroup::Cgroup;
use super::error::{FloorError, Step};
use super::root::Layers;
use crate::sys::{self, Child};

const SHARED: CloneFlags =
    CloneFlags::CLONE_NEWNET.union(CloneFlags::CLONE_NEWIPC).union(CloneFlags::CLONE_NEWUTS);
const OWN: CloneFlags = CloneFlags::CLONE_NEWNS.union(CloneFlags::CLONE_NEWPID);

/// The capabilities a container keeps by default, by number: CHOWN, DAC_OVERRIDE,
/// FOWNER, FSETID, KILL, SETGID, SETUID, SETPCAP, NET_BIND_SERVICE, NET_RAW,
/// SYS_CHROOT, MKNOD, AUDIT_WRITE and SETFCAP.
const CAPABILITIES: [u64; 14] = [0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31];

/// A running pod. Dropping it takes it down as well; `down` says what failed.
#[derive(Debug)]
pub struct Pod {
    processes: Vec<Child>,
    cgroups: Vec<Cgroup>,
    dir: Option<TempDir>,
}

impl Pod {
    /// Starts a pause process and `containers` containers, and returns when each has
    /// executed its program.
    ///
    /// The calling program must have a single thread.
    ///
    /// # Errors
    ///
    /// The first step that failed; nothing is left then.
    pub fn up(containers: usize) -> Result<Self, FloorError> {
        let dir = TempDir::with_prefix("pod-floor-").step("make a directory")?;
        let mut pod = Self { processes: Vec::new(), cgroups: Vec::new(), dir: Some(dir) };
        pod.start(containers)?;
        Ok(pod)
    }

    fn start(&mut self, containers: usize) -> Result<(), FloorError> {
        let Some(dir) = &self.dir else { return Ok(()) };
        let name = format!("pod-floor-{}", std::process::id());
        let null = File::options().read(true).write(true).open("/dev/null").step("open null")?;
        let (mut reports, report) = io::pipe().step("make a pipe")?;
        let namespaces = SHARED | CloneFlags::CLONE_NEWNS;
        let child = sys::clone3(namespaces, None, || run_pause(report)).step("start pause")?;
        self.processes.push(child);
        wait_until_closed(&mut reports)?;

        let (mut reports, report) = io::pipe().step("make a pipe")?;
        self.cgroups.push(Cgroup::of_pod(&name).step("make the pod's cgroup")?);
        for index in 0..containers {
            let name = format!("c{index}");
            let layers = Layers::make(&dir.path().join(&name)).step("make a root")?;
            let cgroup = Cgroup::of_container(&self.cgroups[0], &name).step("make a cgroup")?;
            let pause = &self.processes[0];
            let child = sys::clone3(OWN, cgroup.target(), || {
                let Err(error) = run_container(pause, &cgroup, &layers, &null);
                fail(&report, &error)
            });
            self.cgroups.push(cgroup);
            self.processes.push(child.step("start a container")?);
        }
        drop(report);
        wait_until_closed(&mut reports)
    }

    /// Runs `/bin/true` in the first container and waits for its end.
    ///
    /// # Errors
    ///
    /// The step that failed, or [`FloorError::Command`].
    pub fn exec(&self) -> Result<(), FloorError> {
        let ([_, container, ..], [_, cgroup, ..]) = (&self.processes[..], &self.cgroups[..]) else {
            return Err(FloorError::Command);
        };
        let own = File::open("/proc/self/ns/pid").step("open the pid namespace")?;
        // Only children are in the pid namespace that is entered here.
        setns(&container.pidfd, CloneFlags::CLONE_NEWPID).step("enter the pid namespace")?;
        let child = sys::clone3(CloneFlags::empty(), cgroup.target(), || {
            // The status says that it failed, which is all that is asked for.
            let Err(_) = run_command(container, cgroup);
            1
        });
        setns(&own, CloneFlags::CLONE_NEWPID).step("leave the pid namespace")?;
        let child = child.step("start a command")?;
        match waitpid(child.pid, None).step("wait for the command")? {
            WaitStatus::Exited(_, 0) => Ok(()),
            _ => Err(FloorError::Command),
        }
    }

    /// Kills every process and removes everything that was made.
    ///
    /// # Errors
    ///
    /// The first step that failed; the others are taken all the same.
    pub fn down(mut self) -> Result<(), FloorError> {
        self.clear()
    }

    fn clear(&mut self) -> Result<(), FloorError> {
        let mut result = Ok(());
        for child in &self.processes {
            result = result.and(kill(child.pid, SIGKILL).step("kill a process"));
        }
        for child in self.processes.drain(..) {
            result = result.and(waitpid(child.pid, None).map(drop).step("wait for a process"));
        }
        for mut cgroup in self.cgroups.drain(..).rev() {
            result = result.and(cgroup.remove().step("remove a cgroup"));
        }
        if let Some(dir) = self.dir.take() {
            result = result.and(fs::remove_dir_all(dir.path()).step("remove a directory"));
        }
        result
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        // Whoever wants to know what failed calls `down`.
        let _ = self.clear();
    }
}

fn run_pause(report: PipeWriter) -> i32 {
    let ready = || -> Result<(), FloorError> {
        sethostname("floor").step("set the host name")?;
        sys::bring_up_loopback().step("bring up loopback")
    };
    if let Err(error) = ready() {
        return fail(&report, &error);
    }
    drop(report);
    loop {
        pause();
    }
}

/// Becomes the container's program.
fn run_container(
    pause: &Child,
    cgroup: &Cgroup,
    layers: &Layers,
    null: &File,
) -> Result<Infallible, FloorError> {
    setsid().step("start a session")?;
    cgroup.join().step("join the cgroup")?;
    setns(&pause.pidfd, SHARED).step("join the pod's namespaces")?;
    dup2_stdin(null.as_fd()).step("redirect input")?;
    dup2_stdout(null.as_fd()).step("redirect output")?;
    dup2_stderr(null.as_fd()).step("redirect errors")?;
    layers.enter(&cgroup.dirs)?;
    exec(c"/bin/sleep", &[c"sleep", c"1000000"])
}

/// Becomes `/bin/true` in the container.
fn run_command(container: &Child, cgroup: &Cgroup) -> Result<Infallible, FloorError> {
    cgroup.join().step("join the cgroup")?;
    setns(&container.pidfd, SHARED | CloneFlags::CLONE_NEWNS).step("join the container")?;
    exec(c"/bin/true", &[c"true"])
}

fn exec(path: &CStr, argv: &[&CStr]) -> Result<Infallible, FloorError> {
    let kept = CAPABILITIES.iter().fold(0, |mask, capability| mask | 1 << capability);
    sys::limit_capabilities(kept).step("limit the capabilities")?;
    Err(sys::exec(path, argv)).step("execute the program")
}

/// Waits until every writer of the pipe has executed its program or has closed it.
fn wait_until_closed(reports: &mut PipeReader) -> Result<(), FloorError> {
    let mut text = String::new();
    reports.read_to_string(&mut text).step("read the reports")?;
    if text.is_empty() { Ok(()) } else { Err(FloorError::Container(text)) }
}

/// Reports why a process could not get ready; its exit status follows.
fn fail(mut report: &PipeWriter, error: &FloorError) -> i32 {
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    // With nobody left to read it there is nobody to tell.
    let _ = write!(report, "{error}: {cause}");
    1
}
