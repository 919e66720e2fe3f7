//! The Deployments, or the Jobs, of a runtime.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;

use pod_runtime::{Applied, ObjectError, Objects, PodHandle, RecordedEvent, Runtime, now};

use crate::error::WorkloadError;
use crate::lock;
use crate::plan::Workload;
use crate::replica::is_of;
use crate::state::StateDir;
use crate::supervisor::STARTER;

/// The Deployments, or the Jobs, of a runtime.
///
/// Whatever is called here sees to it that each object it meets has a supervisor, but for [`objects`](Self::objects).
#[derive(Debug, Clone)]
pub struct Workloads<T> {
    runtime: Runtime,
    objects: Objects<T>,
}

impl<T: Workload> Workloads<T> {
    /// Those of this runtime. Its network is the one that pods of new objects get.
    pub fn of(runtime: &Runtime) -> Self {
        Self { runtime: runtime.clone(), objects: runtime.objects() }
    }

    /// The objects alone.
    pub fn objects(&self) -> &Objects<T> {
        &self.objects
    }

    /// Makes the object, or has it take the place of the one of its name. What has to be done about its pods begins at
    /// once, and is not waited for.
    ///
    /// # Errors
    /// When something in it is wrong, it cannot take the place of the one that is there, that one is being deleted, or a
    /// file cannot be written.
    pub fn apply(&self, object: T) -> Result<Applied, WorkloadError> {
        let (namespace, name) = place(&object);
        let applied = self.objects.apply(object)?;
        self.look_after(&self.objects.get(&namespace, &name)?)?;
        Ok(applied)
    }

    /// Makes the object.
    ///
    /// # Errors
    /// As [`apply`](Self::apply), and when there is one of its name.
    pub fn create(&self, object: T) -> Result<(), WorkloadError> {
        let (namespace, name) = place(&object);
        self.objects.create(object)?;
        self.look_after(&self.objects.get(&namespace, &name)?)
    }

    /// Changes the object that is there, and has it checked.
    ///
    /// # Errors
    /// As [`apply`](Self::apply), and when there is none.
    pub fn change(
        &self,
        namespace: &str,
        name: &str,
        change: impl FnOnce(&mut T),
    ) -> Result<Applied, WorkloadError> {
        let applied = self.objects.change(namespace, name, change)?;
        self.look_after(&self.objects.get(namespace, name)?)?;
        Ok(applied)
    }

    /// The object of this name, with its status.
    ///
    /// # Errors
    /// When there is none, or a file cannot be read.
    pub fn get(&self, namespace: &str, name: &str) -> Result<T, WorkloadError> {
        let object = self.objects.get(namespace, name)?;
        self.look_after(&object)?;
        Ok(object)
    }

    /// All objects, or those of one namespace, by namespace and name.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn list(&self, namespace: Option<&str>) -> Result<Vec<T>, WorkloadError> {
        let objects = self.objects.list(namespace)?;
        objects.iter().try_for_each(|object| self.look_after(object))?;
        Ok(objects)
    }

    /// The pods that were made from an object and are still there.
    ///
    /// # Errors
    /// When a directory cannot be read.
    pub fn pods(&self, object: &T) -> Result<Vec<PodHandle>, WorkloadError> {
        let mut pods = self.runtime.list(Some(&place(object).0))?;
        pods.retain(|pod| is_of(pod, object.metadata()));
        Ok(pods)
    }

    /// What happened to an object in the last hour, in the order in which it was last seen.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn events(&self, object: &T) -> Result<Vec<RecordedEvent>, WorkloadError> {
        Ok(self.state_dir(object).read::<T::Memory>()?.events)
    }

    /// Waits until an object is as wanted, and returns it.
    ///
    /// # Errors
    /// When there is none, or it goes meanwhile.
    pub async fn wait(
        &self,
        namespace: &str,
        name: &str,
        mut is_so: impl FnMut(&T) -> bool,
    ) -> Result<T, WorkloadError> {
        let mut changes = self.objects.changes(namespace)?;
        loop {
            let object = self.get(namespace, name)?;
            if is_so(&object) {
                return Ok(object);
            }
            changes.next().await.map_err(WorkloadError::io("wait for a change"))?;
        }
    }

    /// Begins to delete an object with its pods, each within its own grace period. See [`wait_gone`](Self::wait_gone).
    ///
    /// # Errors
    /// When there is none, or a file cannot be written.
    pub fn delete(&self, namespace: &str, name: &str) -> Result<(), WorkloadError> {
        let object = self.objects.get(namespace, name)?;
        self.objects.note(namespace, name, |object| {
            let metadata = object.metadata_mut();
            metadata.deletion_timestamp.get_or_insert_with(now);
        })?;
        self.look_after_it(&object)
    }

    /// Removes an object and leaves its pods: nobody looks after them any more.
    ///
    /// # Errors
    /// When there is none, or its file cannot be removed.
    pub fn orphan(&self, namespace: &str, name: &str) -> Result<(), WorkloadError> {
        Ok(self.objects.delete(namespace, name)?)
    }

    /// Waits until nothing is left of an object.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub async fn wait_gone(&self, namespace: &str, name: &str) -> Result<(), WorkloadError> {
        match self.wait(namespace, name, |_| false).await {
            Err(WorkloadError::Object(ObjectError::NotFound { .. })) => Ok(()),
            Err(error) => Err(error),
            Ok(_) => Ok(()),
        }
    }

    fn state_dir(&self, object: &T) -> StateDir {
        StateDir::of(&self.runtime, object.metadata().uid.as_deref().unwrap_or_default())
    }

    /// Sees to it that the object has a supervisor, if it needs one.
    fn look_after(&self, object: &T) -> Result<(), WorkloadError> {
        if object.needs_supervisor() { self.look_after_it(object) } else { Ok(()) }
    }

    fn look_after_it(&self, object: &T) -> Result<(), WorkloadError> {
        let dir = self.state_dir(object);
        if lock::is_held(&dir.lock()).map_err(WorkloadError::io("look for the supervisor"))? {
            return Ok(());
        }
        dir.make::<T::Memory>(self.runtime.network())?;
        self.start(object, &dir)
    }

    /// Starts a supervisor, by way of a process that ends at once, so that it is nobody's child. When there is one after
    /// all, the new one finds that out and ends.
    fn start(&self, object: &T, dir: &StateDir) -> Result<(), WorkloadError> {
        let (namespace, name) = place(object);
        let context = || WorkloadError::io(format!("start the supervisor of {} `{name}`", T::KIND));
        let log = OpenOptions::new().append(true).create(true).mode(0o600).open(dir.log());
        let mut starter = self.runtime.role(STARTER)?;
        starter.arg(self.runtime.root()).args([T::KIND, &namespace, &name]);
        let status = starter.stderr(Stdio::from(log.map_err(context())?)).status();
        let status = status.map_err(context())?;
        if status.success() {
            return Ok(());
        }
        let code = status.code().map_or(status.signal(), Some).unwrap_or_default();
        Err(context()(std::io::Error::other(format!("it ended with code {code}"))))
    }
}

/// Namespace and name of an object.
fn place<T: Workload>(object: &T) -> (String, String) {
    let metadata = object.metadata();
    let namespace = metadata.namespace.clone().filter(|namespace| !namespace.is_empty());
    (namespace.unwrap_or_else(|| "default".to_owned()), metadata.name.clone())
}
