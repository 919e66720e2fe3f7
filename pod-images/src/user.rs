//! Turns an image's user into numbers, by the account files of its root filesystem.
//!
//! The files belong to the image and are not trusted: they are opened without
//! leaving the root, must be regular, and are read up to a limit.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};

const PASSWD: &str = "etc/passwd";
const GROUP: &str = "etc/group";
/// Larger than any real account file, small enough to hold in memory.
const MAX_FILE: u64 = 8 << 20;

/// The identity of a process, in numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedUser {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Further groups that list the user as a member, ascending, without `gid`.
    pub supplementary_gids: Vec<u32>,
    /// The home directory; `/` for a user without an entry.
    pub home: String,
}

/// Why a user cannot be turned into numbers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UserError {
    /// A layer cannot be opened.
    #[error("cannot open a layer of the image")]
    Layer(#[source] io::Error),
    /// An account file of the root filesystem cannot be read.
    #[error("cannot read /{file} of the image")]
    Read {
        /// The file, relative to the root.
        file: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// The user is a name without an entry.
    #[error("unable to find user {user}: no matching entries in passwd file")]
    UnknownUser {
        /// The name.
        user: String,
    },
    /// The group is a name without an entry.
    #[error("unable to find group {group}: no matching entries in group file")]
    UnknownGroup {
        /// The name.
        group: String,
    },
}

/// Looks `user` up in `etc/passwd` and `etc/group` of a root filesystem that is made of `layers`, the topmost first.
///
/// `user` is `""` (root), `name`, `uid`, `name:group` or `uid:gid`, as in an OCI
/// image. A number need not have an entry; then the group is 0 and the home `/`.
/// Only without a group written are the supplementary groups looked up. A missing
/// file counts as an empty one. Links are followed inside a layer and never out of it.
///
/// # Errors
///
/// [`UserError`] when a name has no entry or a file cannot be read.
pub fn resolve_user(layers: &[BorrowedFd<'_>], user: &str) -> Result<ResolvedUser, UserError> {
    let (name, group) = match user.split_once(':') {
        Some((name, group)) => (name, Some(group).filter(|g| !g.is_empty())),
        None => (user, None),
    };
    let name = if name.is_empty() { "0" } else { name };
    let passwd = read_in(layers, PASSWD)?;
    let account = find_account(&passwd, name)?;
    let groups = read_in(layers, GROUP)?;
    match group {
        Some(group) => Ok(ResolvedUser {
            uid: account.uid,
            gid: find_group(&groups, group)?,
            supplementary_gids: Vec::new(),
            home: account.home.to_owned(),
        }),
        None => Ok(ResolvedUser {
            uid: account.uid,
            gid: account.gid,
            supplementary_gids: account.name.map_or_else(Vec::new, |name| {
                let mut gids = memberships(&groups, name);
                gids.retain(|gid| *gid != account.gid);
                gids
            }),
            home: account.home.to_owned(),
        }),
    }
}

struct Account<'a> {
    name: Option<&'a str>,
    uid: u32,
    gid: u32,
    home: &'a str,
}

/// A number matches the id first, and a name only where it is not a number.
fn find_account<'a>(passwd: &'a str, wanted: &str) -> Result<Account<'a>, UserError> {
    let number = wanted.parse::<u32>().ok();
    let found = passwd.lines().filter_map(account_line).find(|account| match number {
        Some(uid) => account.uid == uid,
        None => account.name == Some(wanted),
    });
    match (found, number) {
        (Some(mut account), _) => {
            if account.home.is_empty() {
                account.home = "/";
            }
            Ok(account)
        }
        (None, Some(uid)) => Ok(Account { name: None, uid, gid: 0, home: "/" }),
        (None, None) => Err(UserError::UnknownUser { user: wanted.to_owned() }),
    }
}

/// `name:password:uid:gid:comment:home:shell`; a line that is not one is skipped.
fn account_line(line: &str) -> Option<Account<'_>> {
    let mut fields = line.split(':');
    let name = fields.next()?;
    let uid = fields.nth(1)?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    let home = fields.nth(1).unwrap_or("");
    Some(Account { name: Some(name), uid, gid, home })
}

fn find_group(groups: &str, wanted: &str) -> Result<u32, UserError> {
    if let Ok(gid) = wanted.parse() {
        return Ok(gid);
    }
    groups
        .lines()
        .filter_map(group_line)
        .find(|(name, _, _)| *name == wanted)
        .map(|(_, gid, _)| gid)
        .ok_or_else(|| UserError::UnknownGroup { group: wanted.to_owned() })
}

fn memberships(groups: &str, user: &str) -> Vec<u32> {
    let mut gids: Vec<u32> = groups
        .lines()
        .filter_map(group_line)
        .filter(|(_, _, members)| members.split(',').any(|member| member == user))
        .map(|(_, gid, _)| gid)
        .collect();
    gids.sort_unstable();
    gids.dedup();
    gids
}

/// `name:password:gid:members`; a line that is not one is skipped.
fn group_line(line: &str) -> Option<(&str, u32, &str)> {
    let mut fields = line.split(':');
    let name = fields.next()?;
    let gid = fields.nth(1)?.parse().ok()?;
    Some((name, gid, fields.next().unwrap_or("")))
}

/// Reads a file as an overlay of the layers shows it; a missing one is empty.
fn read_in(layers: &[BorrowedFd<'_>], file: &'static str) -> Result<String, UserError> {
    for layer in layers {
        match read_below(*layer, file)? {
            Some(text) => return Ok(text),
            None if hides_below(*layer, file) => break,
            None => {}
        }
    }
    Ok(String::new())
}

/// Reads a file without leaving `root`; `None` when it is not there. A whiteout is an empty one.
fn read_below(root: BorrowedFd<'_>, file: &'static str) -> Result<Option<String>, UserError> {
    let failed = |source: io::Error| UserError::Read { file, source };
    let opened = match open_below(root, file) {
        Ok(opened) => opened,
        Err(Errno::ENOENT | Errno::ENOTDIR) => return Ok(None),
        // What no driver answers for is no device either: a whiteout.
        Err(Errno::ENXIO) => return Ok(Some(String::new())),
        Err(errno) => return Err(failed(errno.into())),
    };
    let metadata = opened.metadata().map_err(failed)?;
    if !metadata.is_file() || metadata.len() > MAX_FILE {
        return Err(failed(io::Error::other("not a regular file of a reasonable size")));
    }
    let mut bytes = Vec::new();
    opened.take(MAX_FILE).read_to_end(&mut bytes).map_err(failed)?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

fn open_below(root: BorrowedFd<'_>, path: &str) -> nix::Result<File> {
    // Non-blocking, so that a FIFO put in the file's place does not hold us up.
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOCTTY)
        .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    openat2(root, path, how).map(File::from)
}

/// Whether a layer without this file shows nothing of the layers below in its directory.
fn hides_below(layer: BorrowedFd<'_>, file: &str) -> bool {
    let Some((directory, _)) = file.split_once('/') else { return false };
    match open_below(layer, directory) {
        Ok(directory) if directory.metadata().is_ok_and(|m| m.is_dir()) => {
            let mut value = [0; 1];
            let opaque = rustix::fs::fgetxattr(&directory, c"trusted.overlay.opaque", &mut value);
            opaque == Ok(1) && value == *b"y"
        }
        Ok(_) | Err(Errno::ENXIO) => true,
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::fd::AsFd;
    use std::os::unix::fs::symlink;

    use super::*;

    const ACCOUNTS: &str = "root:x:0:0:root:/root:/bin/sh\nbroken\n\
                            web:x:33:44:,,:/srv:/bin/sh\nbare:x:50:50\n";
    const GROUPS: &str = "root:x:0:\nstaff:x:9:web,root\nweb:x:44:web\naudio:x:7:a,web\n#\n";

    fn image() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("etc")).unwrap();
        fs::write(dir.path().join("etc/passwd"), ACCOUNTS).unwrap();
        fs::write(dir.path().join("etc/group"), GROUPS).unwrap();
        dir
    }

    fn resolve(dir: &tempfile::TempDir, user: &str) -> Result<ResolvedUser, UserError> {
        resolve_user(&[File::open(dir.path()).unwrap().as_fd()], user)
    }

    #[test]
    fn the_topmost_layer_with_the_file_counts() {
        let (below, above) = (image(), tempfile::tempdir().unwrap());
        let both = |user: &str| {
            let [above, below] = [&above, &below].map(|dir| File::open(dir.path()).unwrap());
            resolve_user(&[above.as_fd(), below.as_fd()], user).map(|user| user.uid)
        };
        assert_eq!(both("web").unwrap(), 33);
        fs::create_dir(above.path().join("etc")).unwrap();
        assert_eq!(both("web").unwrap(), 33);
        fs::write(above.path().join("etc/passwd"), "web:x:66:66::/:/\n").unwrap();
        assert_eq!(both("web").unwrap(), 66);
    }

    #[test]
    fn every_form_of_user_is_resolved() {
        let dir = image();
        for (user, uid, gid, groups, home) in [
            ("", 0, 0, &[9][..], "/root"),
            ("web", 33, 44, &[7, 9], "/srv"),
            ("33", 33, 44, &[7, 9], "/srv"),
            ("web:staff", 33, 9, &[], "/srv"),
            ("web:1234", 33, 1234, &[], "/srv"),
            ("web:", 33, 44, &[7, 9], "/srv"),
            ("bare", 50, 50, &[], "/"),
            ("4000", 4000, 0, &[], "/"),
            ("4000:4001", 4000, 4001, &[], "/"),
        ] {
            let expected = ResolvedUser {
                uid,
                gid,
                supplementary_gids: groups.to_vec(),
                home: home.to_owned(),
            };
            assert_eq!(resolve(&dir, user).unwrap(), expected, "{user:?}");
        }
        assert!(matches!(resolve(&dir, "nobody"), Err(UserError::UnknownUser { .. })));
        assert!(matches!(resolve(&dir, "-1"), Err(UserError::UnknownUser { .. })));
        assert!(matches!(resolve(&dir, "web:none"), Err(UserError::UnknownGroup { .. })));
    }

    #[test]
    fn a_root_without_files_knows_only_numbers() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(resolve(&dir, "7").unwrap().uid, 7);
        assert!(matches!(resolve(&dir, "root"), Err(UserError::UnknownUser { .. })));
    }

    #[test]
    fn links_do_not_lead_out_of_the_root() {
        let outside = tempfile::tempdir().unwrap();
        let stolen = outside.path().join("passwd");
        fs::write(&stolen, "spy:x:66:66::/:/\n").unwrap();
        let dir = image();
        let passwd = dir.path().join("etc/passwd");
        fs::remove_file(&passwd).unwrap();
        symlink(&stolen, &passwd).unwrap();
        assert!(matches!(resolve(&dir, "spy"), Err(UserError::UnknownUser { .. })));
        fs::remove_file(&passwd).unwrap();
        fs::write(dir.path().join("inside"), "own:x:77:77::/:/\n").unwrap();
        symlink("../../../inside", &passwd).unwrap();
        assert_eq!(resolve(&dir, "own").unwrap().uid, 77);
    }

    #[test]
    fn a_fifo_in_the_files_place_is_refused_at_once() {
        let dir = image();
        let passwd = dir.path().join("etc/passwd");
        fs::remove_file(&passwd).unwrap();
        let mode = nix::sys::stat::Mode::from_bits_truncate(0o600);
        nix::sys::stat::mknod(&passwd, nix::sys::stat::SFlag::S_IFIFO, mode, 0).unwrap();
        assert!(matches!(resolve(&dir, "root"), Err(UserError::Read { file: "etc/passwd", .. })));
    }
}
