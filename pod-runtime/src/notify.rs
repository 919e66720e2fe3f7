//! Waiting for changes of files.

use std::io;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};

use crate::dirs::StateDir;
use crate::readable::{ReadError, Readable};

/// Tells when a pod's state has changed, and where it is asked to, a directory of logs.
#[derive(Debug)]
pub(crate) struct Changed {
    inotify: Readable<Inotify>,
    state: Option<WatchDescriptor>,
}

impl Changed {
    /// Watches the state of a pod: it changes when `state.json` does, which the engine writes last.
    pub fn of(state: &StateDir) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        let flags = AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_DELETE_SELF;
        let state = add(&inotify, state.path(), flags)?;
        Ok(Self { inotify: Readable::new(inotify)?, state })
    }

    /// As [`of`](Self::of), and tells as well when a file in `logs` grows, is put aside or is made.
    pub fn of_state_and_logs(state: &StateDir, logs: &Path) -> io::Result<Self> {
        let mut changed = Self::of(state)?;
        let flags =
            AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_MOVED_TO;
        add(changed.inotify.get_mut(), logs, flags)?;
        Ok(changed)
    }

    /// Waits for the next change since the last call. All that has piled up is one.
    pub async fn next(&mut self) -> io::Result<()> {
        let state = self.state;
        let counts = |event: &InotifyEvent| {
            Some(event.wd) != state || event.name.as_ref().is_none_or(|name| name == "state.json")
        };
        let read = |inotify: &mut Inotify| match inotify.read_events() {
            Ok(events) => Ok(events.iter().any(counts).then_some(())),
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
            Err(e) => Err(e),
        };
        self.inotify.read(read).await.map_err(|e| match e {
            ReadError::Wait(e) => e,
            ReadError::Read(e) => e.into(),
        })
    }
}

/// Watches a directory; a missing one is left out.
fn add(inotify: &Inotify, dir: &Path, flags: AddWatchFlags) -> io::Result<Option<WatchDescriptor>> {
    match inotify.add_watch(dir, flags) {
        Ok(watch) => Ok(Some(watch)),
        Err(Errno::ENOENT) => Ok(None),
        Err(e) => Err(e.into()),
    }
}
