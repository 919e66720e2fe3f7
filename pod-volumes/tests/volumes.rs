//! Prepares and tears down the volumes of a pod on a real file system.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::error::Error;
use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, mkdirat, umask};
use pod_volumes::{
    Driver, DriverError, FilesKind, HostPathKind, Medium, MountSource, Prepared, Source,
    VolumeContext, VolumeError, VolumeSpec, Volumes, disk_usage, remove_tree,
};
use tempfile::TempDir;

/// A pod's data directory, with the strictest usual umask for the whole process.
fn pod() -> (TempDir, Volumes) {
    umask(Mode::from_bits_truncate(0o077));
    let dir = tempfile::tempdir().unwrap();
    let volumes = Volumes::new(dir.path().join("volumes")).unwrap();
    (dir, volumes)
}

fn empty_dir(name: &str, medium: Medium, size_limit: Option<u64>) -> VolumeSpec {
    VolumeSpec { name: name.into(), source: Source::EmptyDir { medium, size_limit } }
}

fn disk(name: &str) -> VolumeSpec {
    empty_dir(name, Medium::Disk, None)
}

fn host_path(path: impl Into<PathBuf>, kind: HostPathKind) -> VolumeSpec {
    VolumeSpec { name: "host".into(), source: Source::HostPath { path: path.into(), kind } }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

/// The messages of an error and its causes, as a user reads them.
fn chain(error: &dyn Error) -> String {
    let rest = error.source().map(|cause| format!(": {}", chain(cause)));
    format!("{error}{}", rest.unwrap_or_default())
}

fn fails(volumes: &Volumes, spec: VolumeSpec) -> String {
    chain(&volumes.prepare(&[spec]).unwrap_err())
}

#[test]
fn an_empty_dir_is_open_to_all_and_ends_with_the_pod() {
    let (dir, volumes) = pod();
    let specs = [disk("cache"), empty_dir("scratch", Medium::Memory, Some(1 << 20))];
    let prepared = volumes.prepare(&specs).unwrap();
    let at = dir.path().join("volumes/kubernetes.io~empty-dir");
    assert_eq!(prepared[0].name, "cache");
    assert_eq!(prepared[0].source, MountSource::Path(at.join("cache")));
    assert_eq!(prepared[1].name, "scratch");
    let path = at.join("scratch");
    let tmpfs =
        MountSource::Tmpfs { path, size: Some(1 << 20), mode: 0o777, group: None, page_size: None };
    assert_eq!(prepared[1].source, tmpfs);
    for name in ["cache", "scratch"] {
        assert_eq!(mode(&at.join(name)), 0o777);
        assert_eq!(fs::metadata(at.join(name)).unwrap().uid(), nix::unistd::geteuid().as_raw());
    }

    fs::write(at.join("cache/file"), "kept").unwrap();
    assert_eq!(volumes.prepare(&specs).unwrap(), prepared);
    assert_eq!(fs::read_to_string(at.join("cache/file")).unwrap(), "kept");

    volumes.tear_down().unwrap();
    assert!(!dir.path().join("volumes").exists());
    volumes.tear_down().unwrap();
}

/// Needs root.
#[test]
fn b164_volumes_belong_to_the_group_of_the_pod() {
    let (dir, volumes) = pod();
    let volumes = volumes.with_group(Some(1234));
    let specs = [disk("disk"), empty_dir("memory", Medium::Memory, None)];
    let prepared = volumes.prepare(&specs).unwrap();
    let disk = dir.path().join("volumes/kubernetes.io~empty-dir/disk");
    assert_eq!((fs::metadata(&disk).unwrap().gid(), mode(&disk)), (1234, 0o2777));
    let MountSource::Tmpfs { mode: in_memory, group, .. } = prepared[1].source else {
        panic!("{prepared:?}")
    };
    assert_eq!((in_memory, group), (0o2777, Some(1234)));
    assert_eq!(volumes.prepare(&specs).unwrap(), prepared);
    assert_eq!(mode(&disk), 0o2777);
}

#[test]
fn volumes_of_files_share_a_tmpfs_for_each_kind() {
    let (dir, volumes) = pod();
    let files = |name: &str, kind| VolumeSpec { name: name.into(), source: Source::Files(kind) };
    let specs = [
        files("a", FilesKind::Secret),
        files("b", FilesKind::Secret),
        files("c", FilesKind::ConfigMap),
    ];
    let kinds = ["secret", "secret", "configmap"];
    let at = |kind| dir.path().join("volumes").join(format!("kubernetes.io~{kind}"));
    let expected = specs.iter().zip(kinds).map(|(spec, kind)| {
        let (name, tmpfs) = (spec.name.clone(), at(kind));
        Prepared { source: MountSource::Files { path: tmpfs.join(&name), tmpfs }, name }
    });
    assert_eq!(volumes.prepare(&specs).unwrap(), expected.collect::<Vec<_>>());
    assert_eq!((mode(&at("secret")), mode(&at("configmap"))), (0o700, 0o700));
    volumes.tear_down().unwrap();
    assert!(!dir.path().join("volumes").exists());
}

#[test]
fn no_volumes_leave_no_trace() {
    let (dir, volumes) = pod();
    assert_eq!(volumes.prepare(&[]).unwrap(), []);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_base_that_must_not_be_removed_is_refused() {
    for base in ["", "/", "volumes", "./v", "/var/../v", "/..", "//"] {
        assert!(matches!(Volumes::new(base), Err(VolumeError::UnsafeBase { .. })), "{base:?}");
    }
}

#[test]
fn a_faulty_list_is_refused_before_anything_is_made() {
    let (dir, volumes) = pod();
    let custom = Source::Custom { kind: "example.com/none".into(), parameters: [].into() };
    for (bad, message) in [
        (disk(".."), "\"..\" cannot be the name of a volume"),
        (disk("a/b"), "\"a/b\" cannot be the name of a volume"),
        (disk("a\0"), "\"a\\0\" cannot be the name of a volume"),
        (disk("good"), "there are two volumes \"good\""),
        (
            VolumeSpec { name: "x".into(), source: custom },
            "volume \"x\" is of kind \"example.com/none\", for which there is no driver",
        ),
    ] {
        let error = volumes.prepare(&[disk("good"), bad]).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}

#[test]
fn each_kind_of_host_path_is_checked_in_the_kubelets_words() {
    let (dir, volumes) = pod();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir(at("dir")).unwrap();
    fs::write(at("file"), "").unwrap();
    let _socket = UnixListener::bind(at("socket")).unwrap();
    let null = PathBuf::from("/dev/null");
    let block = fs::read_dir("/dev")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| mode_is_block(path));
    let mut present = vec![
        (HostPathKind::Directory, "directory", at("dir")),
        (HostPathKind::DirectoryOrCreate, "directory", at("dir")),
        (HostPathKind::File, "file", at("file")),
        (HostPathKind::FileOrCreate, "file", at("file")),
        (HostPathKind::Socket, "socket file", at("socket")),
        (HostPathKind::CharDevice, "character device", null.clone()),
    ];
    if let Some(block) = block {
        present.push((HostPathKind::BlockDevice, "block device", block));
    }
    for (kind, words, path) in &present {
        let prepared = volumes.prepare(&[host_path(path, *kind)]).unwrap();
        assert_eq!(prepared[0].source, MountSource::Path(path.clone()));
        for (_, other, wrong) in present.iter().filter(|(_, other, _)| other != words) {
            assert_eq!(
                fails(&volumes, host_path(wrong, *kind)),
                format!(
                    "MountVolume.SetUp failed for volume \"host\": \
                     hostPath type check failed: {} is not a {words}",
                    wrong.display()
                ),
                "{other} as {words}"
            );
        }
    }
    for (kind, words) in [
        (HostPathKind::Directory, "directory"),
        (HostPathKind::File, "file"),
        (HostPathKind::Socket, "socket file"),
        (HostPathKind::CharDevice, "character device"),
        (HostPathKind::BlockDevice, "block device"),
    ] {
        let message = fails(&volumes, host_path(at("absent"), kind));
        assert!(message.ends_with(&format!("absent is not a {words}")), "{message}");
    }
    for path in [at("absent"), at("file"), null] {
        volumes.prepare(&[host_path(path, HostPathKind::Unset)]).unwrap();
    }
    for path in ["relative", "/a/../b", ""] {
        let message = fails(&volumes, host_path(path, HostPathKind::Unset));
        assert!(message.ends_with("must be absolute and without `..`"), "{message}");
    }
}

fn mode_is_block(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_block_device())
}

#[test]
fn what_is_made_for_a_host_path_has_its_mode_and_stays() {
    let (dir, volumes) = pod();
    let deep = dir.path().join("one/two");
    for (kind, path) in
        [(HostPathKind::DirectoryOrCreate, "one/two"), (HostPathKind::Unset, "three/four")]
    {
        let path = dir.path().join(path);
        volumes.prepare(&[host_path(&path, kind)]).unwrap();
        assert_eq!(mode(path.parent().unwrap()), 0o755);
        assert_eq!(mode(&path), 0o755);
    }
    let file = deep.join("file");
    volumes.prepare(&[host_path(&file, HostPathKind::FileOrCreate)]).unwrap();
    assert_eq!(mode(&file), 0o644);
    let orphan = dir.path().join("no/parent");
    let message = fails(&volumes, host_path(&orphan, HostPathKind::FileOrCreate));
    assert!(message.contains("cannot make file"), "{message}");
    volumes.tear_down().unwrap();
    assert!(file.exists());
}

#[test]
fn a_failure_undoes_what_the_call_has_made_and_no_more() {
    let (dir, volumes) = pod();
    let bad = || host_path("/dev/null", HostPathKind::Directory);
    assert!(volumes.prepare(&[disk("a"), disk("b"), bad()]).is_err());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);

    volumes.prepare(&[disk("a")]).unwrap();
    let at = dir.path().join("volumes/kubernetes.io~empty-dir");
    fs::write(at.join("a/file"), "").unwrap();
    assert!(volumes.prepare(&[disk("a"), disk("b"), bad()]).is_err());
    assert!(at.join("a/file").exists());
    assert!(!at.join("b").exists());
}

#[test]
fn links_in_and_around_a_volume_do_not_lead_outside() {
    let (dir, volumes) = pod();
    let outside = tempfile::tempdir().unwrap();
    let kept = outside.path().join("kept");
    fs::write(&kept, "").unwrap();
    volumes.prepare(&[disk("a")]).unwrap();
    let at = dir.path().join("volumes/kubernetes.io~empty-dir");
    symlink(outside.path(), at.join("a/link")).unwrap();
    symlink(outside.path(), at.join("b")).unwrap();
    assert!(volumes.prepare(&[disk("b")]).is_err(), "a link in a volume's place is no volume");
    volumes.tear_down().unwrap();
    assert!(kept.exists());

    symlink(outside.path(), dir.path().join("volumes")).unwrap();
    assert!(volumes.prepare(&[disk("a")]).is_err());
    assert!(volumes.tear_down().is_err());
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
}

#[test]
fn what_a_volume_takes_is_measured() {
    let (dir, _volumes) = pod();
    let at = dir.path().join("measured");
    fs::create_dir_all(at.join("d")).unwrap();
    let empty = disk_usage(&at).unwrap();
    let outside = dir.path().join("outside");
    fs::write(&outside, vec![1; 8 << 20]).unwrap();
    fs::write(at.join("d/file"), vec![1; 1 << 20]).unwrap();
    fs::hard_link(at.join("d/file"), at.join("again")).unwrap();
    symlink(&outside, at.join("link")).unwrap();
    let taken = disk_usage(&at).unwrap() - empty;
    assert!((1 << 20..2 << 20).contains(&taken), "{taken}");
    assert!(disk_usage(&at.join("none")).is_err());
}

#[test]
fn nothing_is_too_deep_to_be_measured() {
    let (dir, _volumes) = pod();
    let at = dir.path().join("measured");
    fs::create_dir(&at).unwrap();
    let mut inner = OwnedFd::from(fs::File::open(&at).unwrap());
    // Deeper than a path can name, and than a process may have files open.
    for _ in 0..3000 {
        mkdirat(&inner, "d", Mode::S_IRWXU).unwrap();
        mkdirat(&inner, "e", Mode::S_IRWXU).unwrap();
        inner = openat(&inner, "d", OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty()).unwrap();
    }
    let empty = disk_usage(&at).unwrap();
    let flags = OFlag::O_CREAT | OFlag::O_WRONLY | OFlag::O_CLOEXEC;
    let file = openat(&inner, "file", flags, Mode::S_IRUSR).unwrap();
    fs::File::from(file).write_all(&vec![1; 1 << 20]).unwrap();
    let taken = disk_usage(&at).unwrap() - empty;
    assert!((1 << 20..2 << 20).contains(&taken), "{taken}");
    remove_tree(fs::File::open(dir.path()).unwrap().as_fd(), OsStr::new("measured")).unwrap();
}

/// A driver of another program: it cannot be torn down while a file says so.
#[derive(Debug)]
struct Sticky(PathBuf);

impl Driver for Sticky {
    fn kind(&self) -> &str {
        "example.com/sticky"
    }

    fn prepare(
        &self,
        context: &VolumeContext<'_>,
        source: &Source,
    ) -> Result<MountSource, DriverError> {
        let Source::Custom { parameters, .. } = source else {
            return Err(DriverError::WrongSource { kind: self.kind().into() });
        };
        assert_eq!(parameters["colour"], "red");
        Ok(MountSource::Path(context.make_dir(0o700)?))
    }

    fn tear_down(&self, context: &VolumeContext<'_>) -> Result<(), Vec<DriverError>> {
        if self.0.exists() {
            return Err(vec![DriverError::Custom("it sticks".into())]);
        }
        context.remove_dir()
    }
}

#[test]
fn a_driver_of_another_program_takes_part() {
    let (dir, volumes) = pod();
    let glue = dir.path().join("glue");
    fs::write(&glue, "").unwrap();
    let volumes = volumes.with_driver(Sticky(glue.clone()));
    let sticky = |name: &str| VolumeSpec {
        name: name.into(),
        source: Source::Custom {
            kind: "example.com/sticky".into(),
            parameters: [("colour".into(), "red".into())].into(),
        },
    };
    let prepared = volumes.prepare(&[sticky("s"), sticky("t"), disk("a")]).unwrap();
    let at = dir.path().join("volumes");
    assert_eq!(prepared[0].source, MountSource::Path(at.join("example.com~sticky/s")));

    let errors = volumes.tear_down().unwrap_err();
    let mut messages: Vec<_> = errors.iter().map(|error| chain(error)).collect();
    messages.sort();
    assert_eq!(
        messages,
        ["s", "t"].map(|n| format!("UnmountVolume.TearDown failed for volume {n:?}: it sticks"))
    );
    assert!(at.join("example.com~sticky/t").exists());
    assert!(!at.join("kubernetes.io~empty-dir").exists(), "the others are torn down");

    fs::remove_file(&glue).unwrap();
    volumes.tear_down().unwrap();
    assert!(!at.exists());
}
