//! Measures how long it takes to prepare volumes and to tear them down, against plain
//! `mkdir` and `mount`. Run it as root, in its release form; compare the ratios only.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::error::Error;
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use pod_volumes::{
    FilesKind, Medium, MountSource, Payload, PayloadFile, Source, VolumeSpec, Volumes,
};

/// How often each is done; the median counts.
const ROUNDS: usize = 21;

fn main() -> Result<(), Box<dyn Error>> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>)?;
    let dir = std::env::temp_dir().join(format!("pod-volumes-timing-{}", std::process::id()));
    fs::create_dir(&dir)?;
    let measured = measure(&dir);
    fs::remove_dir_all(&dir)?;
    measured
}

fn measure(dir: &Path) -> Result<(), Box<dyn Error>> {
    println!("volumes  mkdir  emptyDir  ratio    mkdir+mount+files  files on tmpfs  ratio");
    for count in [1, 10, 50] {
        let plain = median(|| plain(dir, count))?;
        let empty = median(|| empty_dirs(dir, count))?;
        let mounted = median(|| plain_files(dir, count))?;
        let files = median(|| files(dir, count))?;
        println!(
            "{count:7}  {plain:5.0?}  {empty:8.0?}  {:5.1}    {mounted:17.0?}  {files:14.0?}  {:5.1}",
            empty.as_secs_f64() / plain.as_secs_f64(),
            files.as_secs_f64() / mounted.as_secs_f64(),
        );
    }
    Ok(())
}

type Done = Result<(), Box<dyn Error>>;

fn median(mut work: impl FnMut() -> Done) -> Result<Duration, Box<dyn Error>> {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        work()?;
        times.push(began.elapsed());
    }
    times.sort();
    Ok(times[ROUNDS / 2])
}

fn plain(dir: &Path, count: usize) -> Done {
    let base = dir.join("plain");
    fs::create_dir(&base)?;
    for n in 0..count {
        fs::create_dir(base.join(n.to_string()))?;
    }
    Ok(fs::remove_dir_all(base)?)
}

fn plain_files(dir: &Path, count: usize) -> Done {
    let base = dir.join("plain");
    fs::create_dir(&base)?;
    for n in 0..count {
        let path = base.join(n.to_string());
        fs::create_dir(&path)?;
        tmpfs(&path)?;
        fs::write(path.join("key"), "value")?;
    }
    for n in 0..count {
        umount2(&base.join(n.to_string()), MntFlags::MNT_DETACH)?;
    }
    Ok(fs::remove_dir_all(base)?)
}

fn empty_dirs(dir: &Path, count: usize) -> Done {
    let volumes = Volumes::new(dir.join("volumes"))?;
    let source = Source::EmptyDir { medium: Medium::Disk, size_limit: None };
    volumes.prepare(&specs(count, &source))?;
    torn_down(&volumes)
}

fn files(dir: &Path, count: usize) -> Done {
    let mut payload = Payload::default();
    payload.insert("key", PayloadFile { content: b"value".to_vec(), mode: 0o644 })?;
    let volumes = Volumes::new(dir.join("volumes"))?;
    let mut mounted: Option<(PathBuf, File)> = None;
    for prepared in volumes.prepare(&specs(count, &Source::Files(FilesKind::ConfigMap)))? {
        let MountSource::Files { tmpfs: at, path } = prepared.source else { continue };
        let (_, dir) = match &mut mounted {
            Some(mounted) => mounted,
            none => {
                tmpfs(&at)?;
                none.insert((at.clone(), File::open(&at)?))
            }
        };
        payload.write_to(dir.as_fd(), path.file_name().unwrap_or_default(), None)?;
    }
    if let Some((at, _)) = mounted {
        umount2(&at, MntFlags::MNT_DETACH)?;
    }
    torn_down(&volumes)
}

fn specs(count: usize, source: &Source) -> Vec<VolumeSpec> {
    (0..count).map(|n| VolumeSpec { name: n.to_string(), source: source.clone() }).collect()
}

fn tmpfs(path: &Path) -> Done {
    Ok(mount(Some("tmpfs"), path, Some("tmpfs"), MsFlags::empty(), Some("mode=777"))?)
}

fn torn_down(volumes: &Volumes) -> Done {
    volumes.tear_down().map_err(|errors| format!("{errors:?}").into())
}
