//! Drivers of volumes that the embedding program brings.

use std::path::Path;
use std::sync::Arc;

use pod_volumes::{Driver, VolumeError, Volumes};

/// Drivers of volumes, which pods name in `csi.driver`. Cheap to clone.
///
/// The processes that look after a pod need them too: hand the same ones to [`init_with`](crate::init_with) and to
/// [`Runtime::with_drivers`](crate::Runtime::with_drivers).
///
/// ```no_run
/// use pod_runtime::{Driver, DriverError, Drivers, MountSource, Runtime, Source, VolumeContext};
///
/// /// Volumes with nothing but a greeting.
/// #[derive(Debug)]
/// struct Greetings;
///
/// impl Driver for Greetings {
///     fn kind(&self) -> &str {
///         "greetings.example.com"
///     }
///
///     fn prepare(&self, context: &VolumeContext<'_>, _: &Source) -> Result<MountSource, DriverError> {
///         let dir = context.make_dir(0o755)?;
///         std::fs::write(dir.join("hello"), "world").map_err(|e| DriverError::Custom(e.into()))?;
///         Ok(MountSource::Path(dir))
///     }
/// }
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let drivers = Drivers::new().with(Greetings);
///     pod_runtime::init_with(&drivers);
///     let runtime = Runtime::open("/run/pod")?.with_drivers(drivers);
///     # let _ = runtime;
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Drivers(Vec<Arc<dyn Driver>>);

impl Drivers {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a driver: its [kind](Driver::kind) is the name by which pods ask for it. It is given the `volumeAttributes` of
    /// the volume, and who the pod is, as drivers on a node are.
    pub fn with(mut self, driver: impl Driver + 'static) -> Self {
        self.0.push(Arc::new(driver));
        self
    }

    /// The volumes of a pod, with these drivers beside those that are built in.
    pub(crate) fn volumes(&self, base: &Path) -> Result<Volumes, VolumeError> {
        let volumes = Volumes::new(base)?;
        Ok(self.0.iter().fold(volumes, |all, driver| all.with_driver(Arc::clone(driver))))
    }
}
