//! The volumes that wait for something of others, and so are made when the sandbox stands.

use std::io;

use pod_spec::{ValidPod, Volume};
use pod_volumes::{DriverError, Ownership};
use tokio::task::JoinError;

use crate::claims::{ClaimError, Claims, is_claimed};
use crate::dirs::StateDir;
use crate::plan::{PodPlan, VolumePaths};

/// Why a volume cannot be made yet.
#[derive(Debug, thiserror::Error)]
pub(super) enum LateError {
    #[error("MountVolume.SetUp failed for volume {volume:?}")]
    Claim { volume: String, source: ClaimError },
    #[error("MountVolume.SetUp failed for volume {volume:?}")]
    Directory { volume: String, source: DriverError },
    #[error("cannot make the volumes")]
    Unfinished(#[source] io::Error),
}

impl LateError {
    pub fn unfinished(error: JoinError) -> Self {
        Self::Unfinished(io::Error::other(error))
    }
}

/// The volumes of a pod that are claims.
#[derive(Debug)]
pub(super) struct Late {
    pod: ValidPod,
    state: StateDir,
    claims: Claims,
    /// The claims, and whom they are given to.
    claimed: Vec<(Volume, Option<Ownership>)>,
}

impl Late {
    pub fn of(plan: &PodPlan) -> Self {
        let claimed = plan.pod.spec().volumes.iter().filter(|volume| is_claimed(volume));
        Self {
            pod: plan.pod.clone(),
            state: plan.dirs.state.clone(),
            claims: plan.dirs.claims.clone(),
            claimed: claimed.map(|v| (v.clone(), plan.ownership(&v.name))).collect(),
        }
    }

    /// Makes them, and returns where they lie, beside those that are there already. What has been made is written down,
    /// also when a later one fails.
    pub fn make(&self, mut volumes: VolumePaths) -> Result<VolumePaths, LateError> {
        for (volume, ownership) in &self.claimed {
            let name = &volume.name;
            let claim = self.claims.bind(&self.pod, volume, |path| {
                volumes.insert(name.clone(), path);
                self.state.write_volumes(&volumes)
            });
            let failed = |source| LateError::Claim { volume: name.clone(), source };
            let prepared = self.claims.prepare(&claim.map_err(failed)?, *ownership);
            let failed = |source| LateError::Directory { volume: name.clone(), source };
            prepared.map_err(failed)?;
        }
        Ok(volumes)
    }
}
