//! What belongs to a file beside its name: data, owner, mode, attributes and time.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;

use nix::sys::stat::{Mode, fchmod};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, Uid, fchown};
use rustix::fs::{XattrFlags, fsetxattr};

use super::archive::Entry;
use super::fault::{TreeError, failed, refused};

const CAPABILITY: &[u8] = b"security.capability";
const PAGE: usize = 4096;
/// Zeros of this length are left out of a file.
const HOLE: usize = 32 << 10;

/// Sets owner, mode and attributes, in this order: each takes back what a later one has set.
pub(super) fn set_metadata(entry: &Entry, fd: impl AsFd) -> Result<(), TreeError> {
    let (uid, gid) = owner(entry)?;
    fchown(&fd, Some(uid), Some(gid)).map_err(failed("set the owner of", entry))?;
    fchmod(&fd, Mode::from_bits_truncate(entry.mode)).map_err(failed("set the mode of", entry))?;
    for (name, value) in &entry.xattrs {
        set_xattr(entry, fd.as_fd(), name, value)?;
    }
    Ok(())
}

/// Sets an extended attribute that an image may carry.
///
/// Capabilities, access control lists and what users make of their own are for an image to set. Labels of security
/// modules are the machine's, and left out. What overlayfs reads for itself is refused: it could show files of other
/// directories in place of the image's.
fn set_xattr(entry: &Entry, fd: impl AsFd, name: &[u8], value: &[u8]) -> Result<(), TreeError> {
    if name.starts_with(b"trusted.") || name.starts_with(b"user.overlay.") {
        return Err(refused(entry, "has an extended attribute that is the system's own"));
    }
    let wanted =
        name == CAPABILITY || name.starts_with(b"user.") || name.starts_with(b"system.posix_acl_");
    if !wanted || name.contains(&0) {
        return Ok(());
    }
    match fsetxattr(&fd, std::ffi::OsStr::from_bytes(name), value, XattrFlags::empty()) {
        Ok(()) => Ok(()),
        // A program without its capability does not work; other attributes can be done without.
        Err(rustix::io::Errno::NOTSUP) if name != CAPABILITY => Ok(()),
        Err(errno) => Err(failed("set an extended attribute of", entry)(errno)),
    }
}

/// Makes a directory hide what layers below have in its place.
pub(super) fn set_opaque(dir: impl AsFd) -> io::Result<()> {
    Ok(fsetxattr(&dir, "trusted.overlay.opaque", b"y", XattrFlags::empty())?)
}

pub(super) fn owner(entry: &Entry) -> Result<(Uid, Gid), TreeError> {
    // The largest number means to the kernel that nothing is to be changed.
    let id = |id: u64| u32::try_from(id).ok().filter(|id| *id != u32::MAX);
    match (id(entry.uid), id(entry.gid)) {
        (Some(uid), Some(gid)) => Ok((Uid::from_raw(uid), Gid::from_raw(gid))),
        _ => Err(refused(entry, "belongs to a user or group whose number cannot be")),
    }
}

pub(super) fn time(entry: &Entry) -> TimeSpec {
    TimeSpec::new(entry.mtime.0, i64::from(entry.mtime.1))
}

/// Writes `data` at `offset` of a new file and leaves out long runs of zeros. Returns the bytes that were written.
pub(super) fn write_with_holes(file: &File, offset: u64, data: &[u8]) -> io::Result<u64> {
    static ZEROS: [u8; PAGE] = [0; PAGE];
    let mut written = 0;
    let mut write = |from: usize, to: usize| {
        written += (to - from) as u64;
        file.write_all_at(&data[from..to], offset + from as u64)
    };
    // The first page that starts in `data` at an offset of whole pages.
    let first = ((PAGE as u64 - offset % PAGE as u64) % PAGE as u64) as usize;
    let (mut page, mut pending, mut zeros) = (first, 0, None);
    loop {
        let bytes = data.get(page..page + PAGE);
        if bytes == Some(&ZEROS) {
            zeros.get_or_insert(page);
        } else if let Some(start) = zeros.take() {
            // At the edges of `data`, a long run may have its other part in what comes before or after.
            if page - start >= HOLE || start == first || bytes.is_none() {
                write(pending, start)?;
                pending = page;
            }
        }
        if bytes.is_none() {
            break;
        }
        page += PAGE;
    }
    write(pending, data.len())?;
    Ok(written)
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn zeros_become_holes_and_data_stays() {
        let mut data = vec![0u8; 10 * HOLE + 100];
        data[3] = 1;
        data[4 * HOLE + 7] = 2;
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut offset = 0;
        let mut written = 0;
        // Pieces that do not begin where blocks do.
        for piece in data.chunks(3 * HOLE + 1000) {
            written += write_with_holes(file.as_file(), offset, piece).unwrap();
            offset += piece.len() as u64;
        }
        file.as_file().set_len(data.len() as u64).unwrap();
        let mut read = Vec::new();
        File::open(file.path()).unwrap().read_to_end(&mut read).unwrap();
        assert_eq!(read, data);
        // Two pages with data, and the pieces of pages at the edges.
        assert!(written < 8 * PAGE as u64, "{written}");
        assert!(file.as_file().metadata().unwrap().blocks() * 512 < 10 * PAGE as u64);
    }
}
