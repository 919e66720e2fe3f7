//! The interface ioctls of netdevice(7), files of other processes, and what a child does before it executes a program.
#![allow(unsafe_code)] // No safe call takes an `ifreq` or another process's file, and none runs code in a child.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::errno::Errno;
use nix::unistd::{getpid, getppid};
use rustix::process::{Signal, set_parent_process_death_signal};

nix::ioctl_none!(get_owner, 0xb7, 0x1); // NS_GET_USERNS of ioctl_ns(2)
nix::ioctl_readwrite_bad!(get_interface_flags, libc::SIOCGIFFLAGS, libc::ifreq);
nix::ioctl_write_ptr_bad!(set_interface_flags, libc::SIOCSIFFLAGS, libc::ifreq);

/// Sets the flag `IFF_UP` of the interface `name` in the namespace of `socket`.
pub(crate) fn set_interface_up(socket: BorrowedFd<'_>, name: &str) -> Result<(), Errno> {
    let mut request = libc::ifreq {
        ifr_name: [0; libc::IFNAMSIZ],
        ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_flags: 0 },
    };
    // The last byte stays zero: the kernel wants the name terminated.
    if name.len() >= request.ifr_name.len() {
        return Err(Errno::ENAMETOOLONG);
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from.cast_signed();
    }
    // SAFETY: `request` is a whole `ifreq` that outlives the call, and this request
    // reads the name and writes `ifru_flags`, both within it.
    unsafe { get_interface_flags(socket.as_raw_fd(), &raw mut request) }?;
    let up = libc::IFF_UP as libc::c_short;
    // SAFETY: `ifru_flags` is the field that the call above has filled in, and any
    // bits are a valid `c_short`.
    let flags = unsafe { request.ifr_ifru.ifru_flags };
    if flags & up != 0 {
        return Ok(());
    }
    request.ifr_ifru.ifru_flags = flags | up;
    // SAFETY: as above; this request only reads.
    unsafe { set_interface_flags(socket.as_raw_fd(), &raw const request) }?;
    Ok(())
}

/// The file that the process `id` has open as `fd` (pidfd_getfd(2)).
pub(crate) fn file_of(id: libc::pid_t, fd: libc::c_int) -> Result<OwnedFd, Errno> {
    // SAFETY: it takes two numbers and touches no memory.
    let process = new_file(unsafe { libc::syscall(libc::SYS_pidfd_open, id, 0) })?;
    // SAFETY: it takes three numbers, of which the first is an open file, and touches no memory.
    new_file(unsafe { libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), fd, 0) })
}

/// The user namespace that a namespace belongs to.
pub(crate) fn owner_of_namespace(namespace: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    // SAFETY: it takes an open file and touches no memory.
    let fd = unsafe { get_owner(namespace.as_raw_fd()) }?;
    // SAFETY: the kernel has made it, closed on exec, for this call alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn new_file(result: libc::c_long) -> Result<OwnedFd, Errno> {
    let fd = Errno::result(result)?;
    // SAFETY: the system calls above return a new file descriptor, closed on exec, that nobody else has.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as libc::c_int) })
}

/// Has the program of `command` killed when the thread that starts it ends.
pub(crate) fn die_with_parent(command: &mut Command) {
    let parent = getpid();
    let tie = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // The kernel tells nobody of a parent that was dead before.
        if getppid() == parent { Ok(()) } else { Err(io::Error::from(Errno::ESRCH)) }
    };
    // SAFETY: between fork and exec `tie` only makes two system calls: it takes no
    // lock, allocates nothing, and what it has captured is a number.
    unsafe { command.pre_exec(tie) };
}
