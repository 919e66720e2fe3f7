//! From a file to a pod that can be run.

use std::fs;
use std::io::{self, Read};

use pod_runtime::{Admitted, Faults, Notice, Pod, ValidPod};

use crate::args::{BackoffArgs, Globals};
use crate::error::CliError;
use crate::output;

/// Reads the pod of a manifest, `-` being standard input. Its namespace is its own, else the command line's.
pub fn load(file: &str, globals: &Globals) -> Result<Admitted, CliError> {
    load_with(file, globals, &BackoffArgs::default())
}

/// As [`load`], with the back-off of the command line where the manifest names none.
pub fn load_with(
    file: &str,
    globals: &Globals,
    backoff: &BackoffArgs,
) -> Result<Admitted, CliError> {
    let (text, shown) = read(file)?;
    let wrong = |faults: Faults| CliError::Manifest { rendered: faults.render(&text, &shown) };
    let mut pod = Pod::from_yaml(&text).map_err(|faults| {
        // With what is not supported beside what is wrong.
        wrong(Admitted::from_yaml(&text).err().unwrap_or(faults))
    })?;
    match (&pod.metadata.namespace, &globals.namespace) {
        (Some(manifest), Some(given)) if manifest != given && !manifest.is_empty() => {
            return Err(CliError::Namespace { manifest: manifest.clone(), given: given.clone() });
        }
        (None, Some(given)) => pod.metadata.namespace = Some(given.clone()),
        _ => {}
    }
    for (key, span) in backoff.annotations() {
        pod.metadata.annotations.entry(key.to_owned()).or_insert_with(|| span.clone());
    }
    Admitted::new(pod).map_err(wrong)
}

/// The images that a pod's containers run, those of them that are names of images.
pub fn images(pod: &ValidPod) -> Vec<pod_images::Reference> {
    let all = pod.spec().init_containers.iter().chain(&pod.spec().containers);
    all.filter_map(|container| container.image.parse().ok()).collect()
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
