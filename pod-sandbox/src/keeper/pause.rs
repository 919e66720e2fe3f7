//! The pause process: the first one of a sandbox, which holds its namespaces.
//!
//! Made by plain system calls, not by libcontainer: it has no root of its own, no mounts and no user to prepare, and a
//! pod's start waits for it (`docs/design/pause.md`).

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use nix::fcntl::{FcntlArg, OFlag, SealFlag, fcntl};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::{Gid, Pid, Uid, chdir, pivot_root, setgroups, sethostname, setresgid, setresuid};

use super::children;
use super::entry::{self, EntryError};
use super::tether::Tether;
use super::users::{self, Users};
use crate::cgroup::Hierarchy;
use crate::config::SandboxConfig;
use crate::sys::{self, Fork};
use crate::sysctl;

/// The program that `build.rs` compiled from `pause/pause.rs`.
const PROGRAM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/pause"));

/// Who it runs as, the same as the pause images of container runtimes.
const USER: u32 = 65535;

/// The process that holds a sandbox's namespaces.
#[derive(Debug)]
pub(super) struct Pause {
    pub pid: Pid,
    pub pidfd: OwnedFd,
    /// The users that its namespaces belong to, when they are not the host's.
    pub users: Option<Users>,
}

/// A pause process that has its namespaces but may not have come to its program yet.
#[derive(Debug)]
pub(super) struct Nascent {
    pause: Pause,
    report: OwnedFd,
}

impl Nascent {
    /// Waits until it has executed its program.
    pub fn ready(self) -> io::Result<Pause> {
        match entry::read_report(&self.report) {
            None => Ok(self.pause),
            Some(error) => Err(io::Error::other(error.message)),
        }
    }

    /// Ends it, wherever it is. It may not be found by its cgroup yet.
    pub fn give_up(self) {
        let _ = sys::pidfd_signal(self.pause.pidfd.as_fd(), nix::libc::SIGKILL);
        children::wait_for(self.pause.pidfd.as_fd());
    }
}

impl Pause {
    /// Starts it with new namespaces, but for the network's when there is one already, in the cgroup `cgroup`, which exists.
    ///
    /// `root` is an empty directory, over which it mounts its own, empty root.
    pub fn spawn(
        config: &SandboxConfig,
        network: Option<OwnedFd>,
        hierarchy: &Hierarchy,
        cgroup: &Path,
        root: &Path,
        tether: &Tether,
    ) -> io::Result<Nascent> {
        let program = memfd_create("pause", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?;
        File::from(program.try_clone()?).write_all(PROGRAM)?;
        fcntl(&program, FcntlArg::F_ADD_SEALS(SealFlag::all()))?;

        let mut namespaces =
            CloneFlags::CLONE_NEWIPC | CloneFlags::CLONE_NEWUTS | CloneFlags::CLONE_NEWNS;
        if !config.host_network && network.is_none() {
            namespaces |= CloneFlags::CLONE_NEWNET;
        }
        if config.share_pid {
            namespaces |= CloneFlags::CLONE_NEWPID;
        }
        if config.users.is_some() {
            namespaces |= CloneFlags::CLONE_NEWUSER;
        }
        let target = hierarchy.clone_target(cgroup).map_err(io::Error::other)?;
        let (report, write_end) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
        let (word, word_end) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
        let forked = sys::fork(namespaces, target.as_ref().map(AsFd::as_fd), false);
        match forked.map_err(|e| explain(e, config))? {
            Fork::Parent { pid, pidfd } => {
                let mut nascent = Nascent { pause: Self { pid, pidfd, users: None }, report };
                match nascent.pause.let_go(config, &word_end) {
                    Ok(()) => Ok(nascent),
                    Err(error) => {
                        nascent.give_up();
                        Err(error)
                    }
                }
            }
            Fork::Child => {
                drop(word_end);
                let ready =
                    prepare(config, network.as_ref(), hierarchy, cgroup, root, tether, &word);
                let error = match ready {
                    Ok(()) => sys::exec_fd(program.as_fd(), &[sys::c_string("pause")], &[]),
                    Err(error) => error,
                };
                EntryError { message: error.to_string(), code: 128 }.report(&write_end);
                sys::exit_now(1)
            }
        }
    }

    /// Gives the process what it cannot take itself, and has it go on.
    fn let_go(&mut self, config: &SandboxConfig, word: &OwnedFd) -> io::Result<()> {
        // The kernel must not take the sandbox's holder first when the pod runs out of memory.
        let _ = std::fs::write(format!("/proc/{}/oom_score_adj", self.pid), "-998");
        self.users = config.users.map(|ids| Users::give(self.pid, ids)).transpose()?;
        nix::unistd::write(word, b"go")?;
        Ok(())
    }
}

/// Becomes what the program expects to be.
fn prepare(
    config: &SandboxConfig,
    network: Option<&OwnedFd>,
    hierarchy: &Hierarchy,
    cgroup: &Path,
    root: &Path,
    tether: &Tether,
    word: &OwnedFd,
) -> io::Result<()> {
    entry::reset_signals()?;
    tether.tie()?;
    await_users(word)?;
    if let Some(network) = network {
        setns(network, CloneFlags::CLONE_NEWNET)?;
    }
    nix::unistd::setsid()?;
    let null = OwnedFd::from(File::options().read(true).write(true).open("/dev/null")?);
    entry::set_stdio(&null, &null, &null)?;
    hierarchy.join(cgroup).map_err(io::Error::other)?;
    sethostname(&config.hostname)?;
    enter_empty(root)?;
    if config.users.is_some() {
        // Parameters belong to root of the namespaces, and the host's root is nobody there.
        users::become_root()?;
    }
    for (name, value) in &config.sysctls {
        set_sysctl(name, value)?;
    }
    leave_host()?;
    sys::close_on_exec_from(3)?;
    sys::set_no_new_privileges()?;
    for capability in 0..64 {
        sys::drop_bounding(capability)?;
    }
    setgroups(&[])?;
    let (uid, gid) = (Uid::from_raw(USER), Gid::from_raw(USER));
    setresgid(gid, gid, gid)?;
    setresuid(uid, uid, uid)?;
    tether.tie()
}

/// Sets a kernel parameter of this process's own namespaces.
fn set_sysctl(name: &str, value: &str) -> io::Result<()> {
    let path = Path::new("/proc/sys").join(sysctl::file(name));
    std::fs::write(path, value).map_err(|e| {
        let action = format!("cannot set the kernel parameter {name} to {value:?}: {e}");
        io::Error::new(e.kind(), action)
    })
}

/// A limit on user namespaces looks as if a disk were full.
fn explain(error: io::Error, config: &SandboxConfig) -> io::Error {
    match error.raw_os_error() {
        Some(nix::libc::ENOSPC) if config.users.is_some() => io::Error::other(
            "there may be no more namespaces: see /proc/sys/user/max_user_namespaces",
        ),
        _ => error,
    }
}

/// Waits until the user namespace that this process may have been born in has its ids.
fn await_users(word: &OwnedFd) -> io::Result<()> {
    match nix::unistd::read(word, &mut [0; 2])? {
        0 => Err(io::Error::other("the keeper has ended")),
        _ => Ok(()),
    }
}

/// Makes an empty root and enters it as the working directory.
fn enter_empty(root: &Path) -> io::Result<()> {
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)?;
    let flags = MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("tmpfs"), root, Some("tmpfs"), flags, Some("size=4k,mode=555"))?;
    Ok(chdir(root)?)
}

/// Makes the working directory the root, and leaves nothing of the host's files in sight.
fn leave_host() -> io::Result<()> {
    pivot_root(".", ".")?;
    umount2(".", MntFlags::MNT_DETACH)?;
    Ok(chdir("/")?)
}
