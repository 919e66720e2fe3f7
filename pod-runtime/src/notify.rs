//! Waiting for changes of files.

use std::io;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use crate::readable::{ReadError, Readable};

/// Tells when something in one of its directories has changed.
#[derive(Debug)]
pub(crate) struct Changed(Readable<Inotify>);

impl Changed {
    /// Watches directories; those that are missing are left out.
    pub fn watch<'a>(dirs: impl IntoIterator<Item = &'a Path>) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        let flags = AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_MODIFY
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_DELETE_SELF;
        for dir in dirs {
            match inotify.add_watch(dir, flags) {
                Ok(_) | Err(Errno::ENOENT) => {}
                Err(e) => return Err(e.into()),
            }
        }
        Ok(Self(Readable::new(inotify)?))
    }

    /// Waits for the next change since the last call.
    pub async fn next(&mut self) -> io::Result<()> {
        let read = |inotify: &mut Inotify| match inotify.read_events() {
            // All that has piled up is one change: whoever waits looks at the files anew.
            Ok(_) => Ok(Some(())),
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
            Err(e) => Err(e),
        };
        self.0.read(read).await.map_err(|e| match e {
            ReadError::Wait(e) => e,
            ReadError::Read(e) => e.into(),
        })
    }
}
