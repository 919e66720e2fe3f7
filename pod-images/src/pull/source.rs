//! Where an image is pulled from: the first place and login that give its manifest.

use std::sync::Arc;

use crate::digest::Digest;
use crate::manifest::{self, Descent, Document, MANIFEST_TYPES, MAX_TEXT, Manifest, ManifestError};
use crate::platform::Platform;
use crate::registry::{
    Credentials, CredentialsError, Endpoint, OwnedLogin, Registry, RegistryError, Version,
};

use super::fetch::Attempts;
use super::{PullError, PullOptions, blocking};

/// A registry that gives the image, and what the image consists of.
#[derive(Debug)]
pub(super) struct Source {
    pub registry: Registry,
    /// Whom it gives the image to; anybody when there is none.
    pub login: Option<OwnedLogin>,
    /// What the name stands for: an index, or the manifest itself.
    pub top: Digest,
    /// The manifest for this machine.
    pub digest: Digest,
    pub text: Vec<u8>,
    pub manifest: Manifest,
}

/// What a registry says to somebody who may have the image already.
#[derive(Debug)]
pub(super) enum Found {
    /// The image is still the one that is known.
    Known {
        /// What its name stands for.
        top: Digest,
        /// Whom it was told.
        login: Option<OwnedLogin>,
    },
    /// What has to be fetched.
    Source(Box<Source>),
}

/// Asks `endpoint` for the image, with each login in turn until one is accepted.
pub(super) async fn find(
    endpoint: &Endpoint,
    known: Option<&Digest>,
    credentials: &Arc<Vec<Credentials>>,
    options: &PullOptions,
) -> Result<Found, PullError> {
    let mut logins = logins(endpoint, credentials).await?.into_iter();
    let mut login = logins.next();
    let shown = |login: &Option<OwnedLogin>| login.as_ref().map(|own| own.login.clone());
    let mut registry = Registry::new(endpoint, shown(&login), &options.places, &options.timing)?;
    loop {
        match ask(&registry, known).await {
            Err(Failure::Registry(error)) if error.fault.is_denial() => match logins.next() {
                Some(next) => {
                    login = Some(next);
                    registry = registry.with_login(shown(&login));
                }
                None => return Err(error.into()),
            },
            Err(Failure::Registry(error)) => return Err(error.into()),
            Err(Failure::Manifest(source)) => {
                return Err(PullError::Unusable { image: endpoint.name().to_string(), source });
            }
            Ok(Answer::Known(top)) => return Ok(Found::Known { top, login }),
            Ok(Answer::Other(top, digest, text, manifest)) => {
                return Ok(Found::Source(Box::new(Source {
                    registry,
                    login,
                    top,
                    digest,
                    text,
                    manifest: *manifest,
                })));
            }
        }
    }
}

/// Those that fit, in the order of where they come from. A program may have to be asked.
async fn logins(
    endpoint: &Endpoint,
    credentials: &Arc<Vec<Credentials>>,
) -> Result<Vec<OwnedLogin>, PullError> {
    let (registry, repository) = (endpoint.registry().to_owned(), endpoint.repository().to_owned());
    let credentials = Arc::clone(credentials);
    let found = blocking(move || -> Result<Vec<OwnedLogin>, CredentialsError> {
        let mut found: Vec<OwnedLogin> = Vec::new();
        for credentials in credentials.iter() {
            for login in credentials.logins(&registry, &repository)? {
                if !found.iter().any(|other| other.login == login) {
                    found.push(OwnedLogin { login, secret: credentials.secret().cloned() });
                }
            }
        }
        Ok(found)
    });
    Ok(found.await??)
}

enum Failure {
    Registry(RegistryError),
    Manifest(ManifestError),
}

/// What a name stands for.
enum Answer {
    /// What is known.
    Known(Digest),
    /// This, and its manifest for this machine with its digest and text.
    Other(Digest, Digest, Vec<u8>, Box<Manifest>),
}

async fn ask(registry: &Registry, known: Option<&Digest>) -> Result<Answer, Failure> {
    let version = registry.endpoint().version().clone();
    if let Some(known) = known {
        // Registries count how often a manifest is fetched, and not how often it is asked for.
        match registry.digest(&version, &MANIFEST_TYPES).await {
            Ok(Some(digest)) if digest == *known => return Ok(Answer::Known(digest)),
            Err(error) if error.fault.is_denial() => return Err(Failure::Registry(error)),
            // Not every registry can tell; and what else is wrong, the next request says.
            _ => {}
        }
    }
    let (top, mut digest, mut text, mut document) = {
        let (digest, text, document) = document(registry, &version, None).await?;
        (digest.clone(), digest, text, document)
    };
    let mut descent = Descent::default();
    let here = Platform::here();
    loop {
        match document {
            Document::Manifest(manifest) => {
                return Ok(Answer::Other(top, digest, text, Box::new(manifest)));
            }
            Document::Index(index) => {
                descent.enter(&digest).map_err(Failure::Manifest)?;
                let entry = index.choose(&here).map_err(Failure::Manifest)?;
                let version = Version::Digest(entry.digest.clone());
                (digest, text, document) =
                    self::document(registry, &version, Some(entry.size)).await?;
            }
        }
    }
}

async fn document(
    registry: &Registry,
    version: &Version,
    size: Option<u64>,
) -> Result<(Digest, Vec<u8>, Document), Failure> {
    let most = size.unwrap_or(MAX_TEXT).min(MAX_TEXT);
    let mut attempts = Attempts::new(registry.timing());
    let document = loop {
        match registry.manifest(version, &MANIFEST_TYPES, most).await {
            Ok(document) => break document,
            Err(error) => attempts.failed(error).await.map_err(Failure::Registry)?,
        }
    };
    let parsed = manifest::parse(&document.bytes, document.media_type.as_deref());
    Ok((document.digest, document.bytes, parsed.map_err(Failure::Manifest)?))
}
