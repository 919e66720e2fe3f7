//! A store and settings of a test's own, and how an image is pulled there.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pod_images::{Image, Images, Places, PullError, PullOptions, PullPolicy, RootSource, Timing};

pub struct World {
    dir: tempfile::TempDir,
    pub options: PullOptions,
}

impl World {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options = options(dir.path());
        Self { dir, options }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn images(&self) -> Images {
        images(&self.path("store"))
    }

    /// Writes one of the settings, by its place below `/etc`.
    pub fn set(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path("etc").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn pull(&self, image: &str) -> Result<Image, PullError> {
        self.ensure(image, PullPolicy::Always)
    }

    pub fn ensure(&self, image: &str, policy: PullPolicy) -> Result<Image, PullError> {
        let reference = image.parse().unwrap();
        block_on(self.images().ensure(&reference, policy, &self.options))
    }

    /// What is left of a pull that failed, as a message with its causes.
    pub fn failure(&self, image: &str) -> String {
        told(&self.pull(image).unwrap_err())
    }

    /// The bytes of the partial blobs in the store.
    pub fn partial(&self) -> u64 {
        partial(&self.path("store"))
    }
}

/// The bytes of the partial blobs in a store.
pub fn partial(store: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(store.join("ingest")) else { return 0 };
    entries.filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len())).sum()
}

pub fn images(store: &Path) -> Images {
    Images::with_helper(store, env!("CARGO_BIN_EXE_pod-unpack"))
}

/// Settings below `dir`, and short times.
pub fn options(dir: &Path) -> PullOptions {
    PullOptions {
        credentials: Vec::new(),
        places: Places {
            machine: Some(dir.join("etc")),
            docker: Some(dir.join("docker")),
            ..Places::default()
        },
        timing: Timing {
            connect: Duration::from_secs(10),
            silence: Duration::from_secs(10),
            pause: Duration::from_millis(1),
            ..Timing::default()
        },
    }
}

pub fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// The content of a file in the topmost layer that has it.
pub fn file_of(image: &Image, path: &str) -> Option<Vec<u8>> {
    let RootSource::Layers(layers) = &image.root else { panic!("no layers: {image:?}") };
    layers.iter().rev().find_map(|layer| fs::read(layer.join(path)).ok())
}
