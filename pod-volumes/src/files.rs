//! `configMap`, `secret`, `downwardAPI` and `projected`: directories in memory for files
//! that are given.

use crate::{Driver, DriverError, FilesKind, MountSource, Source, VolumeContext};

/// Whoever a container runs as may look in, as in the kubelet. Nobody may write: such a
/// volume is to be mounted read-only.
const MODE: u32 = 0o777;

/// The driver for [`Source::Files`] of one kind.
///
/// It makes the place for the files: a tmpfs, so that none of them is ever written to a
/// disk.
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
        let path = context.make_dir(MODE)?;
        let (mode, group) = (context.dir_mode(MODE), context.group());
        Ok(MountSource::Tmpfs { path, size: None, mode, group, page_size: None })
    }
}
