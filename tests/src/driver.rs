//! A driver of volumes, as a program that embeds pod-runtime brings one.

use std::fs;

use pod_runtime::{Driver, DriverError, Drivers, MountSource, Source, VolumeContext};

/// The name by which pods ask for it.
pub const NAME: &str = "greetings.example.com";

/// The drivers of the tests' pods.
pub fn drivers() -> Drivers {
    Drivers::new().with(Greetings)
}

/// Makes volumes with a greeting for the pod. It waits for the file that the attribute `after` names, and says in the
/// file that `note` names that a volume was taken down.
#[derive(Debug)]
struct Greetings;

/// Where a volume keeps the path of its note.
const NOTE: &str = ".note";

impl Driver for Greetings {
    fn kind(&self) -> &str {
        NAME
    }

    fn prepare(
        &self,
        context: &VolumeContext<'_>,
        source: &Source,
    ) -> Result<MountSource, DriverError> {
        let Source::Custom { parameters, .. } = source else {
            return Err(DriverError::WrongSource { kind: NAME.to_owned() });
        };
        let custom = |error: std::io::Error| DriverError::Custom(error.into());
        if parameters.get("after").is_some_and(|file| fs::metadata(file).is_err()) {
            return Err(DriverError::Custom("it is not there yet".into()));
        }
        let dir = context.make_dir(0o755)?;
        let pod = &parameters["csi.storage.k8s.io/pod.name"];
        fs::write(dir.join("greeting"), format!("{} {pod}\n", parameters["words"]))
            .map_err(custom)?;
        fs::write(dir.join(NOTE), &parameters["note"]).map_err(custom)?;
        Ok(MountSource::Path(dir))
    }

    fn tear_down(&self, context: &VolumeContext<'_>) -> Result<(), Vec<DriverError>> {
        let note = fs::read_to_string(context.dir().join(NOTE));
        let noted = note.and_then(|note| fs::write(note, context.name()));
        let mut errors = context.remove_dir().err().unwrap_or_default();
        errors.extend(noted.err().map(|error| DriverError::Custom(error.into())));
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}
