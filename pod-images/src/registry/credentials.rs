//! Logins: who we are to a registry.
//!
//! The files are those of `docker login` and `podman login`, and the texts those of
//! Kubernetes' image pull secrets. Source: containers-auth.json(5) and the kubelet's
//! documentation on the interpretation of `config.json`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde::Deserialize;

use super::login_helper::{HelperError, LoginHelper};
use super::{Places, Secret};
use crate::access::SecretId;

/// Larger than any such file, small enough to hold in memory.
const MAX_FILE: u64 = 1 << 20;
/// What Docker calls its registry in these files.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// The logins of one file or of one image pull secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// In the order of the keys, so that the result is always the same.
    logins: Vec<(Key, Login)>,
    /// Programs that know the login of one registry.
    helpers: BTreeMap<String, LoginHelper>,
    /// The program that knows all others.
    store: Option<LoginHelper>,
    /// Where they come from, when they are not everybody's on the machine.
    secret: Option<SecretId>,
}

/// A login and the Secret that it is from; without one it is everybody's on the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnedLogin {
    pub login: Login,
    pub secret: Option<SecretId>,
}

/// Who we are to a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Login {
    /// Somebody with a password, or with what a registry takes for one.
    Password {
        /// The name.
        user: String,
        /// The password.
        password: Secret,
    },
    /// Somebody whom a token server has given a token to show instead of a password.
    Identity(Secret),
    /// A token that the registry itself takes.
    Bearer(Secret),
}

/// Why logins cannot be used. No message holds any of what the file says.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// A file is there and cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// A file does not follow the format.
    #[error("cannot understand the logins in {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Where and what.
        source: Box<CredentialsError>,
    },
    /// The text is not JSON, or not of the shape that it has to have.
    #[error("line {line}, column {column}: not a Docker configuration with \"auths\"")]
    Malformed {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// The `auth` of an entry is not what it has to be.
    #[error("\"auth\" of \"{key}\" is not the base64 form of USER:PASSWORD")]
    Auth {
        /// The key of the entry: a registry.
        key: String,
    },
    /// A helper is named by what cannot be a part of a program's name.
    #[error("\"{name}\" is not the name of a credential helper")]
    HelperName {
        /// What is written.
        name: String,
    },
    /// A helper was asked and failed.
    #[error("cannot get the login of {registry} from {program}")]
    Helper {
        /// The registry.
        registry: String,
        /// The program.
        program: String,
        /// What happened to it.
        source: HelperError,
    },
}

impl Credentials {
    /// The logins of this machine and user: those of each file in `places`, those that count
    /// most first. A file that is not there has none.
    ///
    /// # Errors
    ///
    /// [`CredentialsError`] for the first file that cannot be read or understood.
    pub fn load(places: &Places) -> Result<Vec<Self>, CredentialsError> {
        places.login_files().iter().filter_map(|path| Self::read(path).transpose()).collect()
    }

    /// The logins of an image pull secret: its `.dockerconfigjson`, or the older `.dockercfg`.
    ///
    /// Helpers that such a text names are not asked: it is not of this machine.
    ///
    /// # Errors
    ///
    /// [`CredentialsError`] when the text does not follow the format. No part of it is in the
    /// message, except a registry's name.
    pub fn from_docker_config(text: &str) -> Result<Self, CredentialsError> {
        let whole = Self::parse(text)?;
        Ok(Self { logins: whole.logins, ..Self::default() })
    }

    /// The same, known to come from a Secret: what is pulled with it is for those who have it or the same login.
    #[must_use]
    pub fn of_secret(self, secret: SecretId) -> Self {
        Self { secret: Some(secret), ..self }
    }

    /// The Secret that they come from.
    pub(crate) fn secret(&self) -> Option<&SecretId> {
        self.secret.as_ref()
    }

    /// The logins for all registries, without those that programs know.
    pub(crate) fn written(&self) -> impl Iterator<Item = &Login> {
        self.logins.iter().map(|(_, login)| login)
    }

    /// The logins for a repository, those for the narrowest part of the registry first.
    ///
    /// This may run a program, and wait for it.
    ///
    /// # Errors
    ///
    /// [`CredentialsError::Helper`] when a credential helper fails. One that knows no login
    /// has not failed.
    pub(crate) fn logins(
        &self,
        registry: &str,
        repository: &str,
    ) -> Result<Vec<Login>, CredentialsError> {
        if let Some(helper) = self.helpers.get(registry).or(self.store.as_ref()) {
            let server = if registry == "docker.io" { DOCKER_HUB_KEY } else { registry };
            let found = helper.login(server).map_err(|source| CredentialsError::Helper {
                registry: registry.to_owned(),
                program: helper.program(),
                source,
            })?;
            if let Some(login) = found {
                return Ok(vec![login]);
            }
        }
        let mut found: Vec<_> =
            self.logins.iter().filter(|(key, _)| key.matches(registry, repository)).collect();
        found.sort_by_key(|(key, _)| std::cmp::Reverse(key.path.len()));
        Ok(found.into_iter().map(|(_, login)| login.clone()).collect())
    }

    fn read(path: &Path) -> Result<Option<Self>, CredentialsError> {
        let failed = |source| CredentialsError::Read { path: path.to_owned(), source };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let mut text = String::new();
        let length = file.take(MAX_FILE + 1).read_to_string(&mut text).map_err(failed)?;
        if length as u64 > MAX_FILE {
            return Err(failed(io::Error::other("it is larger than 1 MiB")));
        }
        Self::parse(&text).map(Some).map_err(|source| CredentialsError::File {
            path: path.to_owned(),
            source: Box::new(source),
        })
    }

    fn parse(text: &str) -> Result<Self, CredentialsError> {
        // serde's own messages quote what they do not like, which may be a password.
        let malformed = |error: serde_json::Error| CredentialsError::Malformed {
            line: error.line(),
            column: error.column(),
        };
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let top: BTreeMap<String, serde::de::IgnoredAny> =
            serde_json::from_str(text).map_err(malformed)?;
        let whole = ["auths", "credHelpers", "credsStore", "HttpHeaders"];
        let parsed: Text = if top.is_empty() || whole.iter().any(|key| top.contains_key(*key)) {
            serde_json::from_str(text).map_err(malformed)?
        } else {
            Text { auths: serde_json::from_str(text).map_err(malformed)?, ..Text::default() }
        };
        let mut logins = Vec::new();
        for (key, entry) in parsed.auths {
            if let Some(login) = entry.login(&key)? {
                logins.push((Key::of(&key), login));
            }
        }
        let helpers = parsed.cred_helpers.into_iter();
        Ok(Self {
            logins,
            helpers: helpers
                .map(|(key, name)| Ok((Key::of(&key).host, helper(name)?)))
                .collect::<Result<_, CredentialsError>>()?,
            store: parsed.creds_store.filter(|s| !s.is_empty()).map(helper).transpose()?,
            secret: None,
        })
    }
}

fn helper(name: String) -> Result<LoginHelper, CredentialsError> {
    LoginHelper::named(&name).ok_or(CredentialsError::HelperName { name })
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Text {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
    #[serde(default)]
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Deserialize)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

impl Entry {
    /// An entry without any of it says that the login is with the helper.
    fn login(self, key: &str) -> Result<Option<Login>, CredentialsError> {
        let written = |text: Option<String>| text.filter(|text| !text.is_empty());
        if let Some(token) = written(self.registrytoken) {
            return Ok(Some(Login::Bearer(Secret::new(token))));
        }
        if let Some(token) = written(self.identitytoken) {
            return Ok(Some(Login::Identity(Secret::new(token))));
        }
        if let Some(auth) = written(self.auth) {
            let (user, password) =
                decoded(&auth).ok_or_else(|| CredentialsError::Auth { key: key.to_owned() })?;
            return Ok(Some(Login::Password { user, password: Secret::new(password) }));
        }
        Ok(written(self.username).map(|user| Login::Password {
            user,
            password: Secret::new(self.password.unwrap_or_default()),
        }))
    }
}

fn decoded(auth: &str) -> Option<(String, String)> {
    let auth = auth.trim();
    let bytes = STANDARD.decode(auth).or_else(|_| STANDARD_NO_PAD.decode(auth)).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (user, password) = text.split_once(':')?;
    // Docker fills the password up with these on some systems.
    Some((user.to_owned(), password.trim_end_matches('\0').to_owned()))
}

/// What a login is for: a host, in which `*` stands for any part, and a path below it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    host: String,
    path: String,
}

impl Key {
    fn of(text: &str) -> Self {
        let scheme = ["https://", "http://"].iter().find_map(|s| text.strip_prefix(s));
        let (host, path) = match scheme.unwrap_or(text).split_once('/') {
            Some((host, path)) => (host, path.trim_matches('/')),
            None => (scheme.unwrap_or(text), ""),
        };
        let host = match host {
            "index.docker.io" | "registry-1.docker.io" => "docker.io",
            host => host,
        };
        // The version of the interface was a part of the key once.
        let path = if matches!(path, "v1" | "v2") { "" } else { path };
        Self { host: host.to_owned(), path: path.to_owned() }
    }

    fn matches(&self, registry: &str, repository: &str) -> bool {
        let path_matches = self.path.is_empty()
            || repository
                .strip_prefix(&self.path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        path_matches && host_matches(&self.host, registry)
    }
}

/// Part by part, as the kubelet does: `*` does not stand for a dot.
fn host_matches(pattern: &str, host: &str) -> bool {
    if !pattern.contains('*') {
        return pattern == host;
    }
    let (patterns, parts) = (pattern.split('.'), host.split('.'));
    patterns.clone().count() == parts.clone().count()
        && patterns.zip(parts).all(|(pattern, part)| part_matches(pattern, part))
}

fn part_matches(pattern: &str, part: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == part,
        Some((start, rest)) => part.strip_prefix(start).is_some_and(|tail| {
            tail.char_indices()
                .map(|(at, _)| &tail[at..])
                .chain([""])
                .any(|tail| part_matches(rest, tail))
        }),
    }
}

#[cfg(test)]
mod tests;
