//! `emptyDir`: a directory of the pod's own, on disk or in memory.

use crate::{Driver, DriverError, Medium, MountSource, Source, VolumeContext};

/// Whoever a container runs as may write, as in the kubelet.
const MODE: u32 = 0o777;

/// The driver for [`Source::EmptyDir`].
#[derive(Clone, Copy, Debug, Default)]
pub struct EmptyDir;

impl EmptyDir {
    /// The kubelet's name for the kind.
    pub const KIND: &'static str = "kubernetes.io/empty-dir";
}

impl Driver for EmptyDir {
    fn kind(&self) -> &str {
        Self::KIND
    }

    fn prepare(
        &self,
        context: &VolumeContext<'_>,
        source: &Source,
    ) -> Result<MountSource, DriverError> {
        let Source::EmptyDir { medium, size_limit } = source else {
            return Err(DriverError::WrongSource { kind: Self::KIND.to_owned() });
        };
        let path = context.make_dir(MODE)?;
        let page_size = match medium {
            Medium::Disk => return Ok(MountSource::Path(path)),
            Medium::Memory => None,
            Medium::HugePages { page_size } => Some(*page_size),
        };
        let (mode, group) = (context.dir_mode(MODE), context.group());
        Ok(MountSource::Tmpfs { path, size: *size_limit, mode, group, page_size })
    }
}
