//! The volumes of one pod, as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Component, Path, PathBuf};

use nix::unistd::{UnlinkatFlags, unlinkat};

use crate::below::{is_plain_name, names, open_dir};
use crate::{
    Driver, DriverError, EmptyDir, Files, FilesKind, HostPath, Prepared, VolumeContext,
    VolumeError, VolumeSpec, remove_tree,
};

/// The volumes of one pod.
///
/// A volume's directory is `<base>/<kind with ~ for />/<name>`, as in the kubelet,
/// for example `…/volumes/kubernetes.io~empty-dir/cache`.
#[derive(Debug)]
pub struct Volumes {
    base: PathBuf,
    drivers: BTreeMap<String, Box<dyn Driver>>,
    group: Option<u32>,
}

impl Volumes {
    /// The volumes of the pod whose directory for them is `base`, which is made when
    /// the first volume is prepared and removed at tear-down. Its parent has to exist
    /// by then.
    ///
    /// # Errors
    ///
    /// [`VolumeError::UnsafeBase`] when `base` is empty, relative, `/` or has `..`.
    pub fn new(base: impl Into<PathBuf>) -> Result<Self, VolumeError> {
        let base = base.into();
        let climbs = base.components().any(|c| c == Component::ParentDir);
        if !base.is_absolute() || climbs || base.file_name().is_none() {
            return Err(VolumeError::UnsafeBase { path: base });
        }
        let volumes = Self { base, drivers: BTreeMap::new(), group: None };
        let volumes = volumes.with_driver(EmptyDir).with_driver(HostPath);
        Ok(FilesKind::ALL
            .into_iter()
            .fold(volumes, |volumes, kind| volumes.with_driver(Files(kind))))
    }

    /// Has the volumes that are made for the pod belong to a group, which may read and write what is in them: `fsGroup`.
    #[must_use]
    pub fn with_group(mut self, group: Option<u32>) -> Self {
        self.group = group;
        self
    }

    /// Adds a driver, in place of one of the same kind.
    #[must_use]
    pub fn with_driver(mut self, driver: impl Driver + 'static) -> Self {
        self.drivers.insert(driver.kind().to_owned(), Box::new(driver));
        self
    }

    /// Makes every volume ready, in the order given.
    ///
    /// A volume that is there already keeps its content, so this can be called again
    /// after a restart.
    ///
    /// # Errors
    ///
    /// Faults in the list are found before anything is made. When a volume fails,
    /// those that this call has made are torn down again; paths made on the host for
    /// a `hostPath` stay.
    pub fn prepare(&self, specs: &[VolumeSpec]) -> Result<Vec<Prepared>, VolumeError> {
        let planned = self.plan(specs)?;
        if planned.is_empty() {
            return Ok(Vec::new());
        }
        let base_is_new = self.make_base()?;
        let base = self.open_base()?;
        let mut prepared = Vec::new();
        let mut new_volumes = Vec::new();
        for (spec, driver) in planned {
            let kind_dir = kind_dir(driver.kind());
            let context = self.context(&base, &kind_dir, &spec.name);
            if !context.exists() {
                new_volumes.push((spec, driver));
            }
            match driver.prepare(&context, &spec.source) {
                Ok(source) => prepared.push(Prepared { name: spec.name.clone(), source }),
                Err(source) => {
                    self.undo(&base, base_is_new, &new_volumes);
                    return Err(VolumeError::SetUp { volume: spec.name.clone(), source });
                }
            }
        }
        Ok(prepared)
    }

    /// Tears every volume down and removes the directory for them.
    ///
    /// It needs no list of volumes: their directories are one. Of volumes whose
    /// driver is not there, the directories are removed. Nothing there is a success.
    ///
    /// # Errors
    ///
    /// It goes on after an error and returns them all; what failed can be tried again.
    pub fn tear_down(&self) -> Result<(), Vec<VolumeError>> {
        let mut errors = Vec::new();
        let base = match self.open_base() {
            Ok(base) => base,
            Err(error) if is_absent(&error) => return Ok(()),
            Err(error) => return Err(vec![error]),
        };
        let entries = names(&base).map_err(|e| vec![self.base_error("read", e)])?;
        for entry in &entries {
            self.tear_down_kind(&base, entry, &mut errors);
        }
        if errors.is_empty()
            && let Err(error) = fs::remove_dir(&self.base)
            // Somebody else may be at it at the same time.
            && error.kind() != ErrorKind::NotFound
        {
            errors.push(self.base_error("remove directory", error));
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    fn tear_down_kind(&self, base: &OwnedFd, entry: &OsStr, errors: &mut Vec<VolumeError>) {
        let before = errors.len();
        if let Some(driver) = self.drivers.values().find(|d| entry == &*kind_dir(d.kind())) {
            let kind_dir = kind_dir(driver.kind());
            let volumes = open_dir(base, entry).map_err(io::Error::from).and_then(|d| names(&d));
            // What is no directory is left to the removal below.
            for volume in volumes.unwrap_or_default() {
                let Some(name) = volume.to_str() else { continue };
                if let Err(failed) = driver.tear_down(&self.context(base, &kind_dir, name)) {
                    errors.extend(failed.into_iter().map(|error| tear_down_error(name, error)));
                }
            }
        }
        // What a driver could not take down stays, for it to try again.
        if errors.len() == before
            && let Err(failed) = remove_tree(base.as_fd(), entry)
        {
            errors.extend(failed.into_iter().map(VolumeError::Remove));
        }
    }

    /// Checks the list and finds each volume's driver.
    fn plan<'a>(
        &'a self,
        specs: &'a [VolumeSpec],
    ) -> Result<Vec<(&'a VolumeSpec, &'a dyn Driver)>, VolumeError> {
        let mut seen = BTreeSet::new();
        let mut planned = Vec::new();
        for spec in specs {
            let name = &spec.name;
            if !is_plain_name(OsStr::new(name)) || name.contains('\0') {
                return Err(VolumeError::InvalidName { name: name.clone() });
            }
            if !seen.insert(name) {
                return Err(VolumeError::Duplicate { name: name.clone() });
            }
            let kind = spec.source.kind();
            let Some(driver) = self.drivers.get(kind) else {
                return Err(VolumeError::NoDriver { volume: name.clone(), kind: kind.to_owned() });
            };
            planned.push((spec, &**driver));
        }
        Ok(planned)
    }

    /// Removes what a failed [`prepare`](Self::prepare) has made. Its error is what
    /// the caller gets; what cannot be undone is found again by a tear-down.
    fn undo(&self, base: &OwnedFd, base_is_new: bool, volumes: &[(&VolumeSpec, &dyn Driver)]) {
        for (spec, driver) in volumes.iter().rev() {
            let kind_dir = kind_dir(driver.kind());
            let _ = driver.tear_down(&self.context(base, &kind_dir, &spec.name));
            // Else a sandbox may have a tmpfs on it, which would go with it.
            if base_is_new {
                let _ = unlinkat(base, kind_dir.as_str(), UnlinkatFlags::RemoveDir);
            }
        }
        if base_is_new {
            let _ = fs::remove_dir(&self.base);
        }
    }

    fn context<'a>(
        &'a self,
        base: &'a OwnedFd,
        kind_dir: &'a str,
        name: &'a str,
    ) -> VolumeContext<'a> {
        VolumeContext {
            base: base.as_fd(),
            base_path: &self.base,
            kind_dir,
            name,
            group: self.group,
        }
    }

    /// Makes the base unless it is there, and says whether it was made.
    fn make_base(&self) -> Result<bool, VolumeError> {
        match DirBuilder::new().mode(0o750).create(&self.base) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(self.base_error("make directory", error)),
        }
    }

    /// Opens the base, which may be neither a link nor a mount point.
    fn open_base(&self) -> Result<OwnedFd, VolumeError> {
        let parent = self.base.parent().unwrap_or(Path::new("/"));
        let name = self.base.file_name().unwrap_or_default();
        let opened = File::open(parent).and_then(|parent| Ok(open_dir(parent, name)?));
        opened.map_err(|source| self.base_error("open", source))
    }

    fn base_error(&self, action: &'static str, source: io::Error) -> VolumeError {
        VolumeError::Base { action, path: self.base.clone(), source }
    }
}

fn kind_dir(kind: &str) -> String {
    kind.replace('/', "~")
}

fn tear_down_error(volume: &str, source: DriverError) -> VolumeError {
    VolumeError::TearDown { volume: volume.to_owned(), source }
}

fn is_absent(error: &VolumeError) -> bool {
    matches!(error, VolumeError::Base { source, .. } if source.kind() == ErrorKind::NotFound)
}
