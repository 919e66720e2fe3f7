//! The volumes that wait for something of others, and so are made when the sandbox stands.

use std::io;
use std::path::PathBuf;

use pod_spec::{ValidPod, Volume};
use pod_volumes::{DriverError, MountSource, Ownership, Prepared, VolumeError, VolumeSpec};
use tokio::task::JoinError;

use crate::claims::{ClaimError, Claims, is_claimed};
use crate::dirs::StateDir;
use crate::drivers::Drivers;
use crate::plan::{PodPlan, VolumePaths};

/// Why a volume cannot be made yet.
#[derive(Debug, thiserror::Error)]
pub(super) enum LateError {
    #[error("MountVolume.SetUp failed for volume {volume:?}")]
    Claim { volume: String, source: ClaimError },
    #[error("MountVolume.SetUp failed for volume {volume:?}")]
    Directory { volume: String, source: DriverError },
    #[error(
        "MountVolume.SetUp failed for volume {volume:?}: driver name {driver} not found in the list of registered CSI \
         drivers"
    )]
    NoDriver { volume: String, driver: String },
    #[error(
        "MountVolume.SetUp failed for volume {volume:?}: driver {driver} made no file or directory"
    )]
    NoPath { volume: String, driver: String },
    #[error(transparent)]
    Driven(VolumeError),
    #[error("cannot write volumes.json")]
    Note(#[source] io::Error),
    #[error("cannot make the volumes")]
    Unfinished(#[source] io::Error),
}

impl LateError {
    fn driven(error: VolumeError) -> Self {
        match error {
            VolumeError::NoDriver { volume, kind } => Self::NoDriver { volume, driver: kind },
            error => Self::Driven(error),
        }
    }

    pub fn unfinished(error: JoinError) -> Self {
        Self::Unfinished(io::Error::other(error))
    }
}

/// The volumes of a pod that are claims, and those of drivers of other programs.
#[derive(Debug)]
pub(super) struct Late {
    pod: ValidPod,
    state: StateDir,
    claims: Claims,
    /// The claims, and whom they are given to.
    claimed: Vec<(Volume, Option<Ownership>)>,
    drivers: Drivers,
    driven: Vec<VolumeSpec>,
    /// The directory for those of drivers, and the group that they belong to.
    place: (PathBuf, Option<u32>),
}

impl Late {
    pub fn of(plan: &PodPlan, drivers: &Drivers) -> Self {
        let claimed = plan.pod.spec().volumes.iter().filter(|volume| is_claimed(volume));
        Self {
            pod: plan.pod.clone(),
            state: plan.dirs.state.clone(),
            claims: plan.dirs.claims.clone(),
            claimed: claimed.map(|v| (v.clone(), plan.ownership(&v.name))).collect(),
            drivers: drivers.clone(),
            driven: plan.driven_volumes(),
            place: (plan.dirs.volumes(), plan.volume_group()),
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
        self.drive(volumes)
    }

    /// Has drivers make their volumes.
    fn drive(&self, mut volumes: VolumePaths) -> Result<VolumePaths, LateError> {
        if self.driven.is_empty() {
            return Ok(volumes);
        }
        let (base, group) = &self.place;
        let drivers = self.drivers.volumes(base).map_err(LateError::driven)?.with_group(*group);
        let prepared = drivers.prepare(&self.driven).map_err(LateError::driven)?;
        for (Prepared { name, source }, spec) in prepared.into_iter().zip(&self.driven) {
            let MountSource::Path(path) = source else {
                let driver = spec.source.kind().to_owned();
                return Err(LateError::NoPath { volume: name, driver });
            };
            volumes.insert(name, path);
        }
        self.state.write_volumes(&volumes).map_err(LateError::Note)?;
        Ok(volumes)
    }
}
