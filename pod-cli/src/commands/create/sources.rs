//! Where the values of ConfigMaps and Secrets come from.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io;
use std::path::Path;

use clap::Args;

use crate::error::CliError;

#[derive(Debug, Args)]
pub struct Sources {
    /// A key and its value
    #[arg(long, value_name = "KEY=VALUE")]
    pub from_literal: Vec<String>,
    /// A file, by its own name or by this key; or all files of a directory
    #[arg(long, value_name = "[KEY=]PATH")]
    pub from_file: Vec<String>,
    /// A file with a line KEY=VALUE for each key
    #[arg(long, value_name = "PATH", conflicts_with_all = ["from_literal", "from_file"])]
    pub from_env_file: Vec<String>,
}

/// Keys and their values.
#[derive(Debug, Default)]
pub struct Values(BTreeMap<String, Vec<u8>>);

impl Values {
    /// Adds a key that is not there yet.
    fn add(&mut self, key: &str, value: Vec<u8>) -> Result<(), CliError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if key.is_empty() || !key.chars().all(allowed) {
            return Err(CliError::Usage(format!(
                "`{key}` is no key: letters, digits, `-`, `_` and `.`"
            )));
        }
        match self.0.insert(key.to_owned(), value) {
            None => Ok(()),
            Some(_) => Err(CliError::Usage(format!("the key `{key}` is given twice"))),
        }
    }
}

impl Sources {
    /// All of the values.
    pub fn read(&self) -> Result<BTreeMap<String, Vec<u8>>, CliError> {
        let mut values = Values::default();
        for literal in &self.from_literal {
            let pair = literal.split_once('=').filter(|(key, _)| !key.is_empty());
            let Some((key, value)) = pair else {
                return Err(CliError::Usage(format!("`{literal}` is not KEY=VALUE")));
            };
            values.add(key, value.into())?;
        }
        for source in &self.from_file {
            add_files(source, &mut values)?;
        }
        for file in &self.from_env_file {
            add_lines(file, &mut values)?;
        }
        Ok(values.0)
    }
}

/// The bytes of a file.
pub fn read(file: impl AsRef<Path>) -> Result<Vec<u8>, CliError> {
    let file = file.as_ref();
    fs::read(file).map_err(unreadable(file))
}

fn unreadable(file: &Path) -> impl FnOnce(io::Error) -> CliError {
    move |source| CliError::ReadFile { file: file.to_owned(), source }
}

/// Adds a file, or the regular files of a directory: `PATH` or `KEY=PATH`.
fn add_files(source: &str, values: &mut Values) -> Result<(), CliError> {
    let (key, path) = match source.split_once('=') {
        Some((key, path)) => (Some(key), Path::new(path)),
        None => (None, Path::new(source)),
    };
    if !path.is_dir() {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        return values.add(key.unwrap_or(name), read(path)?);
    }
    if key.is_some() {
        let message = format!("{} is a directory, which has no key of its own", path.display());
        return Err(CliError::Usage(message));
    }
    for entry in fs::read_dir(path).map_err(unreadable(path))? {
        let entry = entry.map_err(unreadable(path))?;
        if entry.file_type().map_err(unreadable(path))?.is_file() {
            values.add(&entry.file_name().to_string_lossy(), read(entry.path())?)?;
        }
    }
    Ok(())
}

/// Adds the lines of a file. A key alone has the value that it has in this program's environment.
fn add_lines(file: &str, values: &mut Values) -> Result<(), CliError> {
    let text = String::from_utf8(read(file)?)
        .map_err(|error| unreadable(Path::new(file))(io::Error::other(error)))?;
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim_start);
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (key, value) = match line.split_once('=') {
            Some((key, value)) => (key, value.to_owned()),
            None => (line, env::var(line).unwrap_or_default()),
        };
        if key.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(CliError::Usage(format!("{file}: `{key}` is no name of a variable")));
        }
        values.add(key, value.into())?;
    }
    Ok(())
}
