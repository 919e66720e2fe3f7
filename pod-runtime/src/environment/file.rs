//! Files of variables that containers write into emptyDirs of their pod.
//!
//! A variable is declared as `NAME='value'`. The value is taken as it is, over several lines too. Blanks before a name, lines of
//! blanks, and comments (`#`) are passed over, and a blank or nothing after `=` is an empty value. A shell reads such a file
//! alike.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::libc::EXDEV;
use pod_sandbox::Sandbox;
use pod_spec::{Container, FileKeySelector, PodSpec, VolumeSource};

use crate::error::ConfigError;
use crate::files;

/// How much a file of variables may hold.
const MAX_SIZE: usize = 64 << 10;
const BLANKS: [char; 2] = [' ', '\t'];

/// Why a variable does not come from a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnvFileError {
    /// The file is not there. It may come.
    #[error("there is no such file")]
    Missing,
    /// The file lacks the key. It may come.
    #[error("the file has no such key")]
    MissingKey,
    /// It is a link out of the volume, or of another file system.
    #[error("it leads out of the volume")]
    Outside,
    /// It is a directory, a pipe or the like.
    #[error("it is no regular file")]
    NoFile,
    /// It is larger than 64 KiB.
    #[error("it is larger than 64 KiB")]
    TooLarge,
    /// It cannot hold variables.
    #[error("it is no text in UTF-8 without NUL")]
    NoText,
    /// A line of it declares no variable.
    #[error("line {line}: {fault}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The roots of the volumes that variables of a container come from, by name.
#[derive(Debug, Default)]
pub(crate) struct EnvVolumes(BTreeMap<String, OwnedFd>);

impl EnvVolumes {
    /// Opens those of one container.
    pub fn open(
        container: &Container,
        spec: &PodSpec,
        paths: &BTreeMap<String, PathBuf>,
        sandbox: &Sandbox,
    ) -> Result<Self, ConfigError> {
        let sources = container.env.iter().filter_map(|variable| variable.value_from.as_ref());
        let mut opened = BTreeMap::new();
        for FileKeySelector { volume_name: name, .. } in
            sources.filter_map(|source| source.file_key_ref.as_ref())
        {
            let volume = || name.clone();
            let path = paths.get(name).ok_or_else(|| ConfigError::Volume { volume: volume() })?;
            let root = if is_in_memory(spec, name) {
                sandbox.tmpfs(path).map_err(io::Error::other)
            } else {
                File::open(path).map(OwnedFd::from)
            };
            let failed = |source| ConfigError::OpenVolume { volume: volume(), source };
            opened.insert(volume(), root.map_err(failed)?);
        }
        Ok(Self(opened))
    }

    /// The value of a key; `None` when it or its file is missing and may be.
    pub fn value(&self, key: &FileKeySelector) -> Result<Option<String>, ConfigError> {
        match self.look_up(key) {
            Ok(value) => Ok(Some(value)),
            Err(EnvFileError::Missing | EnvFileError::MissingKey) if key.optional == Some(true) => {
                Ok(None)
            }
            Err(source) => Err(ConfigError::File {
                volume: key.volume_name.clone(),
                path: key.path.clone(),
                key: key.key.clone(),
                source,
            }),
        }
    }

    fn look_up(&self, key: &FileKeySelector) -> Result<String, EnvFileError> {
        let root = self.0.get(&key.volume_name).ok_or(EnvFileError::Missing)?;
        // Like any path within a volume, it begins at the volume's root.
        let path = Path::new(key.path.trim_start_matches('/'));
        let text = read(root, path)?;
        find(&text, &key.key)?.map(str::to_owned).ok_or(EnvFileError::MissingKey)
    }
}

fn is_in_memory(spec: &PodSpec, volume: &str) -> bool {
    let source = spec.volumes.iter().find(|v| v.name == volume).and_then(|v| v.source.as_ref());
    matches!(source, Some(VolumeSource::EmptyDir(dir)) if !dir.is_on_disk())
}

/// The text of a file, which containers may make into anything meanwhile.
fn read(root: impl AsFd, path: &Path) -> Result<String, EnvFileError> {
    let file = files::open_below(root.as_fd(), path).map_err(|error| match error {
        error if error.kind() == io::ErrorKind::NotFound => EnvFileError::Missing,
        error if error.raw_os_error() == Some(EXDEV) => EnvFileError::Outside,
        error => EnvFileError::Io(error),
    })?;
    let mut bytes = Vec::new();
    let file = file.ok_or(EnvFileError::NoFile)?;
    file.take(MAX_SIZE as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > MAX_SIZE {
        return Err(EnvFileError::TooLarge);
    }
    let text = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
    text.ok_or(EnvFileError::NoText)
}

/// The value of the first variable of this name. What comes after it does not matter.
fn find<'t>(text: &'t str, key: &str) -> Result<Option<&'t str>, EnvFileError> {
    let (mut rest, mut line) = (text, 1);
    while !rest.is_empty() {
        let (variable, next) =
            declaration(rest).map_err(|fault| EnvFileError::Line { line, fault })?;
        match variable {
            Some((name, value)) if name == key => return Ok(Some(value)),
            _ => {}
        }
        line += rest[..rest.len() - next.len()].matches('\n').count();
        rest = next;
    }
    Ok(None)
}

/// What the first line declares, and what comes after that.
type Declaration<'t> = (Option<(&'t str, &'t str)>, &'t str);

fn declaration(text: &str) -> Result<Declaration<'_>, &'static str> {
    let (line, next) = first_line(text);
    let line = line.trim_start_matches(BLANKS);
    if line.is_empty() || line.starts_with('#') {
        return Ok((None, next));
    }
    let name = line.split_once('=').ok_or("there is no `=`")?.0;
    if name.is_empty() {
        return Err("there is no name before `=`");
    }
    if name.contains(BLANKS) {
        return Err("there is a blank before `=`");
    }
    // Not only of this line, since a value may have several.
    let value = text.split_once('=').map_or("", |(_, value)| value);
    if value.is_empty() || value.starts_with(BLANKS) || value.starts_with('\n') {
        return Ok((Some((name, "")), next));
    }
    let quoted = value.strip_prefix('\'').ok_or("the value is not in single quotes")?;
    let (value, after) = quoted.split_once('\'').ok_or("the value has no closing quote")?;
    let (after, next) = first_line(after);
    let comment = after.trim_start_matches(BLANKS);
    let is_comment = comment.starts_with('#') && after.starts_with(BLANKS);
    if !comment.is_empty() && !is_comment {
        return Err("something follows the closing quote");
    }
    Ok((Some((name, value)), next))
}

fn first_line(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}

#[cfg(test)]
mod tests;
