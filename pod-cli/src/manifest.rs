//! From a file to objects: pods that can be run, and what they are configured with.

use std::fs;
use std::io::{self, Read};

use pod_runtime::{Faults, Notice, ValidPod};
use pod_spec::{AdmittedObject, Checked, Object, ObjectMeta, VolumeSource};

use crate::args::{BackoffArgs, Globals};
use crate::error::CliError;
use crate::output;

/// Reads every object of a manifest, `-` being standard input, and checks them all. The namespace of each is its own, else
/// the command line's.
pub fn load(file: &str, globals: &Globals) -> Result<Vec<AdmittedObject>, CliError> {
    load_with(file, globals, &BackoffArgs::default())
}

/// As [`load`], with the back-off of the command line for pods that name none.
pub fn load_with(
    file: &str,
    globals: &Globals,
    backoff: &BackoffArgs,
) -> Result<Vec<AdmittedObject>, CliError> {
    let (text, shown) = read(file)?;
    let wrong = |faults: Faults| CliError::Manifest { rendered: faults.render(&text, &shown) };
    let objects = Object::read(&text).map_err(|faults| {
        // With what is not supported beside what is wrong.
        let all = Object::check(&text).unwrap_or_default();
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
