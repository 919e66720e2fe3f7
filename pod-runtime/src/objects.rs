//! What is kept for each namespace beside its pods: ConfigMaps and Secrets, which they are configured with, claims for
//! storage, and Deployments and Jobs, which others make pods from.
//!
//! Each is a file below the runtime's directory, of which a reader finds a whole version, that before a change or that
//! after it. Whoever changes one holds a lock on the directory. The directories of a namespace stay when they are empty,
//! since somebody may watch them.

mod changes;
mod kind;

use std::fs::{self, DirBuilder, File};
use std::io;
use std::marker::PhantomData;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use pod_spec::{Faults, ObjectMeta, Time};

use crate::clock::now;
use crate::dirs::Dirs;
use crate::error::RuntimeError;
use crate::runtime::{Runtime, names};
use crate::store;
pub use changes::ObjectChanges;
pub use kind::Configuration;
use kind::Kept;

/// The name of a file that is being written. No object's name begins with a dot.
const TEMPORARY: &str = ".new";

/// The objects of one kind of a runtime: its ConfigMaps, say.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use pod_runtime::{Applied, Runtime};
/// use pod_spec::ConfigMap;
///
/// let settings = ConfigMap::from_yaml("{apiVersion: v1, kind: ConfigMap, metadata: {name: web}, data: {colour: red}}")?;
/// let maps = Runtime::open("/run/pod")?.config_maps();
/// assert_eq!(maps.apply(settings)?, Applied::Created);
/// assert_eq!(maps.get("default", "web")?.data["colour"], "red");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Objects<T> {
    /// The namespaces, each a directory of kinds.
    dir: PathBuf,
    kind: PhantomData<fn() -> T>,
}

/// What came of applying an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// There was none of its name.
    Created,
    /// It takes the place of another version.
    Configured,
    /// It was there already.
    Unchanged,
}

/// An operation on objects that are kept that failed. No message holds a value of one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectError {
    /// There is no such object.
    #[error("there is no {kind} `{name}` in namespace `{namespace}`")]
    NotFound {
        /// `ConfigMap`, `Secret` and so on.
        kind: &'static str,
        /// The namespace.
        namespace: String,
        /// The name.
        name: String,
    },
    /// An object of this name is there.
    #[error("{kind} `{name}` exists already in namespace `{namespace}`: apply it to change it")]
    Exists {
        /// `ConfigMap`, `Secret` and so on.
        kind: &'static str,
        /// The namespace.
        namespace: String,
        /// The name.
        name: String,
    },
    /// The object of this name is being deleted.
    #[error("{kind} `{name}` is being deleted: try again when it is gone")]
    Terminating {
        /// `Deployment`, `Job` or `PersistentVolumeClaim`.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// The object is wrong.
    #[error(transparent)]
    Manifest(#[from] Faults),
    /// The object that is there cannot be changed in this way.
    #[error("{kind} `{name}` cannot be changed: {faults}: delete it first")]
    Change {
        /// `ConfigMap`, `Secret` and so on.
        kind: &'static str,
        /// The name.
        name: String,
        /// What cannot be changed.
        faults: Faults,
    },
    /// What is in a claim cannot be removed.
    #[error("cannot remove what is in PersistentVolumeClaim `{name}`: {}", errors.join("; "))]
    Storage {
        /// The claim.
        name: String,
        /// What is left, and why.
        errors: Vec<String>,
    },
    /// A file operation failed.
    #[error("cannot {action}")]
    Io {
        /// What was tried, with the path.
        action: String,
        /// Why.
        source: io::Error,
    },
}

impl ObjectError {
    pub(crate) fn io(verb: &str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let action = format!("{verb} {}", path.display());
        move |source| Self::Io { action, source }
    }
}

impl Runtime {
    /// The ConfigMaps, which the containers of a namespace's pods are configured with.
    pub fn config_maps(&self) -> Objects<pod_spec::ConfigMap> {
        self.objects()
    }

    /// The Secrets, which only root can read.
    pub fn secrets(&self) -> Objects<pod_spec::Secret> {
        self.objects()
    }

    /// The objects of a kind. Deployments and Jobs are only kept here: another program has pods made from them.
    pub fn objects<T: Configuration>(&self) -> Objects<T> {
        Objects::new(self.dirs())
    }
}

impl<T: Configuration> Objects<T> {
    pub(crate) fn new(dirs: &Dirs) -> Self {
        let dir = if T::LASTING { dirs.lasting_objects() } else { dirs.objects() };
        Self { dir, kind: PhantomData }
    }

    /// Makes the object, or has it take the place of the one of its name: all of it, but for its id and its age.
    ///
    /// # Errors
    /// When something in it is wrong, the object that is there does not allow it, or a file cannot be written.
    pub fn apply(&self, object: T) -> Result<Applied, ObjectError> {
        let object = object.checked()?;
        let _lock = self.lock()?;
        let (namespace, name) = place(object.metadata());
        match self.find(&namespace, &name)? {
            None => self.put(identified(object, None)).map(|()| Applied::Created),
            Some(old) => self.replace(&old, object),
        }
    }

    /// Changes the object that is there, and has it checked. Nobody else changes it meanwhile.
    ///
    /// # Errors
    /// As [`apply`](Self::apply), and when there is none.
    pub fn change(
        &self,
        namespace: &str,
        name: &str,
        change: impl FnOnce(&mut T),
    ) -> Result<Applied, ObjectError> {
        let _lock = self.lock()?;
        let old = self.get(namespace, name)?;
        let mut object = old.clone();
        change(&mut object);
        self.replace(&old, object.checked()?)
    }

    /// Notes something of the object that its author does not say, such as its status. An object that is gone is left so.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn note(
        &self,
        namespace: &str,
        name: &str,
        note: impl FnOnce(&mut T),
    ) -> Result<(), ObjectError> {
        let _lock = self.lock()?;
        let Some(old) = self.find(namespace, name)? else { return Ok(()) };
        let mut object = old.clone();
        note(&mut object);
        if object == old { Ok(()) } else { self.put(object) }
    }

    /// Puts an object that has been checked in the place of another version.
    fn replace(&self, old: &T, object: T) -> Result<Applied, ObjectError> {
        let name = object.metadata().name.clone();
        if old.metadata().deletion_timestamp.is_some() {
            return Err(ObjectError::Terminating { kind: T::KIND, name });
        }
        let object = identified(object, Some(old));
        if old.says_the_same_as(&object) {
            return Ok(Applied::Unchanged);
        }
        let changed = old.check_change(&object);
        changed.map_err(|faults| ObjectError::Change { kind: T::KIND, name, faults })?;
        self.put(object).map(|()| Applied::Configured)
    }

    /// Makes the object.
    ///
    /// # Errors
    /// When there is one of its name, something in it is wrong, or a file cannot be written.
    pub fn create(&self, object: T) -> Result<(), ObjectError> {
        let object = object.checked()?;
        let _lock = self.lock()?;
        let (namespace, name) = place(object.metadata());
        match self.find(&namespace, &name)? {
            None => self.put(identified(object, None)),
            Some(_) => Err(ObjectError::Exists { kind: T::KIND, namespace, name }),
        }
    }

    /// The object of this name.
    ///
    /// # Errors
    /// When there is none, or its file cannot be read.
    pub fn get(&self, namespace: &str, name: &str) -> Result<T, ObjectError> {
        self.find(namespace, name)?.ok_or_else(|| Self::missing(namespace, name))
    }

    /// All objects, or those of one namespace, by namespace and name.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn list(&self, namespace: Option<&str>) -> Result<Vec<T>, ObjectError> {
        let namespaces = match namespace {
            Some(namespace) => vec![namespace.to_owned()],
            None => in_dir(&self.dir)?,
        };
        let mut objects = Vec::new();
        for namespace in namespaces {
            for name in in_dir(&self.place(&namespace))? {
                // It may have gone while we looked.
                objects.extend(self.find(&namespace, &name)?);
            }
        }
        Ok(objects)
    }

    /// Removes the object of this name. Containers that were started with it keep what they have.
    ///
    /// # Errors
    /// When there is none, or its file cannot be removed.
    pub fn delete(&self, namespace: &str, name: &str) -> Result<(), ObjectError> {
        if self.find(namespace, name)?.is_none() {
            return Err(Self::missing(namespace, name));
        }
        let _lock = self.lock()?;
        self.remove(namespace, name)
    }

    /// Removes the file of an object that is locked.
    pub(crate) fn remove(&self, namespace: &str, name: &str) -> Result<(), ObjectError> {
        let path = self.place(namespace).join(name);
        match fs::remove_file(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Err(Self::missing(namespace, name)),
            result => result.map_err(ObjectError::io("remove", &path)),
        }
    }

    /// The object of this name, if there is one.
    pub(crate) fn find(&self, namespace: &str, name: &str) -> Result<Option<T>, ObjectError> {
        // A name that could leave the directory is the name of nothing.
        let plain = |text: &str| !text.is_empty() && !text.starts_with('.') && !text.contains('/');
        if !plain(namespace) || !plain(name) {
            return Ok(None);
        }
        let path = self.place(namespace).join(name);
        store::read_json(&path).map_err(ObjectError::io("read", &path))
    }

    fn missing(namespace: &str, name: &str) -> ObjectError {
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        ObjectError::NotFound { kind: T::KIND, namespace, name }
    }

    /// The directory of the objects of a namespace.
    pub(crate) fn place(&self, namespace: &str) -> PathBuf {
        self.dir.join(namespace).join(T::DIR)
    }

    /// Keeps all others from changing an object.
    pub(crate) fn lock(&self) -> Result<Flock<File>, ObjectError> {
        make(&self.dir)?;
        let context = || ObjectError::io("lock", &self.dir);
        let dir = File::open(&self.dir).map_err(context())?;
        Flock::lock(dir, FlockArg::LockExclusive).map_err(|(_, e)| context()(e.into()))
    }

    /// Writes an object that is locked and has its identity, as its next version. Versions grow with each change, over all
    /// objects.
    pub(crate) fn put(&self, mut object: T) -> Result<(), ObjectError> {
        let metadata = object.metadata_mut();
        let (namespace, name) = place(metadata);
        let last = metadata.resource_version.as_ref().and_then(|last| last.parse::<i64>().ok());
        let version = now().as_nanos().max(last.map_or(0, |last| last.saturating_add(1)));
        metadata.resource_version = Some(version.to_string());
        let dir = self.place(&namespace);
        make(&dir)?;
        let path = dir.join(name);
        let context = || ObjectError::io("write", &path);
        let text = serde_json::to_vec(&object).map_err(|e| context()(e.into()))?;
        let write = if T::LASTING { store::write_lasting } else { store::write_by };
        write(&dir.join(TEMPORARY), &path, &text).map_err(context())
    }
}

/// An object as it is kept, in the place of an old one or as a new one.
pub(crate) fn identified<T: Configuration>(mut object: T, old: Option<&T>) -> T {
    let said = std::mem::take(object.metadata_mut());
    *object.metadata_mut() = identity(said, old.map(Kept::metadata), now());
    object.follow(old);
    object
}

/// The metadata of an object that is kept: what its author says, and the identity that it has or gets.
fn identity(said: ObjectMeta, old: Option<&ObjectMeta>, now: Time) -> ObjectMeta {
    let uid = || Some(uuid::Uuid::new_v4().to_string());
    ObjectMeta {
        name: said.name,
        namespace: said.namespace,
        labels: said.labels,
        annotations: said.annotations,
        uid: old.map_or_else(uid, |old| old.uid.clone()),
        creation_timestamp: old.map_or(Some(now), |old| old.creation_timestamp),
        deletion_timestamp: old.and_then(|old| old.deletion_timestamp),
        owner_references: old.map_or(said.owner_references, |old| old.owner_references.clone()),
        resource_version: old.and_then(|old| old.resource_version.clone()),
        ..ObjectMeta::default()
    }
}

/// Namespace and name of an object that has been checked.
fn place(metadata: &ObjectMeta) -> (String, String) {
    (metadata.namespace.clone().unwrap_or_default(), metadata.name.clone())
}

fn make(dir: &Path) -> Result<(), ObjectError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(ObjectError::io("make", dir))
}

/// The names of the objects, or namespaces, in a directory.
fn in_dir(dir: &Path) -> Result<Vec<String>, ObjectError> {
    let mut names = names(dir).map_err(|error| match error {
        RuntimeError::Io { action, source } => ObjectError::Io { action, source },
        error => ObjectError::io("read", dir)(io::Error::other(error)),
    })?;
    names.retain(|name| !name.starts_with('.'));
    Ok(names)
}

#[cfg(test)]
mod tests;
