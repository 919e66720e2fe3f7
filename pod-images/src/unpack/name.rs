//! Names in an archive, made safe: relative, without `..`, of a bounded depth.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// The longest path of an entry in bytes: the kernel takes one byte less than PATH_MAX.
const MAX_PATH: usize = 4095;
/// The longest name of a file in bytes: NAME_MAX.
const MAX_NAME: usize = 255;
/// How many directories may lie in each other. A tree is removed with one descriptor open for each.
const MAX_DEPTH: usize = 256;

/// A path below the layer's root: its components joined by single slashes, none of them empty, `.` or `..`.
///
/// Bytes and not text: a name on Linux need not be UTF-8, and is kept as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EntryPath(Vec<u8>);

impl EntryPath {
    /// Checks a name as it stands in an archive. A leading `./` and doubled slashes mean nothing and are left out.
    ///
    /// # Errors
    /// What is wrong with it, to follow the name in a message.
    pub(crate) fn new(name: &[u8]) -> Result<Self, &'static str> {
        if name.starts_with(b"/") {
            return Err("is absolute");
        }
        if name.contains(&0) {
            return Err("holds a NUL");
        }
        let mut path = Vec::with_capacity(name.len());
        let mut depth = 0;
        for part in name.split(|b| *b == b'/') {
            match part {
                b"" | b"." => continue,
                b".." => return Err("leads out of its directory with \"..\""),
                _ if part.len() > MAX_NAME => return Err("has a component of more than 255 bytes"),
                _ => {}
            }
            if depth > 0 {
                path.push(b'/');
            }
            path.extend_from_slice(part);
            depth += 1;
        }
        if path.len() > MAX_PATH {
            return Err("has more than 4095 bytes");
        }
        if depth > MAX_DEPTH {
            return Err("lies in more than 256 directories");
        }
        Ok(Self(path))
    }

    /// Whether it is the root itself.
    pub(crate) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The directory it lies in, empty for the root, and its name there.
    pub(crate) fn split(&self) -> (&[u8], &OsStr) {
        let (parent, name) = match self.0.iter().rposition(|b| *b == b'/') {
            Some(slash) => (&self.0[..slash], &self.0[slash + 1..]),
            None => (&[][..], &self.0[..]),
        };
        (parent, OsStr::from_bytes(name))
    }

    /// The whole path.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_stay_below_the_root_are_taken() {
        for (name, path) in [
            ("a/b", "a/b"),
            ("./a//b/", "a/b"),
            ("./", ""),
            ("a/./b", "a/b"),
            ("..a/b..", "..a/b.."),
        ] {
            assert_eq!(EntryPath::new(name.as_bytes()).unwrap().as_bytes(), path.as_bytes());
        }
        let (long, deep) = ("a".repeat(256), "a/".repeat(257));
        let far = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/".repeat(128);
        for name in ["/a", "..", "a/../b", "a/..", "a\0b", &long, &deep, &far] {
            assert!(EntryPath::new(name.as_bytes()).is_err(), "{name:?}");
        }
        let bytes = b"caf\xe9/\xff";
        let path = EntryPath::new(bytes).unwrap();
        assert_eq!(path.split(), (&b"caf\xe9"[..], OsStr::from_bytes(b"\xff")));
    }
}
