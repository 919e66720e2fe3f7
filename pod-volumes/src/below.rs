//! Opening what is below a directory, and never what is elsewhere.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};

/// Opens the directory `name` of `parent` for reading.
///
/// `ELOOP` or `ENOTDIR`: it is a link or a file. `EXDEV`: something is mounted on it.
pub(crate) fn open_dir(parent: impl AsFd, name: &OsStr) -> Result<OwnedFd, Errno> {
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC)
        .resolve(
            ResolveFlag::RESOLVE_BENEATH
                | ResolveFlag::RESOLVE_NO_SYMLINKS
                | ResolveFlag::RESOLVE_NO_XDEV,
        );
    openat2(parent, name, how)
}

/// The names in a directory, read from its beginning.
pub(crate) fn names(dir: impl AsFd) -> io::Result<Vec<OsString>> {
    let mut found = Vec::new();
    for entry in Dir::from_fd(open_dir(dir, OsStr::new("."))?)?.iter() {
        let name = entry?.file_name().to_bytes().to_vec();
        if name != b"." && name != b".." {
            found.push(OsString::from_vec(name));
        }
    }
    Ok(found)
}

/// Whether `name` is one component that stays within its parent.
pub(crate) fn is_plain_name(name: &OsStr) -> bool {
    let mut components = Path::new(name).components();
    let first = components.next();
    // `a/` has one component as well, hence the comparison.
    first == Some(Component::Normal(name)) && components.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_component_is_a_plain_name() {
        for (name, plain) in [
            ("a", true),
            ("..a", true),
            ("", false),
            (".", false),
            ("..", false),
            ("/", false),
            ("a/", false),
            ("a/b", false),
            ("/a", false),
        ] {
            assert_eq!(is_plain_name(OsStr::new(name)), plain, "{name:?}");
        }
    }
}
