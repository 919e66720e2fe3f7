//! Takes hold of what is to be mounted in a container.
//!
//! Each source is a descriptor of a detached mount, so what happens to its path afterwards is of no concern. A part of a
//! source is looked up by the kernel within it (`openat2`), and mounted by the descriptor that came of it: a container
//! that swaps a directory for a link meanwhile leads nowhere else.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat2};
use nix::sched::{CloneFlags, setns};
use nix::sys::stat::{Mode, mkdirat};

use super::mounts::{MountError, failed};
use super::users::Users;
use crate::config::{Mount, Propagation};
use crate::sys;

/// How often a part may change while it is looked up or made.
const MAX_ATTEMPTS: usize = 64;

/// A detached copy of a file or of a tree of mounts, which no later mount on the host reaches.
pub(super) fn copy(path: &Path) -> Result<OwnedFd, MountError> {
    let copy = || -> io::Result<OwnedFd> {
        let copy =
            sys::open_tree(AT_FDCWD, &sys::c_string(path.as_os_str().as_encoded_bytes()), true)?;
        sys::make_private(copy.as_fd())?;
        Ok(copy)
    };
    copy().map_err(failed(format!("take hold of {}", path.display())))
}

/// A detached copy of what a mount names, as these users see it. `host` is the host's mount namespace.
pub(super) fn hold(
    mount: &Mount,
    host: BorrowedFd<'_>,
    users: Option<&Users>,
) -> Result<OwnedFd, MountError> {
    let refused = |source| MountError::Users { destination: mount.destination.clone(), source };
    let held = match mount.propagation {
        Propagation::Bidirectional if users.is_some() => {
            // Its root is nobody on the host, and would decide what the host sees there.
            return Err(refused(io::Error::other("the host may not see what they mount")));
        }
        Propagation::Bidirectional => in_namespace(host, || shared(mount)),
        Propagation::HostToContainer | Propagation::Private => part_of(mount).and_then(clone),
    };
    let held = finish(mount, held)?;
    users.map_or(Ok(()), |users| users.map(held.as_fd())).map_err(refused)?;
    Ok(held)
}

/// A detached copy of what a mount names of an image, whose layers have been put together at `root`.
pub(super) fn hold_image(mount: &Mount, root: &Path) -> Result<OwnedFd, MountError> {
    let propagation = Propagation::Private;
    let mount = Mount { source: root.to_owned(), readonly: true, propagation, ..mount.clone() };
    finish(&mount, part_of(&mount).and_then(clone))
}

/// Gives what is held the properties that the mount is to have.
fn finish(mount: &Mount, held: Result<OwnedFd, Failure>) -> Result<OwnedFd, MountError> {
    let finish = |held: OwnedFd| -> io::Result<OwnedFd> {
        if mount.propagation == Propagation::Private {
            sys::make_private(held.as_fd())?;
        }
        if mount.readonly {
            sys::make_readonly(held.as_fd(), mount.recursive_readonly)?;
        }
        Ok(held)
    };
    match held {
        Ok(held) => {
            finish(held).map_err(failed(format!("take hold of {}", mount.source.display())))
        }
        Err(Failure::Whole(e)) => {
            Err(failed(format!("take hold of {}", mount.source.display()))(e))
        }
        Err(Failure::Part(source)) => Err(MountError::SubPath {
            sub_path: mount.sub_path.clone(),
            destination: mount.destination.clone(),
            source,
        }),
    }
}

/// What of a source is not to be had.
enum Failure {
    Whole(io::Error),
    Part(io::Error),
}

impl<E: Into<io::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Whole(error.into())
    }
}

fn clone(file: OwnedFd) -> Result<OwnedFd, Failure> {
    Ok(sys::open_tree(file.as_fd(), c"", true)?)
}

/// The file or directory that is to be mounted.
fn part_of(mount: &Mount) -> Result<OwnedFd, Failure> {
    let how = OpenHow::new().flags(OFlag::O_PATH | OFlag::O_CLOEXEC);
    let whole = openat2(AT_FDCWD, &mount.source, how)?;
    if mount.sub_path.as_os_str().is_empty() {
        return Ok(whole);
    }
    let part = if mount.layers.is_empty() {
        beneath(&whole, &mount.sub_path)
    } else {
        existing(&whole, &mount.sub_path)
    };
    part.map_err(Failure::Part)
}

/// A copy whose mounts the host sees, and the other way round.
fn shared(mount: &Mount) -> Result<OwnedFd, Failure> {
    let part = part_of(mount)?;
    if !is_shared(&part)? {
        return Err(io::Error::other(
            "it is not on a shared mount, as mountPropagation Bidirectional needs",
        )
        .into());
    }
    clone(part)
}

/// Whether what a file lies on is shared with other mount namespaces.
fn is_shared(file: &OwnedFd) -> io::Result<bool> {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", file.as_raw_fd()))?;
    let id = info.lines().find_map(|line| line.strip_prefix("mnt_id:")).unwrap_or_default().trim();
    let mounts = fs::read("/proc/self/mountinfo")?;
    let mounts = String::from_utf8_lossy(&mounts);
    // The optional fields, of which `shared` is one, end at a lone dash.
    let shared = |line: &str| {
        line.split(' ').skip(6).take_while(|f| *f != "-").any(|f| f.starts_with("shared:"))
    };
    Ok(mounts.lines().any(|line| line.split(' ').next() == Some(id) && shared(line)))
}

/// Does something in another mount namespace and comes back.
fn in_namespace<T>(
    namespace: BorrowedFd<'_>,
    act: impl FnOnce() -> Result<T, Failure>,
) -> Result<T, Failure> {
    let own = File::open("/proc/self/ns/mnt")?;
    setns(namespace, CloneFlags::CLONE_NEWNS)?;
    let done = act();
    setns(own, CloneFlags::CLONE_NEWNS)?;
    done
}

/// Opens a part of a directory, and makes what is missing of it, with the mode of the directory.
fn beneath(whole: &OwnedFd, part: &Path) -> io::Result<OwnedFd> {
    let mode = File::from(whole.try_clone()?).metadata()?.permissions().mode() & 0o777;
    let mode = Mode::from_bits_truncate(mode);
    look_up(whole, part, || make(whole, part, mode))
}

/// Opens a part of a directory in which nothing can be made.
fn existing(whole: &OwnedFd, part: &Path) -> io::Result<OwnedFd> {
    look_up(whole, part, || Err(io::ErrorKind::NotFound.into()))
}

/// Opens a part of a directory; `missing` says what is done when it is not there.
fn look_up(
    whole: &OwnedFd,
    part: &Path,
    missing: impl Fn() -> io::Result<()>,
) -> io::Result<OwnedFd> {
    for _ in 0..MAX_ATTEMPTS {
        match open(whole, part, OFlag::empty()) {
            Err(Errno::ENOENT) => missing()?,
            // Something was renamed meanwhile, and the kernel cannot tell whether it is still within.
            Err(Errno::EAGAIN) => {}
            Err(Errno::EXDEV) => {
                return Err(io::Error::other("it leads out of the volume"));
            }
            result => return Ok(result?),
        }
    }
    Err(io::Error::other("it is a link to nowhere, or keeps changing"))
}

/// What lies at a path within a directory. Links are followed as long as they stay within.
fn open(whole: &OwnedFd, part: &Path, flags: OFlag) -> nix::Result<OwnedFd> {
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_CLOEXEC | flags)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    openat2(whole, part, how)
}

/// Makes the first directory that is missing on a path.
fn make(whole: &OwnedFd, part: &Path, mode: Mode) -> io::Result<()> {
    let mut parent = PathBuf::from(".");
    for component in part.components() {
        let path = parent.join(component);
        match open(whole, &path, OFlag::O_DIRECTORY) {
            Err(Errno::ENOENT) => {
                let parent = open(whole, &parent, OFlag::O_DIRECTORY)?;
                return match mkdirat(&parent, component.as_os_str(), mode) {
                    // Somebody else has made it, or it is a link to what is missing.
                    Ok(()) | Err(Errno::EEXIST) => Ok(()),
                    Err(e) => Err(e.into()),
                };
            }
            Ok(_) | Err(Errno::EAGAIN) => parent = path,
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, symlink};
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
    use std::thread;

    use nix::fcntl::{RenameFlags, renameat2};

    use super::*;

    const TRIES: u32 = 10_000;

    /// A directory `volume` of mode 0750 beside a directory `outside`, which goes with the test.
    struct Place(PathBuf);

    impl Place {
        fn new(test: &str) -> Self {
            let name = format!("pod-source-{test}-{}", std::process::id());
            let dir = std::env::temp_dir().join(name);
            for name in ["volume", "outside"] {
                let mut builder = fs::DirBuilder::new();
                builder.recursive(true).mode(0o750).create(dir.join(name)).expect("makes");
            }
            Self(dir)
        }

        fn volume(&self) -> PathBuf {
            self.0.join("volume")
        }

        fn whole(&self) -> OwnedFd {
            File::open(self.volume()).expect("opens").into()
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn inode(file: OwnedFd) -> u64 {
        File::from(file).metadata().expect("is there").ino()
    }

    #[test]
    fn missing_directories_are_made_with_the_mode_of_the_whole() {
        let place = Place::new("made");
        let found = beneath(&place.whole(), Path::new("a/b/c")).expect("made");
        for path in ["a", "a/b", "a/b/c"] {
            let mode = fs::metadata(place.volume().join(path)).expect("made").mode();
            assert_eq!(mode & 0o777, 0o750, "{path}");
        }
        let c = fs::metadata(place.volume().join("a/b/c")).expect("made").ino();
        assert_eq!(inode(found), c);
    }

    #[test]
    fn links_are_followed_within_and_not_out() {
        let place = Place::new("links");
        let at = |name: &str| place.volume().join(name);
        fs::create_dir(at("dir")).expect("makes");
        fs::write(at("dir/file"), "").expect("writes");
        symlink("dir", at("within")).expect("links");
        symlink("../outside", at("out")).expect("links");
        symlink(place.0.join("outside"), at("absolute")).expect("links");
        symlink("/proc/self/root", at("magic")).expect("links");
        symlink("nowhere", at("dangling")).expect("links");
        let file = fs::metadata(at("dir/file")).expect("is there").ino();
        let found = beneath(&place.whole(), Path::new("within/file")).expect("found");
        assert_eq!(inode(found), file);
        for path in
            ["out", "out/new", "absolute", "magic", "..", "../outside", "dir/file/x", "dangling"]
        {
            assert!(beneath(&place.whole(), Path::new(path)).is_err(), "{path}");
        }
        assert_eq!(fs::read_dir(place.0.join("outside")).expect("reads").count(), 0);
    }

    /// Looks a part up again and again while it is swapped for a link that leads outside; says how often that was found.
    fn race(test: &str, look: impl Fn(&Place) -> Option<OwnedFd>) -> u32 {
        let place = Place::new(test);
        fs::create_dir(place.volume().join("dir")).expect("makes");
        fs::create_dir(place.0.join("outside/sub")).expect("makes");
        symlink("../outside", place.volume().join("link")).expect("links");
        let outside = fs::metadata(place.0.join("outside/sub")).expect("is there").ino();
        let (done, lost) = (AtomicBool::new(false), AtomicU32::new(0));
        thread::scope(|scope| {
            scope.spawn(|| {
                let volume = File::open(place.volume()).expect("opens");
                while !done.load(Ordering::Relaxed) {
                    renameat2(&volume, "dir", &volume, "link", RenameFlags::RENAME_EXCHANGE)
                        .expect("swaps");
                }
            });
            for _ in 0..TRIES {
                if look(&place).is_some_and(|found| inode(found) == outside) {
                    lost.fetch_add(1, Ordering::Relaxed);
                }
            }
            done.store(true, Ordering::Relaxed);
        });
        let sub = fs::symlink_metadata(place.0.join("outside/sub")).expect("is left");
        assert!(sub.is_dir());
        lost.into_inner()
    }

    #[test]
    fn a_directory_that_is_swapped_for_a_link_leads_nowhere_else() {
        let safe = |place: &Place| beneath(&place.whole(), Path::new("dir/sub")).ok();
        assert_eq!(race("safe", safe), 0);
    }

    /// Shows that the test above is one.
    #[test]
    fn a_look_at_the_path_before_it_is_opened_loses_the_race() {
        let naive = |place: &Place| {
            let dir = place.volume().join("dir");
            let _ = fs::create_dir_all(dir.join("sub"));
            let looked = fs::canonicalize(dir.join("sub")).ok()?;
            let within = looked.starts_with(fs::canonicalize(place.volume()).ok()?);
            within.then(|| File::open(dir.join("sub")).ok()).flatten().map(OwnedFd::from)
        };
        assert!(race("naive", naive) > 0);
    }
}
