//! What a supervisor keeps of its workload beside the object.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

use pod_runtime::{Network, RecordedEvent, Runtime};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::WorkloadError;

/// The directory of a workload, by its id. Gone after a reboot.
#[derive(Debug, Clone)]
pub(crate) struct StateDir(PathBuf);

/// What must not be forgotten.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct State<M> {
    /// The network that its pods get.
    pub(crate) network: Network,
    pub(crate) events: Vec<RecordedEvent>,
    pub(crate) memory: M,
}

impl StateDir {
    pub(crate) fn of(runtime: &Runtime, uid: &str) -> Self {
        Self(runtime.run_dir().join("workloads").join(uid))
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.0.join("supervisor.log")
    }

    fn file(&self) -> PathBuf {
        self.0.join("state.json")
    }

    /// Makes the directory, for pods on this network, if it is not there.
    pub(crate) fn make<M: Default + Serialize>(
        &self,
        network: Network,
    ) -> Result<(), WorkloadError> {
        if self.file().exists() {
            return Ok(());
        }
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.0);
        made.map_err(WorkloadError::io(format!("make {}", self.0.display())))?;
        self.write(&State { network, events: Vec::new(), memory: M::default() })
    }

    pub(crate) fn read<M: DeserializeOwned>(&self) -> Result<State<M>, WorkloadError> {
        let context = || WorkloadError::io(format!("read {}", self.file().display()));
        let text = fs::read(self.file()).map_err(context())?;
        serde_json::from_slice(&text).map_err(|e| context()(e.into()))
    }

    /// Writes the file whole: a reader finds this one or that before it.
    pub(crate) fn write<M: Serialize>(&self, state: &State<M>) -> Result<(), WorkloadError> {
        let context = || WorkloadError::io(format!("write {}", self.file().display()));
        let text = serde_json::to_vec(state).map_err(|e| context()(e.into()))?;
        let new = self.0.join("state.new");
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&new);
        file.and_then(|mut file| file.write_all(&text)).map_err(context())?;
        fs::rename(&new, self.file()).map_err(context())
    }

    pub(crate) fn remove(&self) -> Result<(), WorkloadError> {
        match fs::remove_dir_all(&self.0) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                Err(WorkloadError::io(format!("remove {}", self.0.display()))(e))
            }
            _ => Ok(()),
        }
    }
}
