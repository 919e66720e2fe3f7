//! Waiting for changes of anything that a runtime holds.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use crate::error::RuntimeError;
use crate::readable::{ReadError, Readable};
use crate::runtime::Runtime;

/// How often one looks although no file has changed: a keeper and engine that were killed together write nothing any more.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// Namespaces, pods or kinds of objects, and what is in those.
const DEPTH: usize = 2;

/// Tells when a pod, its status or its events, a ConfigMap or a Secret may have changed, been made or been removed.
///
/// It does not say what: look at all that you want to know of once more.
#[derive(Debug)]
pub struct Watch {
    inotify: Readable<Inotify>,
    dirs: [PathBuf; 2],
}

impl Runtime {
    /// Watches everything that this runtime holds, from now on. Needs a tokio runtime.
    ///
    /// # Errors
    /// When the directories cannot be watched.
    pub fn watch(&self) -> Result<Watch, RuntimeError> {
        let dirs = [self.dirs().namespaces(), self.dirs().objects()];
        let context = || RuntimeError::io("watch the pods of this machine");
        // What is not there cannot be watched. Who may not make it sees it when it comes, a little later.
        for dir in &dirs {
            let _ = DirBuilder::new().recursive(true).mode(0o700).create(dir);
        }
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)
            .and_then(|inotify| add_all(&inotify, &dirs).map(|()| inotify))
            .map_err(|e| context()(e.into()))?;
        Ok(Watch { inotify: Readable::new(inotify).map_err(context())?, dirs })
    }
}

impl Watch {
    /// Waits for the next change since the last call. All that has piled up is one. Returns after some seconds without one,
    /// too.
    ///
    /// # Errors
    /// When the kernel tells no more.
    pub async fn next(&mut self) -> Result<(), RuntimeError> {
        let context = || RuntimeError::io("watch the pods of this machine");
        let read = |inotify: &mut Inotify| match inotify.read_events() {
            Ok(_) => Ok(Some(())),
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
            Err(e) => Err(e),
        };
        if let Ok(changed) = tokio::time::timeout(HEARTBEAT, self.inotify.read(read)).await {
            changed.map_err(|e| match e {
                ReadError::Wait(e) => context()(e),
                ReadError::Read(e) => context()(e.into()),
            })?;
        }
        // Whoever looks next sees what has come into a new directory before it was watched.
        add_all(self.inotify.get_mut(), &self.dirs).map_err(|e| context()(e.into()))
    }
}

fn add_all(inotify: &Inotify, dirs: &[PathBuf]) -> Result<(), Errno> {
    dirs.iter().try_for_each(|dir| add(inotify, dir, DEPTH))
}

/// Watches a directory and those within. One that is missing is left out; one that is watched already stays so.
fn add(inotify: &Inotify, dir: &Path, depth: usize) -> Result<(), Errno> {
    let flags = AddWatchFlags::IN_CREATE
        | AddWatchFlags::IN_MOVED_TO
        | AddWatchFlags::IN_MOVED_FROM
        | AddWatchFlags::IN_DELETE;
    match inotify.add_watch(dir, flags | AddWatchFlags::IN_ONLYDIR) {
        Err(Errno::ENOENT | Errno::ENOTDIR) => return Ok(()),
        result => result?,
    };
    if depth == 0 {
        return Ok(());
    }
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let inner = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    inner.map(|entry| entry.path()).try_for_each(|dir| add(inotify, &dir, depth - 1))
}
