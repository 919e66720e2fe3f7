//! The interface ioctls of netdevice(7).
#![allow(unsafe_code)] // No safe call takes an `ifreq`.

use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;

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
