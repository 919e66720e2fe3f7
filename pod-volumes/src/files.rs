//! `configMap`, `secret`, `downwardAPI` and `projected`: directories in memory for files
//! that are given.

use crate::{Driver, DriverError, FilesKind, MountSource, Source, VolumeContext};

/// The driver for [`Source::Files`] of one kind.
///
/// It makes the place for a tmpfs that all volumes of the kind share, so that none of their
/// files is ever written to a disk. What is made in it, once it is mounted, is made by
/// [`Payload::write_to`](crate::Payload::write_to).
#[derive(Clone, Copy, Debug)]
pub struct Files(pub FilesKind);

impl Files {
    /// The kubelet's name for the kind.
    pub(crate) const fn kind(self) -> &'static str {
        match self.0 {
            FilesKind::ConfigMap => "kubernetes.io/configmap",
            FilesKind::Secret => "kubernetes.io/secret",
            FilesKind::DownwardApi => "kubernetes.io/downward-api",
            FilesKind::Projected => "kubernetes.io/projected",
        }
    }
}

impl Driver for Files {
    fn kind(&self) -> &str {
        Files::kind(*self)
    }

    fn prepare(
        &self,
        context: &VolumeContext<'_>,
        source: &Source,
    ) -> Result<MountSource, DriverError> {
        if *source != Source::Files(self.0) {
            return Err(DriverError::WrongSource { kind: Files::kind(*self).to_owned() });
        }
        Ok(MountSource::Files { tmpfs: context.make_kind_dir()?, path: context.dir() })
    }
}
