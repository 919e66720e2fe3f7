//! Tells onlookers how far a pull is.

use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::manifest::Layer;
use crate::store::{LayerProgress, LayerState, Progress, ProgressFile, Session};

/// How often the number of bytes is written. A change of state is at once.
const INTERVAL: Duration = Duration::from_millis(100);

/// The progress of one pull. That it cannot be written does not stop the pull.
#[derive(Debug)]
pub(super) struct Tracker {
    /// The image's name.
    name: String,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    file: Option<ProgressFile>,
    progress: Progress,
    /// Whether there is something that has not been written.
    untold: bool,
}

impl Tracker {
    pub(super) fn new(session: &Session, name: String) -> Self {
        let inner = Inner {
            file: session.progress_file(&name).ok().flatten(),
            progress: Progress { layers: Vec::new() },
            untold: false,
        };
        Self { name, inner: Mutex::new(inner) }
    }

    /// The layers are known from now on.
    pub(super) fn layers(&self, session: &Session, layers: &[Layer]) {
        let mut inner = self.lock();
        inner.progress.layers = layers
            .iter()
            .map(|layer| LayerProgress {
                digest: layer.digest.clone(),
                size: layer.size,
                fetched: 0,
                state: LayerState::Waiting,
            })
            .collect();
        inner.write(session, &self.name);
    }

    /// Something else is done with a layer from now on.
    pub(super) fn state(&self, session: &Session, index: usize, state: LayerState) {
        let mut inner = self.lock();
        if let Some(layer) = inner.progress.layers.get_mut(index) {
            layer.state = state;
            if matches!(state, LayerState::Unpacking | LayerState::Done) {
                layer.fetched = layer.size;
            }
        }
        inner.write(session, &self.name);
    }

    /// So many bytes of a layer are there.
    pub(super) fn fetched(&self, index: usize, fetched: u64) {
        let mut inner = self.lock();
        if let Some(layer) = inner.progress.layers.get_mut(index) {
            layer.fetched = fetched;
        }
        inner.untold = true;
    }

    /// Writes how many bytes are there, again and again. Also when no more come, which is what an onlooker wants to know.
    pub(super) async fn tell(&self, session: &Session) -> Infallible {
        loop {
            tokio::time::sleep(INTERVAL).await;
            let mut inner = self.lock();
            if inner.untold {
                inner.write(session, &self.name);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn write(&mut self, session: &Session, name: &str) {
        if self.file.is_none() {
            // The pull that had it may have ended, or been killed.
            self.file = session.progress_file(name).ok().flatten();
        }
        if let Some(file) = &self.file {
            // It is for onlookers alone; a disk that is full stops the pull elsewhere.
            let _ = file.write(&self.progress);
        }
        self.untold = false;
    }
}
