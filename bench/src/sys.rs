//! System calls that have no safe wrapper.
#![allow(unsafe_code)] // clone3, pidfd_open, capset and execve of ready strings have no safe call.

use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sched::CloneFlags;
use nix::unistd::Pid;

/// A child of this process.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) pid: Pid,
    pub(crate) pidfd: OwnedFd,
}

const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// Makes a child in new `namespaces`, and in `cgroup` where one is given, that runs
/// `body` and exits with its result. The child is killed when the caller's thread ends.
///
/// The program must have a single thread: the child has a copy of that one alone,
/// and a lock that another one held would stay locked in it.
pub(crate) fn clone3(
    namespaces: CloneFlags,
    cgroup: Option<BorrowedFd<'_>>,
    body: impl FnOnce() -> i32,
) -> Result<Child, Errno> {
    let mut pidfd: libc::c_int = -1;
    // SAFETY: all fields are integers, for which zero is a value.
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.flags = u64::from(namespaces.bits().cast_unsigned()) | libc::CLONE_PIDFD as u64;
    args.pidfd = (&raw mut pidfd).expose_provenance() as u64;
    args.exit_signal = libc::SIGCHLD as u64;
    if let Some(cgroup) = cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = cgroup.as_raw_fd() as u64;
    }
    // SAFETY: `args` and `pidfd` outlive the call. Without CLONE_VM and without a
    // stack the call is a fork: the child goes on here with a copy of everything.
    let result =
        unsafe { libc::syscall(libc::SYS_clone3, &raw mut args, size_of::<libc::clone_args>()) };
    match Errno::result(result)? {
        0 => {
            let _ = nix::sys::prctl::set_pdeathsig(nix::sys::signal::SIGKILL);
            let status = body();
            // SAFETY: it has no precondition. The copied parent's clean-up is not run.
            unsafe { libc::_exit(status) }
        }
        pid => {
            // SAFETY: on success the kernel has stored a new descriptor that nothing
            // else owns.
            let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
            Ok(Child { pid: Pid::from_raw(pid as i32), pidfd })
        }
    }
}

/// A descriptor that is readable once the child `pid`, not yet reaped, has ended.
pub(crate) fn pidfd_open(pid: u32) -> Result<OwnedFd, Errno> {
    // SAFETY: the call takes integers only.
    let fd = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    // SAFETY: a new descriptor that nothing else owns; it fits by its definition.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as libc::c_int) })
}

/// Reduces the process to the capabilities in `kept`, a mask by number.
pub(crate) fn limit_capabilities(kept: u64) -> Result<(), Errno> {
    #[repr(C)]
    struct Header {
        version: u32,
        pid: libc::c_int,
    }
    const VERSION_3: u32 = 0x2008_0522;
    for capability in 0..64_u64 {
        if kept & (1 << capability) == 0 {
            // SAFETY: the call takes integers only.
            let dropped = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
            match Errno::result(dropped) {
                Ok(_) => {}
                // Past the last one that the kernel knows.
                Err(Errno::EINVAL) => break,
                Err(errno) => return Err(errno),
            }
        }
    }
    let header = Header { version: VERSION_3, pid: 0 };
    let (low, high) = (kept as u32, (kept >> 32) as u32);
    // Effective, permitted, inheritable; for the low and then the high half.
    let data = [low, low, 0, high, high, 0];
    // SAFETY: version 3 reads one header and two records of three 32-bit masks.
    let result = unsafe { libc::syscall(libc::SYS_capset, &raw const header, data.as_ptr()) };
    Errno::result(result).map(drop)
}

/// Brings up `lo` in the network namespace of this process.
pub(crate) fn bring_up_loopback() -> Result<(), Errno> {
    // SAFETY: all fields are integers or arrays of them, for which zero is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: the call takes integers only.
    let fd = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    // SAFETY: a socket that was just made and that nothing else owns.
    let socket = unsafe { OwnedFd::from_raw_fd(Errno::result(fd)?) };
    // SAFETY: `request` is a whole `ifreq` that outlives the call, which reads it.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    Errno::result(result).map(drop)
}

/// Executes `path` with `argv`, both made beforehand; returns only on failure.
pub(crate) fn exec(path: &CStr, argv: &[&CStr]) -> Errno {
    let mut pointers: Vec<*const libc::c_char> = argv.iter().map(|arg| arg.as_ptr()).collect();
    pointers.push(std::ptr::null());
    let environment = [c"PATH=/usr/bin:/bin".as_ptr(), std::ptr::null()];
    // SAFETY: both lists end with a null pointer, and they and the strings they
    // point to outlive the call.
    unsafe { libc::execve(path.as_ptr(), pointers.as_ptr(), environment.as_ptr()) };
    Errno::last()
}
