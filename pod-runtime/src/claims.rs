//! Claims for storage: a directory of this machine for each, which is kept until the claim is deleted.
//!
//! A claim is bound as soon as it is made. Its directory is made for the first pod that uses it. Who deletes a claim that a
//! pod uses marks it, and the last such pod takes it along. Claims and what is in them outlive a reboot.

use std::io;
use std::path::PathBuf;

use pod_spec::{
    OwnerReference, PersistentVolumeAccessMode, PersistentVolumeClaim, PersistentVolumeClaimPhase,
    PersistentVolumeClaimStatus, PersistentVolumeClaimTemplate, ValidPod, Volume, VolumeSource,
};
use pod_volumes::{DriverError, Ownership, Shelf};

use crate::clock::now;
use crate::dirs::Dirs;
use crate::error::chain;
use crate::objects::{Applied, ObjectError, Objects, identified};
use crate::runtime::{Runtime, names};

/// What keeps a claim from being removed while a pod uses it.
const PROTECTION: &str = "kubernetes.io/pvc-protection";

/// The longest name of a directory of ours, in bytes.
const LONGEST_NAME: usize = 240;

/// The claims of a runtime.
#[derive(Debug, Clone)]
pub struct Claims {
    dirs: Dirs,
    objects: Objects<PersistentVolumeClaim>,
}

/// What has become of a claim that was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deleted {
    /// It is gone, and all that was in it.
    Gone,
    /// It goes with the last of these pods.
    Used(Vec<String>),
}

/// Why a pod cannot have a claim, in the words of Kubernetes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClaimError {
    #[error("persistentvolumeclaim {name:?} not found")]
    Missing { name: String },
    #[error("persistentvolumeclaim {name:?} is being deleted")]
    Deleted { name: String },
    #[error("PVC {namespace}/{name} was not created for pod {namespace}/{pod} (pod is not owner)")]
    NotOwned { namespace: String, name: String, pod: String },
    #[error(
        "persistentvolumeclaim {name:?} has the access mode ReadWriteOncePod, and pod {user:?} uses it"
    )]
    Used { name: String, user: String },
    #[error(transparent)]
    Object(#[from] ObjectError),
}

impl Runtime {
    /// The claims, whose storage pods mount.
    pub fn claims(&self) -> Claims {
        Claims::new(self.dirs())
    }
}

impl Claims {
    pub(crate) fn new(dirs: &Dirs) -> Self {
        Self { dirs: dirs.clone(), objects: Objects::new(dirs) }
    }

    /// Makes the claim, or has it take the place of the one of its name: only what it asks for may have grown.
    ///
    /// # Errors
    /// When something in it is wrong, the claim that is there does not allow it, or a file cannot be written.
    pub fn apply(&self, claim: PersistentVolumeClaim) -> Result<Applied, ObjectError> {
        self.objects.apply(claim)
    }

    /// Makes the claim.
    ///
    /// # Errors
    /// When there is one of its name, something in it is wrong, or a file cannot be written.
    pub fn create(&self, claim: PersistentVolumeClaim) -> Result<(), ObjectError> {
        self.objects.create(claim)
    }

    /// The claim of this name.
    ///
    /// # Errors
    /// When there is none, or its file cannot be read.
    pub fn get(&self, namespace: &str, name: &str) -> Result<PersistentVolumeClaim, ObjectError> {
        self.objects.get(namespace, name)
    }

    /// All claims, or those of one namespace, by namespace and name.
    ///
    /// # Errors
    /// When a directory or a file cannot be read.
    pub fn list(&self, namespace: Option<&str>) -> Result<Vec<PersistentVolumeClaim>, ObjectError> {
        self.objects.list(namespace)
    }

    /// The directory that holds what is in a claim. It is made for the first pod that uses it.
    pub fn directory(&self, claim: &PersistentVolumeClaim) -> PathBuf {
        self.shelf().path(&directory(claim))
    }

    /// Removes the claim and all that is in it, at once when no pod uses it, else with the last pod that does.
    ///
    /// # Errors
    /// When there is none, or something of it cannot be removed. The same call goes on with it.
    pub fn delete(&self, namespace: &str, name: &str) -> Result<Deleted, ObjectError> {
        let mut claim = self.objects.get(namespace, name)?;
        let users = {
            let _lock = self.objects.lock()?;
            claim = self.objects.find(namespace, name)?.unwrap_or(claim);
            claim.metadata.deletion_timestamp.get_or_insert_with(now);
            self.objects.put(claim.clone())?;
            self.users(&claim)?
        };
        if !users.is_empty() {
            return Ok(Deleted::Used(users));
        }
        self.remove(&claim)?;
        Ok(Deleted::Gone)
    }

    /// Removes a claim that is marked, so that no pod begins to use it.
    fn remove(&self, claim: &PersistentVolumeClaim) -> Result<(), ObjectError> {
        let removed = self.shelf().remove(&directory(claim));
        removed.map_err(|errors| ObjectError::Storage {
            name: claim.metadata.name.clone(),
            errors: errors.iter().map(|error| chain(error)).collect(),
        })?;
        let (namespace, name) = place(claim);
        let _lock = self.objects.lock()?;
        // Somebody else may have removed it meanwhile, and made another one.
        match self.objects.find(namespace, name)? {
            Some(found) if found.metadata.uid == claim.metadata.uid => {
                self.objects.remove(namespace, name)
            }
            _ => Ok(()),
        }
    }

    /// The pods of its namespace that use a claim.
    fn users(&self, claim: &PersistentVolumeClaim) -> Result<Vec<String>, ObjectError> {
        let (namespace, _) = place(claim);
        let directory = self.directory(claim);
        let pods = self.dirs.namespace(namespace);
        let all = names(&pods)
            .map_err(|error| ObjectError::io("read", &pods)(io::Error::other(error)))?;
        let mut users = Vec::new();
        for name in all {
            let state = self.dirs.state(namespace, &name);
            let volumes = state.read_volumes();
            let volumes = volumes.map_err(ObjectError::io("read", &state.volumes()))?;
            if volumes.values().any(|path| *path == directory) {
                users.push(name);
            }
        }
        Ok(users)
    }

    /// Has a pod use the claim of one of its volumes. Where what is in it lies has been written down as the pod's by
    /// `note` before anybody can delete the claim.
    pub(crate) fn bind(
        &self,
        pod: &ValidPod,
        volume: &Volume,
        note: impl FnOnce(PathBuf) -> io::Result<()>,
    ) -> Result<PersistentVolumeClaim, ClaimError> {
        let _lock = self.objects.lock()?;
        let claim = self.claim_of(pod, volume)?;
        let file = self.dirs.state(pod.namespace(), pod.name()).volumes();
        note(self.directory(&claim)).map_err(ObjectError::io("write", &file))?;
        Ok(claim)
    }

    /// Makes the directory of a claim unless it is there, and gives what is in it to a group.
    pub(crate) fn prepare(
        &self,
        claim: &PersistentVolumeClaim,
        ownership: Option<Ownership>,
    ) -> Result<(), DriverError> {
        self.shelf().prepare(&directory(claim), ownership).map(drop)
    }

    /// The claim of a volume, which is made when it is the volume's own.
    fn claim_of(
        &self,
        pod: &ValidPod,
        volume: &Volume,
    ) -> Result<PersistentVolumeClaim, ClaimError> {
        let name = claim_name(pod, volume).unwrap_or_default();
        let found = self.objects.find(pod.namespace(), &name)?;
        let claim = match (found, template(volume)) {
            (Some(claim), Some(_)) if !is_owner(pod, &claim) => {
                let (namespace, pod) = (pod.namespace().to_owned(), pod.name().to_owned());
                return Err(ClaimError::NotOwned { namespace, name, pod });
            }
            (Some(claim), _) => claim,
            (None, Some(template)) => {
                let claim = identified(made_for(pod, name.clone(), template), None);
                self.objects.put(claim.clone())?;
                claim
            }
            (None, None) => return Err(ClaimError::Missing { name }),
        };
        if claim.metadata.deletion_timestamp.is_some() {
            return Err(ClaimError::Deleted { name });
        }
        if claim.spec.access_modes.contains(&PersistentVolumeAccessMode::ReadWriteOncePod)
            && let Some(user) = self.users(&claim)?.into_iter().find(|user| user != pod.name())
        {
            return Err(ClaimError::Used { name, user });
        }
        Ok(claim)
    }

    /// Lets go of the claims of a pod that is over, once it has written down that it uses none. Those that were deleted
    /// meanwhile go with the last pod that used them.
    pub(crate) fn release(&self, pod: &ValidPod) -> Vec<String> {
        let claimed = pod.spec().volumes.iter().filter_map(|volume| claim_name(pod, volume));
        let release = |name: String| {
            let found = self.objects.find(pod.namespace(), &name)?;
            match found.filter(|claim| claim.metadata.deletion_timestamp.is_some()) {
                Some(_) => self.delete(pod.namespace(), &name).map(drop),
                None => Ok(()),
            }
        };
        claimed.filter_map(|name| failed(release(name))).collect()
    }

    /// Deletes the claims that were made for a pod.
    pub(crate) fn delete_own(&self, pod: &ValidPod) -> Vec<String> {
        let own = pod.spec().volumes.iter().filter(|volume| template(volume).is_some());
        let delete = |name: String| {
            let found = self.objects.find(pod.namespace(), &name)?;
            match found.filter(|claim| is_owner(pod, claim)) {
                Some(_) => self.delete(pod.namespace(), &name).map(drop),
                None => Ok(()),
            }
        };
        own.filter_map(|volume| claim_name(pod, volume)).filter_map(|n| failed(delete(n))).collect()
    }

    /// Removes the claims that nobody can use any more: those that were deleted, or made for a pod, when the machine was
    /// switched off. `alive` says which pods there are, by their ids. Returns what was removed, and what could not be.
    pub(crate) fn repair(
        &self,
        alive: impl Fn(&str) -> bool,
    ) -> Result<(Vec<String>, Vec<String>), ObjectError> {
        let (mut removed, mut errors) = (Vec::new(), Vec::new());
        for claim in self.list(None)? {
            let orphaned = owner(&claim).is_some_and(|uid| !alive(uid));
            if !orphaned && claim.metadata.deletion_timestamp.is_none() {
                continue;
            }
            let (namespace, name) = place(&claim);
            match self.delete(namespace, name) {
                Ok(Deleted::Gone) => removed.push(format!("{namespace}/{name}")),
                Ok(Deleted::Used(_)) | Err(ObjectError::NotFound { .. }) => {}
                Err(error) => errors.push(chain(&error)),
            }
        }
        Ok((removed, errors))
    }

    fn shelf(&self) -> Shelf {
        Shelf::new(self.dirs.claimed())
    }
}

/// Whether a volume is a claim, its own or another one.
pub(crate) fn is_claimed(volume: &Volume) -> bool {
    matches!(
        volume.source,
        Some(VolumeSource::PersistentVolumeClaim(_) | VolumeSource::Ephemeral(_))
    )
}

/// The name of the claim of a volume.
fn claim_name(pod: &ValidPod, volume: &Volume) -> Option<String> {
    match &volume.source {
        Some(VolumeSource::PersistentVolumeClaim(claim)) => Some(claim.claim_name.clone()),
        Some(VolumeSource::Ephemeral(_)) => Some(format!("{}-{}", pod.name(), volume.name)),
        _ => None,
    }
}

fn template(volume: &Volume) -> Option<&PersistentVolumeClaimTemplate> {
    match &volume.source {
        Some(VolumeSource::Ephemeral(ephemeral)) => ephemeral.volume_claim_template.as_ref(),
        _ => None,
    }
}

/// A claim for a volume of a pod, which goes with the pod.
fn made_for(
    pod: &ValidPod,
    name: String,
    template: &PersistentVolumeClaimTemplate,
) -> PersistentVolumeClaim {
    let mut claim = PersistentVolumeClaim::default();
    claim.metadata = template.metadata.clone();
    claim.spec = template.spec.clone();
    claim.metadata.name = name;
    claim.metadata.namespace = Some(pod.namespace().to_owned());
    claim.metadata.owner_references = vec![OwnerReference {
        api_version: "v1".to_owned(),
        kind: "Pod".to_owned(),
        name: pod.name().to_owned(),
        uid: pod.metadata().uid.clone().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }];
    claim
}

/// The id of the pod that a claim was made for.
fn owner(claim: &PersistentVolumeClaim) -> Option<&str> {
    claim.metadata.owner_references.first().map(|owner| owner.uid.as_str())
}

fn is_owner(pod: &ValidPod, claim: &PersistentVolumeClaim) -> bool {
    owner(claim).is_some_and(|uid| Some(uid) == pod.metadata().uid.as_deref())
}

/// Binds a claim that has its identity.
pub(crate) fn bind(claim: &mut PersistentVolumeClaim) {
    claim.metadata.finalizers = vec![PROTECTION.to_owned()];
    claim.spec.volume_name = Some(volume_name(claim));
    claim.status = Some(PersistentVolumeClaimStatus {
        phase: Some(PersistentVolumeClaimPhase::Bound),
        access_modes: claim.spec.access_modes.clone(),
        capacity: claim.spec.resources.requests.clone(),
        ..PersistentVolumeClaimStatus::default()
    });
}

fn volume_name(claim: &PersistentVolumeClaim) -> String {
    format!("pvc-{}", claim.metadata.uid.as_deref().unwrap_or_default())
}

/// The name of its directory: unlike that of any other claim, and such that people find it.
fn directory(claim: &PersistentVolumeClaim) -> String {
    let (namespace, name) = place(claim);
    let mut directory = format!("{}_{namespace}_{name}", volume_name(claim));
    directory.truncate(LONGEST_NAME);
    directory
}

/// Namespace and name.
fn place(claim: &PersistentVolumeClaim) -> (&str, &str) {
    (claim.metadata.namespace.as_deref().unwrap_or_default(), &claim.metadata.name)
}

fn failed(result: Result<(), ObjectError>) -> Option<String> {
    match result {
        // Another pod that is over has removed it.
        Ok(()) | Err(ObjectError::NotFound { .. }) => None,
        Err(error) => Some(chain(&error)),
    }
}
