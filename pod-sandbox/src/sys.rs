//! The system calls that no safe crate offers, each behind a safe function. The only place with `unsafe` code.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::libc;
use nix::sys::signal::{SigHandler, Signal};
use nix::unistd::Pid;

/// Which side of a fork runs.
#[derive(Debug)]
pub(crate) enum Fork {
    Parent { pid: Pid, pidfd: OwnedFd },
    Child,
}

/// Not taken from libc, where it has too small a type.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// Namespaces that a new process gets for itself.
pub(crate) type NewNamespaces = nix::sched::CloneFlags;

/// Forks this process, with new namespaces, straight into a cgroup v2 where one is named.
///
/// Only a single-threaded process may call this: the C library's fork handlers do not run.
pub(crate) fn fork(
    namespaces: NewNamespaces,
    cgroup: Option<BorrowedFd<'_>>,
    sibling: bool,
) -> io::Result<Fork> {
    debug_assert_eq!(threads(), 1, "fork from a process with threads");
    let mut pidfd: libc::c_int = -1;
    let mut flags = namespaces.bits() as u64 | libc::CLONE_PIDFD as u64;
    if cgroup.is_some() {
        flags |= CLONE_INTO_CGROUP;
    }
    if sibling {
        flags |= libc::CLONE_PARENT as u64;
    }
    let mut args = libc::clone_args {
        flags,
        pidfd: &raw mut pidfd as u64,
        child_tid: 0,
        parent_tid: 0,
        // With CLONE_PARENT the exit signal is that of the caller itself and must not be given.
        exit_signal: if sibling { 0 } else { libc::SIGCHLD as u64 },
        stack: 0,
        stack_size: 0,
        tls: 0,
        set_tid: 0,
        set_tid_size: 0,
        cgroup: cgroup.map_or(0, |fd| fd.as_raw_fd() as u64),
    };
    // SAFETY: `args` is valid and the process has one thread, so the child's copy of memory is consistent; no memory is
    // shared (no CLONE_VM). No safe call offers CLONE_PIDFD, CLONE_INTO_CGROUP and namespaces at once.
    let r =
        unsafe { libc::syscall(libc::SYS_clone3, &raw mut args, size_of::<libc::clone_args>()) };
    match r {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Fork::Child),
        pid => {
            // SAFETY: the kernel stored a new descriptor, which nobody else owns.
            let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
            Ok(Fork::Parent { pid: Pid::from_raw(pid as i32), pidfd })
        }
    }
}

/// How many threads this process has.
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count)
}

/// Ends this process at once: no destructor, no buffer, no exit handler of the parent's copy runs.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: `_exit` has no precondition; `std::process::exit` would run the parent's exit handlers.
    unsafe { libc::_exit(code) }
}

/// A descriptor for a process that is known not to have been reaped: a child, or the caller.
pub(crate) fn pidfd_open(pid: Pid) -> io::Result<OwnedFd> {
    // SAFETY: no pointer is passed; the result is a new descriptor or -1. nix has no such call.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a new descriptor, which nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// Sends a signal to exactly the process behind the descriptor.
pub(crate) fn pidfd_signal(pidfd: BorrowedFd<'_>, signal: i32) -> io::Result<()> {
    // SAFETY: a null siginfo is allowed. nix has no such call.
    let r = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            signal,
            std::ptr::null::<()>(),
            0,
        )
    };
    if r < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// How the child behind the descriptor ended, which reaps it; `None` when it has not and is not waited for.
pub(crate) fn wait_pidfd(
    pidfd: BorrowedFd<'_>,
    wait: bool,
) -> io::Result<Option<std::process::ExitStatus>> {
    use std::os::unix::process::ExitStatusExt;
    let flags = libc::WEXITED | if wait { 0 } else { libc::WNOHANG };
    let mut info = std::mem::MaybeUninit::<libc::siginfo_t>::zeroed();
    // SAFETY: `info` is valid for writes; zeros are a siginfo. nix has a call that fails for real-time signals.
    let (r, info) = unsafe {
        let r =
            libc::waitid(libc::P_PIDFD, pidfd.as_raw_fd() as libc::id_t, info.as_mut_ptr(), flags);
        (r, info.assume_init())
    };
    if r < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: filled in for a child, else all zeros.
    let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
    // The form of wait(2): the code in the second byte, a signal in the first.
    let raw = if info.si_code == libc::CLD_EXITED { (status & 0xff) << 8 } else { status & 0x7f };
    Ok((pid != 0).then(|| std::process::ExitStatus::from_raw(raw)))
}

/// Reads a number through `prctl` or sets one; `args` are passed as they are.
fn prctl(option: libc::c_int, args: [libc::c_ulong; 4]) -> io::Result<()> {
    // SAFETY: only options that take numbers are passed by the functions below.
    let r = unsafe { libc::prctl(option, args[0], args[1], args[2], args[3]) };
    if r < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Has orphaned descendants handed to this process instead of pid 1.
pub(crate) fn become_subreaper() -> io::Result<()> {
    prctl(libc::PR_SET_CHILD_SUBREAPER, [1, 0, 0, 0])
}

/// Closes `/proc/PID` and ptrace to processes that are no root of the host.
pub(crate) fn set_undumpable() -> io::Result<()> {
    prctl(libc::PR_SET_DUMPABLE, [0; 4])
}

/// Has this process killed when the thread that made it ends.
pub(crate) fn die_with_parent() -> io::Result<()> {
    prctl(libc::PR_SET_PDEATHSIG, [libc::SIGKILL as libc::c_ulong, 0, 0, 0])
}

/// Makes setuid programs and file capabilities ineffective for ever.
pub(crate) fn set_no_new_privileges() -> io::Result<()> {
    prctl(libc::PR_SET_NO_NEW_PRIVS, [1, 0, 0, 0])
}

/// Keeps the permitted capabilities over a change of user.
pub(crate) fn keep_capabilities() -> io::Result<()> {
    prctl(libc::PR_SET_KEEPCAPS, [1, 0, 0, 0])
}

/// Removes a capability from the bounding set; one that the kernel does not know is not an error.
pub(crate) fn drop_bounding(capability: u8) -> io::Result<()> {
    match prctl(libc::PR_CAPBSET_DROP, [libc::c_ulong::from(capability), 0, 0, 0]) {
        Err(e) if e.raw_os_error() == Some(libc::EINVAL) => Ok(()),
        result => result,
    }
}

/// Empties the ambient set.
pub(crate) fn clear_ambient() -> io::Result<()> {
    prctl(libc::PR_CAP_AMBIENT, [libc::PR_CAP_AMBIENT_CLEAR_ALL as libc::c_ulong, 0, 0, 0])
}

#[repr(C)]
struct CapHeader {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CapData {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

const CAPABILITY_VERSION_3: u32 = 0x2008_0522;

/// The caller's permitted capabilities as a bit mask.
pub(crate) fn permitted_capabilities() -> io::Result<u64> {
    let mut header = CapHeader { version: CAPABILITY_VERSION_3, pid: 0 };
    let mut data = [CapData::default(); 2];
    // SAFETY: version 3 reads the header and fills two elements. nix has no such call.
    let r = unsafe { libc::syscall(libc::SYS_capget, &raw mut header, data.as_mut_ptr()) };
    if r < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(u64::from(data[0].permitted) | u64::from(data[1].permitted) << 32)
}

/// Sets the caller's effective and permitted capabilities to `mask` and empties the inheritable set.
pub(crate) fn set_capabilities(mask: u64) -> io::Result<()> {
    let mut header = CapHeader { version: CAPABILITY_VERSION_3, pid: 0 };
    let half = |bits: u32| CapData { effective: bits, permitted: bits, inheritable: 0 };
    let data = [half(mask as u32), half((mask >> 32) as u32)];
    // SAFETY: version 3 reads the header and two elements. nix has no such call.
    let r = unsafe { libc::syscall(libc::SYS_capset, &raw mut header, data.as_ptr()) };
    if r < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// One instruction of a classic BPF program, as the kernel reads it.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Instruction {
    pub code: u16,
    pub jt: u8,
    pub jf: u8,
    pub k: u32,
}

/// Puts a seccomp filter on the calling thread, for ever.
pub(crate) fn load_filter(program: &[Instruction]) -> io::Result<()> {
    #[repr(C)]
    struct Program {
        len: u16,
        filter: *const Instruction,
    }
    let len =
        u16::try_from(program.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let program = Program { len, filter: program.as_ptr() };
    // SAFETY: `program` points to `len` instructions in the kernel's layout. No safe call loads a filter.
    let r = unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program)
    };
    if r < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Marks every descriptor from `first` on to be closed by the next exec.
pub(crate) fn close_on_exec_from(first: u32) -> io::Result<()> {
    // SAFETY: no memory is passed; descriptors stay open. nix has no such call.
    let r =
        unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if r < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Closes every descriptor from `first` on. None of them may be in use.
pub(crate) fn close_from(first: u32) -> io::Result<()> {
    // SAFETY: called before this process has opened anything of its own. nix has no such call.
    let r = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) };
    if r < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Executes the file behind a descriptor.
pub(crate) fn exec_fd(fd: BorrowedFd<'_>, argv: &[CString], env: &[CString]) -> io::Error {
    let pointers = |list: &[CString]| -> Vec<*const libc::c_char> {
        list.iter().map(|s| s.as_ptr()).chain([std::ptr::null()]).collect()
    };
    let (argv, env) = (pointers(argv), pointers(env));
    let flags = libc::AT_EMPTY_PATH;
    // SAFETY: both lists are null-terminated and live over the call, which returns only on failure.
    unsafe {
        libc::syscall(
            libc::SYS_execveat,
            fd.as_raw_fd(),
            c"".as_ptr(),
            argv.as_ptr(),
            env.as_ptr(),
            flags,
        )
    };
    io::Error::last_os_error()
}

/// A detached copy of the mount at `path`, or at `dir` itself when it is empty; all of it when `recursive`.
pub(crate) fn open_tree(dir: BorrowedFd<'_>, path: &CStr, recursive: bool) -> io::Result<OwnedFd> {
    let mut flags = libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC;
    if path.is_empty() {
        flags |= libc::AT_EMPTY_PATH as u32;
    }
    if recursive {
        flags |= libc::AT_RECURSIVE as u32;
    }
    // SAFETY: `path` is a C string; the result is a new descriptor or -1. nix has no such call.
    let fd = unsafe { libc::syscall(libc::SYS_open_tree, dir.as_raw_fd(), path.as_ptr(), flags) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a new descriptor, which nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// Makes a mount read-only, all that is mounted below it too when `recursive`.
pub(crate) fn make_readonly(mount: BorrowedFd<'_>, recursive: bool) -> io::Result<()> {
    set_mount(mount, MountChange { attr_set: libc::MOUNT_ATTR_RDONLY, ..UNCHANGED }, recursive)
}

/// Has nothing that is mounted elsewhere appear in a tree of mounts, nor the other way round.
pub(crate) fn make_private(mount: BorrowedFd<'_>) -> io::Result<()> {
    set_mount(mount, MountChange { propagation: libc::MS_PRIVATE, ..UNCHANGED }, true)
}

/// Has files show other owners through a detached mount: those that a user namespace has for them. What is mounted below
/// stays as it is.
pub(crate) fn map_owners(mount: BorrowedFd<'_>, users: BorrowedFd<'_>) -> io::Result<()> {
    let userns_fd = users.as_raw_fd() as u64;
    let change = MountChange { attr_set: libc::MOUNT_ATTR_IDMAP, userns_fd, ..UNCHANGED };
    set_mount(mount, change, false)
}

type MountChange = libc::mount_attr;

const UNCHANGED: MountChange =
    MountChange { attr_set: 0, attr_clr: 0, propagation: 0, userns_fd: 0 };

fn set_mount(mount: BorrowedFd<'_>, attr: MountChange, recursive: bool) -> io::Result<()> {
    let flags = libc::AT_EMPTY_PATH as u32 | if recursive { libc::AT_RECURSIVE as u32 } else { 0 };
    let size = size_of::<libc::mount_attr>();
    // SAFETY: `attr` is valid for `size` bytes. nix has no such call.
    let r = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attr,
            size,
        )
    };
    if r < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Attaches a detached mount at the directory or file behind `target`.
pub(crate) fn attach_mount(mount: BorrowedFd<'_>, target: BorrowedFd<'_>) -> io::Result<()> {
    const MOVE_MOUNT_F_EMPTY_PATH: libc::c_uint = 0x4;
    const MOVE_MOUNT_T_EMPTY_PATH: libc::c_uint = 0x40;
    let (from, to) = (mount.as_raw_fd(), target.as_raw_fd());
    let flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
    // SAFETY: both paths are empty C strings. nix has no such call.
    let r =
        unsafe { libc::syscall(libc::SYS_move_mount, from, c"".as_ptr(), to, c"".as_ptr(), flags) };
    if r < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The commands of `bpf(2)` that device rules need.
pub(crate) fn bpf_load_device_program(instructions: &[u64]) -> io::Result<OwnedFd> {
    #[repr(C)]
    struct Load {
        program_type: u32,
        count: u32,
        instructions: u64,
        license: u64,
        log_level: u32,
        log_size: u32,
        log_buf: u64,
        kernel_version: u32,
        flags: u32,
    }
    const BPF_PROG_LOAD: libc::c_int = 5;
    const BPF_PROG_TYPE_CGROUP_DEVICE: u32 = 15;
    let load = Load {
        program_type: BPF_PROG_TYPE_CGROUP_DEVICE,
        count: instructions.len() as u32,
        instructions: instructions.as_ptr() as u64,
        license: c"Apache-2.0".as_ptr() as u64,
        log_level: 0,
        log_size: 0,
        log_buf: 0,
        kernel_version: 0,
        flags: 0,
    };
    // SAFETY: `load` is the prefix of `union bpf_attr` for this command and its pointers live over the call.
    let fd =
        unsafe { libc::syscall(libc::SYS_bpf, BPF_PROG_LOAD, &raw const load, size_of::<Load>()) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a new descriptor, which nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// Attaches a device program to a cgroup v2.
pub(crate) fn bpf_attach_device_program(
    cgroup: BorrowedFd<'_>,
    program: BorrowedFd<'_>,
) -> io::Result<()> {
    #[repr(C)]
    struct Attach {
        target: u32,
        program: u32,
        attach_type: u32,
        flags: u32,
    }
    const BPF_PROG_ATTACH: libc::c_int = 8;
    const BPF_CGROUP_DEVICE: u32 = 6;
    const BPF_F_ALLOW_MULTI: u32 = 2;
    let attach = Attach {
        target: cgroup.as_raw_fd() as u32,
        program: program.as_raw_fd() as u32,
        attach_type: BPF_CGROUP_DEVICE,
        flags: BPF_F_ALLOW_MULTI,
    };
    // SAFETY: `attach` is the prefix of `union bpf_attr` for this command.
    let r = unsafe {
        libc::syscall(libc::SYS_bpf, BPF_PROG_ATTACH, &raw const attach, size_of::<Attach>())
    };
    if r < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Has writing where nobody reads be an error and not the end of this process, as in every Rust program.
pub(crate) fn ignore_broken_pipes() -> io::Result<()> {
    // SAFETY: to ignore a signal runs no code of ours.
    unsafe { nix::sys::signal::signal(Signal::SIGPIPE, SigHandler::SigIgn) }?;
    Ok(())
}

/// Gives this process another environment. It must have one thread.
pub(crate) fn set_environment(variables: impl IntoIterator<Item = (String, String)>) {
    let old: Vec<_> = std::env::vars_os().map(|(name, _)| name).collect();
    // SAFETY: there is no other thread that could read the environment meanwhile.
    unsafe {
        old.into_iter().for_each(|name| std::env::remove_var(name));
        variables.into_iter().for_each(|(name, value)| std::env::set_var(name, value));
    }
}

/// Names the calling process, for those who look at a list of them.
pub(crate) fn set_name(name: &CStr) -> io::Result<()> {
    // SAFETY: the name is a C string, which the kernel copies.
    let r = unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
    if r < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// A C string; an inner NUL ends it, as it would in the kernel.
pub(crate) fn c_string(text: impl AsRef<[u8]>) -> CString {
    let bytes = text.as_ref();
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    CString::new(&bytes[..end]).unwrap_or_default()
}

/// Gives every signal its default action, those too that the C library keeps for itself: a caller may have ignored them.
pub(crate) fn set_default_actions() {
    /// As long as the kernel's structure on every architecture: handler, flags, restorer, mask.
    const DEFAULT: [u64; 4] = [0; 4];
    for signal in 1..=64 {
        let none = std::ptr::null_mut::<u64>();
        // SAFETY: zeros are the default action, which runs no code of ours; the structure is read only. KILL and STOP,
        // which cannot be changed, have it anyway. nix reaches the standard signals only.
        unsafe {
            libc::syscall(libc::SYS_rt_sigaction, signal, DEFAULT.as_ptr(), none, size_of::<u64>())
        };
    }
}

/// Makes `number` a copy of `fd` that survives an exec.
pub(crate) fn duplicate_to(fd: BorrowedFd<'_>, number: i32) -> nix::Result<()> {
    let fd = fd.as_raw_fd();
    // SAFETY: no memory is passed. The standard descriptors belong to nobody in a process that is about to execute
    // another program; nix would take and close them.
    let r = unsafe {
        if fd == number { libc::fcntl(number, libc::F_SETFD, 0) } else { libc::dup2(fd, number) }
    };
    nix::errno::Errno::result(r).map(drop)
}

/// Takes ownership of a descriptor that the kernel has just put into a received message.
pub(crate) fn own_received(fd: std::os::fd::RawFd) -> OwnedFd {
    // SAFETY: recvmsg made the descriptor for this process and hands it out once.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// Lets the inner side of a terminal be opened.
pub(crate) fn unlock_terminal(outer: BorrowedFd<'_>) -> io::Result<()> {
    let locked: libc::c_int = 0;
    // SAFETY: the kernel reads one int. nix has it only for terminals that it has opened itself.
    let r = unsafe { libc::ioctl(outer.as_raw_fd(), libc::TIOCSPTLCK as _, &raw const locked) };
    if r < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Opens the inner side of a terminal by its outer one, whatever lies at its path.
pub(crate) fn inner_terminal(outer: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: no memory is passed; the result is a new descriptor or -1. nix has no such call.
    let fd = unsafe { libc::ioctl(outer.as_raw_fd(), libc::TIOCGPTPEER as _, flags) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a new descriptor, which nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Makes a terminal the controlling one of the session that this process leads.
pub(crate) fn control_terminal(inner: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: no memory is passed. nix has no such call.
    let r = unsafe { libc::ioctl(inner.as_raw_fd(), libc::TIOCSCTTY as _, 0) };
    if r < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The rows and columns of a terminal.
pub(crate) fn window_size(terminal: BorrowedFd<'_>) -> io::Result<(u16, u16)> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the kernel fills in the structure. nix has no such call.
    let r = unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCGWINSZ as _, &raw mut size) };
    if r < 0 { Err(io::Error::last_os_error()) } else { Ok((size.ws_row, size.ws_col)) }
}

/// Sets the rows and columns of a terminal.
pub(crate) fn set_window_size(terminal: BorrowedFd<'_>, rows: u16, columns: u16) -> io::Result<()> {
    let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the kernel reads the structure. nix has no such call.
    let r = unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSWINSZ as _, &raw const size) };
    if r < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
