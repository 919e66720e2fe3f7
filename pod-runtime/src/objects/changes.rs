//! Waiting for changes of a namespace's objects.

use std::io;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use pod_spec::{ConfigMap, PersistentVolumeClaim, Secret};

use super::kind::Configuration;
use super::{ObjectError, Objects, TEMPORARY, make};
use crate::dirs::Dirs;
use crate::readable::{ReadError, Readable};
use crate::runtime::Runtime;

/// Tells when an object of a namespace has been made, changed or removed.
#[derive(Debug)]
pub struct ObjectChanges(Readable<Inotify>);

impl Runtime {
    /// Follows the ConfigMaps, Secrets and claims of a namespace from now on. Needs a tokio runtime.
    ///
    /// # Errors
    /// When the directories cannot be made or watched.
    pub fn object_changes(&self, namespace: &str) -> Result<ObjectChanges, ObjectError> {
        ObjectChanges::of(self.dirs(), namespace)
    }
}

impl<T: Configuration> Objects<T> {
    /// Follows the objects of a namespace from now on. Needs a tokio runtime.
    ///
    /// # Errors
    /// When the directory cannot be made or watched.
    pub fn changes(&self, namespace: &str) -> Result<ObjectChanges, ObjectError> {
        ObjectChanges::within(&[self.place(namespace)])
    }
}

impl ObjectChanges {
    /// Follows what the pods of a namespace use.
    pub(crate) fn of(dirs: &Dirs, namespace: &str) -> Result<Self, ObjectError> {
        Self::within(&[
            Objects::<ConfigMap>::new(dirs).place(namespace),
            Objects::<Secret>::new(dirs).place(namespace),
            Objects::<PersistentVolumeClaim>::new(dirs).place(namespace),
        ])
    }

    fn within(dirs: &[PathBuf]) -> Result<Self, ObjectError> {
        let context = || ObjectError::io("watch", &dirs[0]);
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)
            .map_err(|e| context()(e.into()))?;
        let flags = AddWatchFlags::IN_MOVED_TO | AddWatchFlags::IN_DELETE;
        for dir in dirs {
            make(dir)?;
            inotify.add_watch(dir, flags).map_err(|e| context()(e.into()))?;
        }
        Readable::new(inotify).map(Self).map_err(context())
    }

    /// Waits for the next change since the last call. All that has piled up is one.
    ///
    /// # Errors
    /// When the kernel tells no more.
    pub async fn next(&mut self) -> io::Result<()> {
        let read = |inotify: &mut Inotify| match inotify.read_events() {
            Ok(events) => {
                let counts = |name: &std::ffi::OsString| name != TEMPORARY;
                Ok(events.iter().any(|e| e.name.as_ref().is_none_or(counts)).then_some(()))
            }
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
            Err(e) => Err(e),
        };
        self.0.read(read).await.map_err(|e| match e {
            ReadError::Wait(e) => e,
            ReadError::Read(e) => e.into(),
        })
    }
}
