//! `pod cp`: copies files into a container or out of one.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use pod_runtime::ContainerFiles;

use crate::args::Globals;
use crate::chosen::default_container;
use crate::error::CliError;
use crate::{exit, output, resource};

#[derive(Debug, Args)]
pub struct Cp {
    /// What is copied: a path, POD:PATH, or `-` for a tar archive
    #[arg(value_name = "FROM")]
    pub from: String,
    /// Where to: a path, POD:PATH, or `-` for a tar archive
    #[arg(value_name = "TO")]
    pub to: String,
    /// Which container [default: the one that the pod's annotation names, else the first main one]
    #[arg(short, long, value_name = "NAME")]
    pub container: Option<String>,
    /// Do not keep owners and modes of what is copied into the container
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub no_preserve: bool,
}

/// One of the two places.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// A tar archive at standard input or output.
    Stream,
    Here(PathBuf),
    Container {
        namespace: Option<String>,
        pod: String,
        path: PathBuf,
    },
}

impl Place {
    /// Reads a place. What has a `/` before its first `:` is a path of this machine, unless it has the form
    /// `NAMESPACE/POD:PATH`.
    fn read(text: &str) -> Result<Self, CliError> {
        if text == "-" {
            return Ok(Self::Stream);
        }
        let here = || Ok(Self::Here(text.into()));
        let Some((pod, path)) = text.split_once(':') else { return here() };
        let (namespace, pod) = match pod.split_once('/') {
            None => (None, pod),
            Some((namespace, pod)) if resource::namespace(namespace).is_ok() => {
                (Some(namespace.to_owned()), pod)
            }
            Some(_) => return here(),
        };
        if pod.contains('/') {
            return here();
        }
        if path.is_empty() {
            return Err(CliError::Usage(format!("`{text}` names no path: {text}PATH")));
        }
        Ok(Self::Container { namespace, pod: resource::name(pod)?, path: path.into() })
    }
}

pub fn run(globals: &Globals, args: &Cp) -> Result<u8, CliError> {
    let skipped = match (Place::read(&args.from)?, Place::read(&args.to)?) {
        (Place::Container { namespace, pod, path }, to) => {
            let files = files(globals, args, namespace, &pod)?;
            match to {
                Place::Stream => files.pack(&path, io::stdout().lock())?,
                Place::Here(to) => files.copy_out(&path, &to)?,
                Place::Container { .. } => return Err(not_both()),
            }
        }
        (from, Place::Container { namespace, pod, path }) => {
            let files = files(globals, args, namespace, &pod)?;
            copy_in(&files, &from, &path, !args.no_preserve)?
        }
        _ => return Err(not_both()),
    };
    for path in skipped {
        let what = "is neither a file, a directory nor a link, and was left out";
        output::message(&format!("{} {what}", path.display()));
    }
    Ok(exit::OK)
}

fn copy_in(
    files: &ContainerFiles,
    from: &Place,
    to: &Path,
    preserve: bool,
) -> Result<Vec<PathBuf>, CliError> {
    Ok(match from {
        Place::Here(from) => files.copy_in(from, to, preserve)?,
        _ => files.unpack(io::stdin(), to, preserve)?,
    })
}

fn files(
    globals: &Globals,
    args: &Cp,
    namespace: Option<String>,
    pod: &str,
) -> Result<ContainerFiles, CliError> {
    let namespace = namespace.as_deref().unwrap_or(globals.namespace());
    let pod = globals.runtime()?.pod(namespace, pod)?;
    let container = args.container.clone().unwrap_or_else(|| default_container(&pod));
    Ok(pod.files(&container)?)
}

fn not_both() -> CliError {
    CliError::Usage(
        "one of the two places is in a container, and one is not: POD:PATH, and a path or `-`"
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read() {
        let container = |namespace: Option<&str>, path: &str| Place::Container {
            namespace: namespace.map(str::to_owned),
            pod: "web".to_owned(),
            path: path.into(),
        };
        for (text, place) in [
            ("-", Place::Stream),
            ("a/b", Place::Here("a/b".into())),
            ("./web:x", Place::Here("./web:x".into())),
            ("/tmp/a:b", Place::Here("/tmp/a:b".into())),
            ("web:/tmp/x", container(None, "/tmp/x")),
            ("web:x:y", container(None, "x:y")),
            ("team/web:.", container(Some("team"), ".")),
        ] {
            assert_eq!(Place::read(text).expect(text), place, "{text}");
        }
        for wrong in ["web:", "W_eb:/x"] {
            assert!(Place::read(wrong).is_err(), "{wrong}");
        }
    }
}
