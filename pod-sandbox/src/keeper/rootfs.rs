//! Puts a container's root file system together, in the mount namespace of its first process.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use rustix::fs::XattrFlags;

use super::copy;
use super::users::Users;
use crate::config::{ContainerConfig, IdRange, RootFs};
use crate::sys;

/// What of the host's root a container sees as its own, empty directory, and its mode.
const PRIVATE: [(&str, u32); 7] = [
    ("/dev", 0o755),
    ("/home", 0o755),
    ("/proc", 0o555),
    ("/root", 0o700),
    ("/run", 0o755),
    ("/sys", 0o555),
    ("/tmp", 0o1777),
];

/// A step that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action}")]
pub(super) struct RootFsError {
    action: String,
    source: io::Error,
}

fn failed<E: Into<io::Error>>(action: impl Into<String>) -> impl FnOnce(E) -> RootFsError {
    let action = action.into();
    move |e| RootFsError { action, source: e.into() }
}

/// Has everything that is not written to show its owners to the users of a sandbox: what a root is made of, and images
/// that are volumes. Mounted over itself, since it is seen so by this process alone.
pub(super) fn show_to(users: &Users, config: &ContainerConfig) -> Result<(), RootFsError> {
    let root = match &config.rootfs {
        RootFs::Host { .. } => &[],
        RootFs::Layers { lower, .. } => lower.as_slice(),
        RootFs::Directory(dir) => std::slice::from_ref(dir),
    };
    if let RootFs::Directory(dir) = &config.rootfs {
        // The host's root, which mounts it, can make nothing there any more.
        let _ = make(&dir.join("dev"), 0o755);
    }
    let images = config.mounts.iter().flat_map(|mount| &mount.layers);
    let all: BTreeSet<&PathBuf> = root.iter().chain(images).collect();
    for path in all {
        users.show(path, path).map_err(failed(format!("map the owners of {}", path.display())))?;
    }
    Ok(())
}

/// Makes the root at `target`, for the users of a sandbox when they are not the host's, and returns where it is.
pub(super) fn assemble(
    rootfs: &RootFs,
    target: &Path,
    users: Option<&Users>,
) -> Result<PathBuf, RootFsError> {
    let owner = users.map(|users| users.ids.first);
    match rootfs {
        RootFs::Directory(dir) => {
            return fs::canonicalize(dir)
                .map_err(failed(format!("find the root {}", dir.display())));
        }
        RootFs::Layers { layer, lower } => match overlay(layer, lower, target, owner) {
            Err(error) if error.source.raw_os_error() == Some(nix::libc::ENODEV) => {
                tracing::warn!(
                    layers = lower.len(),
                    "this kernel has no overlayfs: copying all layers"
                );
                return copied(layer, lower);
            }
            result => result?,
        },
        RootFs::Host { layer, mask } => {
            let submounts = submounts(mask)?;
            let (in_mounts, in_root): (Vec<_>, Vec<_>) =
                mask.iter().partition(|m| submounts.iter().any(|s| m.starts_with(s)));
            let mask = target.with_file_name("mask");
            make_mask(&mask, &in_root, users.map(|users| users.ids))?;
            let host = host_root(&target.with_file_name("host"), users)?;
            overlay(layer, &[mask, host], target, owner)?;
            for path in &submounts {
                bind_readonly(path, &inside(target, path), users)?;
            }
            for path in in_mounts {
                cover(&inside(target, path))?;
            }
        }
    }
    Ok(target.to_owned())
}

/// Where the host's own root is to be had, as these users see it: they need a mount of it, which is made at `dir`.
fn host_root(dir: &Path, users: Option<&Users>) -> Result<PathBuf, RootFsError> {
    let root = Path::new("/");
    let Some(users) = users else { return Ok(root.to_owned()) };
    make(dir, 0o755)?;
    users.show(root, dir).map_err(failed("map the owners of the host's root"))?;
    Ok(dir.to_owned())
}

/// Puts the layers of an image together, for reading, in directories that are made at `dir`. Returns where it is.
pub(super) fn image(layers: &[PathBuf], dir: &Path) -> Result<PathBuf, RootFsError> {
    let (empty, root) = (dir.join("empty"), dir.join("root"));
    make(&empty, 0o755)?;
    make(&root, 0o755)?;
    let mut lower = layers.to_vec();
    if lower.len() < 2 {
        // Without an upper layer the kernel wants two lower ones.
        lower.push(empty);
    }
    match mount_overlay(&lower, None, &root) {
        Err(e) if e.raw_os_error() == Some(nix::libc::ENODEV) => {
            copy::layers(layers, &root).map_err(failed("copy the layers of the image"))?;
        }
        result => result.map_err(failed(format!("mount overlay at {}", root.display())))?,
    }
    Ok(root)
}

/// All layers as one directory, which goes with the writable layer that it is.
fn copied(layer: &Path, lower: &[PathBuf]) -> Result<PathBuf, RootFsError> {
    let root = layer.join("root");
    make(&root, 0o755)?;
    copy::layers(lower, &root).map_err(failed("copy the layers of the image"))?;
    Ok(root)
}

fn inside(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// A layer in memory that lies on the host's root and empties what a container must not see of it, for these users.
fn make_mask(at: &Path, masked: &[&PathBuf], users: Option<IdRange>) -> Result<(), RootFsError> {
    make(at, 0o755)?;
    mount(Some("tmpfs"), at, Some("tmpfs"), MsFlags::empty(), Some("mode=755"))
        .map_err(failed(format!("mount tmpfs at {}", at.display())))?;
    for (path, mode) in PRIVATE {
        empty_directory(at, Path::new(path), Some(mode), users)?;
    }
    for path in masked {
        empty_directory(at, path, None, users)?;
    }
    Ok(())
}

/// Mounts an overlay at `target`, whose root belongs to `owner`.
fn overlay(
    layer: &Path,
    lower: &[PathBuf],
    target: &Path,
    owner: Option<u32>,
) -> Result<(), RootFsError> {
    let prepare = || -> Result<(PathBuf, PathBuf), RootFsError> {
        let (upper, work) = (layer.join("upper"), layer.join("work"));
        // What a container writes is its own; its root, which `upper` becomes, is for all of its users.
        for (dir, mode) in [(layer, 0o700), (&upper, 0o755), (&work, 0o700)] {
            make(dir, mode)?;
        }
        chown(&upper, owner, owner).map_err(failed(format!("give {} away", upper.display())))?;
        Ok((upper, work))
    };
    let (upper, work) = prepare()?;
    match mount_overlay(lower, Some((&upper, &work)), target) {
        Err(e) if e.raw_os_error() == Some(nix::libc::EINVAL) => {
            // An upper layer cannot lie on an overlay, as when this runs in a container itself.
            tracing::warn!(layer = %layer.display(), "its file system takes no upper layer, using memory");
            mount(Some("tmpfs"), layer, Some("tmpfs"), MsFlags::empty(), Some("mode=700"))
                .map_err(failed(format!("mount tmpfs at {}", layer.display())))?;
            let (upper, work) = prepare()?;
            mount_overlay(lower, Some((&upper, &work)), target)
        }
        result => result,
    }
    .map_err(failed(format!("mount overlay at {}", target.display())))
}

/// The lower directories of an image lie in one directory and are named relative to it: all options of a mount have to
/// fit on one page. What is written goes to an upper directory, by way of another one; without them nothing can be.
fn mount_overlay(
    lower: &[PathBuf],
    upper: Option<(&Path, &Path)>,
    target: &Path,
) -> io::Result<()> {
    let shelf = lower.first().and_then(|first| first.parent());
    let shelf = shelf.filter(|shelf| lower.iter().all(|l| l.parent() == Some(shelf)));
    if let Some(shelf) = shelf {
        std::env::set_current_dir(shelf)?;
    }
    let name = |path: &Path| escape(path.file_name().map_or(path, Path::new));
    let lower: Vec<String> =
        lower.iter().map(|p| if shelf.is_some() { name(p) } else { escape(p) }).collect();
    let mut options = format!("lowerdir={}", lower.join(":"));
    if let Some((upper, work)) = upper {
        options += &format!(",upperdir={},workdir={}", escape(upper), escape(work));
    }
    let flags = MsFlags::empty();
    let mounted = mount(Some("overlay"), target, Some("overlay"), flags, Some(options.as_str()));
    std::env::set_current_dir("/")?;
    Ok(mounted?)
}

/// Paths stand between commas and colons in the options of an overlay.
fn escape(path: &Path) -> String {
    path.to_string_lossy().replace('\\', r"\\").replace(':', r"\:").replace(',', r"\,")
}

fn make(dir: &Path, mode: u32) -> Result<(), RootFsError> {
    DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(dir)
        .map_err(failed(format!("make {}", dir.display())))
}

/// Makes `path` an empty directory in a layer that lies on the host's root, whatever lies below it. Missing on the host: not made at all.
fn empty_directory(
    layer: &Path,
    path: &Path,
    mode: Option<u32>,
    users: Option<IdRange>,
) -> Result<(), RootFsError> {
    let mut at = layer.to_owned();
    let mut host = PathBuf::from("/");
    let parts: Vec<_> = path.components().filter(|c| matches!(c, Component::Normal(_))).collect();
    for (i, part) in parts.iter().enumerate() {
        at.push(part);
        host.push(part);
        let Ok(meta) = fs::symlink_metadata(&host) else { return Ok(()) };
        if !meta.is_dir() {
            // A link such as /var/run leads to a directory that is emptied by its own name.
            return Ok(());
        }
        let shown = |what: &str| format!("{what} {}", at.display());
        match fs::create_dir(&at) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            result => {
                result.map_err(failed(shown("make")))?;
                let id = |id| users.map_or(Some(id), |users| users.on_host(id));
                chown(&at, id(meta.uid()), id(meta.gid())).map_err(failed(shown("chown")))?;
                let mode = mode.filter(|_| i + 1 == parts.len()).unwrap_or(meta.mode() & 0o7777);
                fs::set_permissions(&at, fs::Permissions::from_mode(mode))
                    .map_err(failed(shown("chmod")))?;
            }
        }
        if i + 1 == parts.len() {
            rustix::fs::lsetxattr(&at, c"trusted.overlay.opaque", b"y", XattrFlags::empty())
                .map_err(failed(shown("make opaque")))?;
        }
    }
    Ok(())
}

/// The mounts below the host's root that a container sees: the topmost ones, without the private and masked places.
fn submounts(mask: &[PathBuf]) -> Result<Vec<PathBuf>, RootFsError> {
    let text = fs::read("/proc/self/mountinfo").map_err(failed("read /proc/self/mountinfo"))?;
    Ok(select_submounts(&text, mask))
}

fn select_submounts(mountinfo: &[u8], mask: &[PathBuf]) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = mountinfo
        .split(|b| *b == b'\n')
        .filter_map(|line| line.split(|b| *b == b' ').nth(4))
        .map(unescape)
        .filter(|p| p != Path::new("/"))
        .filter(|p| !PRIVATE.iter().any(|(private, _)| p.starts_with(private)))
        .filter(|p| !mask.iter().any(|m| p.starts_with(m)))
        .collect();
    found.sort();
    found.dedup();
    // A recursive bind brings what lies below.
    let mut topmost: Vec<PathBuf> = Vec::new();
    for path in found {
        if !topmost.iter().any(|above| path.starts_with(above)) {
            topmost.push(path);
        }
    }
    topmost
}

/// Spaces and the like stand as `\040` in mountinfo.
fn unescape(text: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        let octal = (byte == b'\\')
            .then(|| tail.get(..3))
            .flatten()
            .and_then(|d| std::str::from_utf8(d).ok())
            .and_then(|d| u8::from_str_radix(d, 8).ok());
        match octal {
            Some(value) => {
                out.push(value);
                rest = &tail[3..];
            }
            None => {
                out.push(byte);
                rest = tail;
            }
        }
    }
    PathBuf::from(OsStr::from_bytes(&out))
}

/// A descriptor for a place to mount at, not following a link in its last part.
fn place(path: &Path) -> io::Result<File> {
    let flags = nix::libc::O_PATH | nix::libc::O_NOFOLLOW | nix::libc::O_CLOEXEC;
    fs::OpenOptions::new().read(true).custom_flags(flags).open(path)
}

fn bind_readonly(source: &Path, target: &Path, users: Option<&Users>) -> Result<(), RootFsError> {
    let bind = || -> io::Result<()> {
        let target = match place(target) {
            // Something is mounted over a part of the host's tree that the overlay does not show.
            Err(e) if Errno::from_raw(e.raw_os_error().unwrap_or(0)) == Errno::ENOENT => {
                return Ok(());
            }
            result => result?,
        };
        let at = sys::c_string(source.as_os_str().as_encoded_bytes());
        let mount = sys::open_tree(nix::fcntl::AT_FDCWD, &at, true)?;
        sys::make_readonly(mount.as_fd(), true)?;
        if let Some(users) = users {
            // Where that cannot be, all of it is nobody's, and can still be read by others.
            let _ = users.map(mount.as_fd());
        }
        sys::attach_mount(mount.as_fd(), target.as_fd())
    };
    bind().map_err(failed(format!("show {} read-only", source.display())))
}

/// Hides a directory under an empty, read-only one.
fn cover(target: &Path) -> Result<(), RootFsError> {
    let flags = MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    match mount(Some("tmpfs"), target, Some("tmpfs"), flags, Some("size=0,mode=755")) {
        Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(()),
        result => result.map_err(failed(format!("hide {}", target.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_topmost_mounts_outside_private_places_are_shown() {
        let text = b"\
21 1 8:1 / / rw - ext4 /dev/sda1 rw
22 21 0:5 / /dev rw - devtmpfs udev rw
23 21 8:2 / /boot rw - ext4 /dev/sda2 rw
24 23 8:3 / /boot/efi rw - vfat /dev/sda3 rw
25 21 8:4 / /mnt/my\\040disk rw - ext4 /dev/sdb rw
26 21 0:9 / /var/lib/pod/x rw - tmpfs tmpfs rw
27 21 0:9 / /home/me rw - ext4 /dev/sdc rw
";
        let shown = select_submounts(text, &[PathBuf::from("/var/lib/pod")]);
        assert_eq!(shown, [PathBuf::from("/boot"), PathBuf::from("/mnt/my disk")]);
    }

    #[test]
    fn paths_cannot_add_options_to_an_overlay() {
        assert_eq!(escape(Path::new("/a:b,upperdir=/c")), r"/a\:b\,upperdir=/c");
    }
}
