//! From a file to objects: pods that can be run, and what they are configured with.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use pod_runtime::{Faults, Notice, ValidPod};
use pod_spec::{AdmittedObject, Checked, Object, ObjectMeta, VolumeSource};

use crate::args::{BackoffArgs, Globals};
use crate::error::CliError;
use crate::output;

/// How the names of manifests in a directory end.
const ENDS: [&str; 3] = ["json", "yaml", "yml"];

/// Files of manifests.
#[derive(Debug, Default, Args)]
pub struct Files {
    /// Manifests, or directories of them; `-` reads standard input
    #[arg(short, long, value_name = "FILE", value_delimiter = ',')]
    pub filename: Vec<String>,
    /// Also what is in the directories of directories
    #[arg(short = 'R', long, requires = "filename")]
    pub recursive: bool,
}

impl Files {
    pub fn is_empty(&self) -> bool {
        self.filename.is_empty()
    }

    /// The files themselves, those of directories in the order of their names.
    fn all(&self) -> Result<Vec<String>, CliError> {
        let mut files = Vec::new();
        for file in &self.filename {
            if file == "-" || !Path::new(file).is_dir() {
                files.push(file.clone());
            } else {
                let context = |source| CliError::ReadManifest { file: file.clone(), source };
                in_dir(Path::new(file), self.recursive, &mut files).map_err(context)?;
            }
        }
        match files.is_empty() {
            true => {
                Err(CliError::Usage("there is no manifest: give files with -f FILE, or directories of .yaml, .yml and .json files".to_owned()))
            }
            false => Ok(files),
        }
    }
}

/// The manifests in a directory, which are told by how their names end.
fn in_dir(dir: &Path, recursive: bool, files: &mut Vec<String>) -> io::Result<()> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    paths.sort();
    for path in paths {
        let is_manifest =
            path.extension().is_some_and(|end| ENDS.iter().any(|known| end == *known));
        if path.is_dir() && recursive {
            in_dir(&path, recursive, files)?;
        } else if is_manifest && !path.is_dir() {
            files.push(path.to_string_lossy().into_owned());
        }
    }
    Ok(())
}

/// Reads every object of the files and checks them all. The namespace of each is its own, else the command line's.
pub fn load(files: &Files, globals: &Globals) -> Result<Vec<AdmittedObject>, CliError> {
    load_with(files, globals, &BackoffArgs::default())
}

/// As [`load`], with the back-off of the command line for pods that name none.
pub fn load_with(
    files: &Files,
    globals: &Globals,
    backoff: &BackoffArgs,
) -> Result<Vec<AdmittedObject>, CliError> {
    let (mut objects, mut wrong) = (Vec::new(), Vec::new());
    for file in files.all()? {
        match load_file(&file, globals, backoff) {
            Ok(more) => objects.extend(more),
            Err(CliError::Manifest { rendered }) => wrong.push(rendered),
            Err(error) => return Err(error),
        }
    }
    if wrong.is_empty() {
        Ok(objects)
    } else {
        Err(CliError::Manifest { rendered: wrong.join("\n") })
    }
}

fn load_file(
    file: &str,
    globals: &Globals,
    backoff: &BackoffArgs,
) -> Result<Vec<AdmittedObject>, CliError> {
    let (text, shown) = read(file)?;
    admit(&text, &shown, globals, backoff)
}

/// Reads and checks every object of a text, which goes by this name.
pub fn admit(
    text: &str,
    shown: &str,
    globals: &Globals,
    backoff: &BackoffArgs,
) -> Result<Vec<AdmittedObject>, CliError> {
    let wrong = |faults: Faults| CliError::Manifest { rendered: faults.render(text, shown) };
    let objects = Object::read(text).map_err(|faults| {
        // With what is not supported beside what is wrong.
        let all = Object::check(text).unwrap_or_default();
        wrong(joined(all.iter().filter_map(Checked::faults)).unwrap_or(faults))
    })?;
    let (mut admitted, mut refused) = (Vec::new(), Vec::new());
    for mut object in objects {
        put_into_namespace(object.metadata_mut(), globals)?;
        if matches!(object, Object::Pod(_)) {
            let annotations = &mut object.metadata_mut().annotations;
            for (key, span) in backoff.annotations() {
                annotations.entry(key.to_owned()).or_insert_with(|| span.clone());
            }
        }
        match AdmittedObject::new(object) {
            Ok(object) => admitted.push(object),
            Err(faults) => refused.push(faults),
        }
    }
    joined(refused.into_iter()).map_or(Ok(admitted), |faults| Err(wrong(faults)))
}

/// All of these together, if there are any.
fn joined(all: impl Iterator<Item = Faults>) -> Option<Faults> {
    all.reduce(|mut faults, more| {
        faults.extend(more);
        faults
    })
}

fn put_into_namespace(metadata: &mut ObjectMeta, globals: &Globals) -> Result<(), CliError> {
    match (&metadata.namespace, &globals.namespace) {
        (Some(manifest), Some(given)) if manifest != given && !manifest.is_empty() => {
            return Err(CliError::Namespace { manifest: manifest.clone(), given: given.clone() });
        }
        (None, Some(given)) => metadata.namespace = Some(given.clone()),
        _ => {}
    }
    Ok(())
}

/// The images that a pod's containers run and its volumes are, those of them that are names of images.
pub fn images(pod: &ValidPod) -> Vec<pod_images::Reference> {
    let spec = pod.spec();
    let run = spec.init_containers.iter().chain(&spec.containers).map(|c| c.image.as_str());
    let mounted = spec.volumes.iter().filter_map(|volume| match &volume.source {
        Some(VolumeSource::Image(image)) => image.reference.as_deref(),
        _ => None,
    });
    run.chain(mounted).filter_map(|name| name.parse().ok()).collect()
}

/// Says which fields make no difference here.
pub fn notice(notices: &[Notice]) {
    for notice in notices {
        output::message(&format!("note: {notice}"));
    }
}

/// The text of a file, and the name that it goes by.
pub fn read(file: &str) -> Result<(String, String), CliError> {
    let shown = if file == "-" { "standard input" } else { file };
    let bytes = if file == "-" {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        fs::read(file)
    };
    let text = bytes.and_then(|bytes| {
        String::from_utf8(bytes)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not text in UTF-8"))
    });
    match text {
        Ok(text) => Ok((text, shown.to_owned())),
        Err(source) => Err(CliError::ReadManifest { file: shown.to_owned(), source }),
    }
}
