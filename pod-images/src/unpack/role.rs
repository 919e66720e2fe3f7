//! The process that unpacks one layer, shut in with nothing but the directory it writes to.
//!
//! It is told where to write, reads the packed layer from its standard input, and answers with one line of JSON.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::fcntl::{OFlag, open};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;
use nix::sys::stat::{Mode, umask};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};
use serde::{Deserialize, Serialize};

use super::archive::{Archive, ArchiveError};
use super::fault::TreeError;
use super::inflate::Inflating;
use super::limits::Limits;
use super::tree::{Totals, Tree};
use crate::digest::Digest;

/// The name a process is executed by when it is to unpack a layer.
pub(crate) const ROLE: &str = "pod-unpack";

/// What the process is told, as its one argument.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    /// The empty directory to unpack to, without links in its path.
    pub target: std::path::PathBuf,
    /// The process that asks.
    pub parent: u32,
    /// The length of the packed layer.
    pub packed: u64,
    pub diff_id: Digest,
    pub inflated: u64,
    pub entries: u64,
}

/// What the process answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    Done {
        entries: u64,
        bytes: u64,
    },
    /// What was inflated is something else.
    Mismatch {
        found: Digest,
    },
    /// The archive is not one that is unpacked.
    Refused {
        why: String,
    },
    /// The system failed.
    Failed {
        step: String,
        errno: i32,
    },
}

impl From<TreeError> for Answer {
    fn from(error: TreeError) -> Self {
        match error {
            TreeError::Archive(ArchiveError::Read { source }) => match source.raw_os_error() {
                Some(errno) => Self::Failed { step: "read the layer".to_owned(), errno },
                None => Self::Refused { why: format!("it cannot be inflated: {source}") },
            },
            TreeError::System { ref source, .. } => Self::Failed {
                step: error.to_string().trim_start_matches("cannot ").to_owned(),
                errno: source.raw_os_error().unwrap_or(0),
            },
            refused => Self::Refused { why: refused.to_string() },
        }
    }
}

/// Unpacks what standard input holds, and ends the process.
pub(crate) fn run(order: Option<&OsStr>) -> ! {
    let order = order.and_then(OsStr::to_str).and_then(|text| serde_json::from_str(text).ok());
    let Some(order) = order else { std::process::exit(2) };
    let answer = match enter(&order) {
        Ok(root) => unpack(root, &order),
        Err((step, errno)) => Answer::Failed { step: step.to_owned(), errno: errno as i32 },
    };
    let told = serde_json::to_writer(io::stdout().lock(), &answer).map_err(io::Error::from);
    let told = told.and_then(|()| io::stdout().lock().write_all(b"\n"));
    std::process::exit(if told.is_ok() { 0 } else { 1 })
}

/// Shuts this process in, and returns its root directory. Says which step has failed.
fn enter(order: &Order) -> Result<OwnedFd, (&'static str, nix::errno::Errno)> {
    let step = |name| move |errno| (name, errno);
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).map_err(step("ask for the parent's end"))?;
    if nix::unistd::getppid().as_raw() != i32::try_from(order.parent).unwrap_or(0) {
        return Err(("work for a process that has ended", nix::errno::Errno::ESRCH));
    }
    close_others().map_err(step("close descriptors"))?;
    umask(Mode::empty());
    setrlimit(Resource::RLIMIT_CORE, 0, 0).map_err(step("forbid core dumps"))?;
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWIPC)
        .map_err(step("leave the host's namespaces"))?;
    let none = None::<&Path>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
        .map_err(step("keep mounts to itself"))?;
    mount(Some(&order.target), &order.target, none, MsFlags::MS_BIND, none)
        .map_err(step("bind the directory"))?;
    // The devices and programs of the layer are made here, and opened and run elsewhere.
    let inert = MsFlags::MS_NODEV | MsFlags::MS_NOEXEC | MsFlags::MS_NOSUID;
    mount(none, &order.target, none, MsFlags::MS_REMOUNT | MsFlags::MS_BIND | inert, none)
        .map_err(step("make the directory inert"))?;
    nix::unistd::chdir(&order.target).map_err(step("enter the directory"))?;
    nix::unistd::pivot_root(".", ".").map_err(step("make the directory its root"))?;
    umount2(".", MntFlags::MNT_DETACH).map_err(step("let go of the host's files"))?;
    nix::unistd::chdir("/").map_err(step("enter its root"))?;
    nix::sys::prctl::set_no_new_privs().map_err(step("give up new privileges"))?;
    // To own, write and change any file, to make devices, to set file capabilities, and for overlayfs' attributes.
    let kept = CapabilitySet::CHOWN
        | CapabilitySet::DAC_OVERRIDE
        | CapabilitySet::FOWNER
        | CapabilitySet::FSETID
        | CapabilitySet::MKNOD
        | CapabilitySet::SETFCAP
        | CapabilitySet::SYS_ADMIN;
    let inheritable = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: kept, permitted: kept, inheritable })
        .map_err(|errno| {
            ("drop capabilities", nix::errno::Errno::from_raw(errno.raw_os_error()))
        })?;
    open("/", OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
        .map_err(step("open its root"))
}

/// Closes what the parent may have left open beside the three standard descriptors.
fn close_others() -> nix::Result<()> {
    let open: Vec<i32> = std::fs::read_dir("/proc/self/fd")
        .map_err(|e| nix::errno::Errno::from_raw(e.raw_os_error().unwrap_or(0)))?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|fd| *fd > 2)
        .collect();
    for fd in open {
        // The one that listed them is among them, and closed by now.
        let _ = nix::unistd::close(fd);
    }
    Ok(())
}

fn unpack(root: OwnedFd, order: &Order) -> Answer {
    let limits = Limits { inflated: order.inflated, entries: order.entries };
    let unpacked = || -> Result<(Totals, Digest), TreeError> {
        let read = |source| TreeError::Archive(ArchiveError::Read { source });
        let input = Inflating::start(io::stdin(), &order.diff_id, limits.inflated).map_err(read)?;
        let mut archive = Archive::new(input);
        let totals = Tree::new(root, order.packed, limits).unpack(&mut archive)?;
        let found = archive.into_inner().finish().map_err(read)?;
        Ok((totals, found))
    };
    match unpacked() {
        Ok((_, found)) if found != order.diff_id => Answer::Mismatch { found },
        Ok((Totals { entries, bytes }, _)) => Answer::Done { entries, bytes },
        Err(error) => error.into(),
    }
}
