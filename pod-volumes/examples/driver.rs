//! Adds a driver of one's own: volumes that begin with what is in a template.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use pod_volumes::{Driver, DriverError, MountSource, Source, VolumeContext, VolumeSpec, Volumes};

/// Copies the files of a template into each volume. Its parameter `from` is the template.
#[derive(Debug)]
struct Templates(PathBuf);

impl Driver for Templates {
    fn kind(&self) -> &str {
        "example.com/template"
    }

    fn prepare(
        &self,
        context: &VolumeContext<'_>,
        source: &Source,
    ) -> Result<MountSource, DriverError> {
        let Source::Custom { parameters, .. } = source else {
            return Err(DriverError::WrongSource { kind: self.kind().to_owned() });
        };
        let from = parameters.get("from").ok_or_else(|| custom("`from` is missing"))?;
        let dir = context.make_dir(0o755)?;
        for entry in fs::read_dir(self.0.join(from)).map_err(custom)? {
            let entry = entry.map_err(custom)?;
            let copy = dir.join(entry.file_name());
            // A volume that is there already keeps what is in it.
            if !copy.exists() {
                fs::copy(entry.path(), copy).map_err(custom)?;
            }
        }
        Ok(MountSource::Path(dir))
    }
    // What it made is in the volume's directory, so the default tear-down is enough.
}

fn custom(error: impl Into<Box<dyn Error + Send + Sync>>) -> DriverError {
    DriverError::Custom(error.into())
}

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::temp_dir().join(format!("pod-volumes-driver-{}", std::process::id()));
    fs::create_dir_all(dir.join("templates/web"))?;
    fs::write(dir.join("templates/web/index.html"), "<h1>Hello</h1>\n")?;

    let volumes = Volumes::new(dir.join("volumes"))?.with_driver(Templates(dir.join("templates")));
    let site = VolumeSpec {
        name: "site".to_owned(),
        source: Source::Custom {
            kind: "example.com/template".to_owned(),
            parameters: [("from".to_owned(), "web".to_owned())].into(),
        },
    };
    for volume in volumes.prepare(&[site])? {
        let MountSource::Path(path) = volume.source else { continue };
        print!("{}: {}", volume.name, fs::read_to_string(path.join("index.html"))?);
    }
    volumes.tear_down().map_err(|errors| format!("{errors:?}"))?;
    assert!(!dir.join("volumes").exists());
    Ok(fs::remove_dir_all(dir)?)
}
