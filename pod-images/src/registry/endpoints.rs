//! Where an image is asked for: an image name and a configuration in, a list of places out.

use std::net::IpAddr;

use crate::{Digest, DigestError, Reference, ReferenceError};

use super::Configuration;
use super::configuration::{Pulls, Registry, ShortNames};

/// The registry of names without one, unless the configuration says otherwise.
const DOCKER_HUB: &str = "docker.io";
/// Where its interface is, since `docker.io` itself is a web site.
const DOCKER_HUB_HOST: &str = "registry-1.docker.io";

/// One place an image can be fetched from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    name: Reference,
    registry: String,
    repository: String,
    version: Version,
    insecure: bool,
}

/// Which image of a repository is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Version {
    /// The one that the registry has by this name now.
    Tag(String),
    /// The one with this content.
    Digest(Digest),
}

/// Why there is no place to fetch an image from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The configuration forbids the registry.
    #[error("registry \"{prefix}\" is blocked for image \"{image}\" by registries.conf")]
    Blocked {
        /// The image, as it was written.
        image: String,
        /// What is blocked.
        prefix: String,
    },
    /// The name has no registry, and there are several that it could be of.
    #[error(
        "image \"{image}\" names no registry and could be of any of {registries}; \
         write the registry, or an alias in registries.conf"
    )]
    Ambiguous {
        /// The image, as it was written.
        image: String,
        /// Those that are searched, as a list.
        registries: String,
    },
    /// What the configuration makes of the name is no name of an image.
    #[error(
        "registries.conf makes \"{text}\" of image \"{image}\", which names no registry and path"
    )]
    Rewritten {
        /// The image, as it was written.
        image: String,
        /// What is made of it.
        text: String,
        /// What is wrong with it, unless it is the registry that is missing.
        source: Option<ReferenceError>,
    },
    /// The digest is of a kind that no blob can be checked with.
    #[error("image \"{image}\" cannot be fetched by its digest")]
    Digest {
        /// The image, as it was written.
        image: String,
        /// What is wrong with it.
        source: DigestError,
    },
}

impl Endpoint {
    /// The image that is fetched there, by a name with a registry. Of a mirror, it is the name
    /// that is mirrored.
    #[must_use]
    pub fn name(&self) -> &Reference {
        &self.name
    }

    /// The registry as it is written in names and in files with logins: a host, and a port.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The host, and the port, that is spoken to.
    #[must_use]
    pub fn host(&self) -> &str {
        if self.registry == DOCKER_HUB { DOCKER_HUB_HOST } else { &self.registry }
    }

    /// The path within the registry.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// Which image of the repository is meant.
    #[must_use]
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// Whether a certificate that nobody vouches for will do, and plain HTTP where TLS fails.
    #[must_use]
    pub fn is_insecure(&self) -> bool {
        self.insecure
    }

    /// Whether the host is this machine by its name alone, so that no proxy can be meant.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.registry)
    }

    /// The place for `name` that `moved` is, which is the same unless it is a mirror's.
    fn of(
        name: &Reference,
        moved: &Reference,
        insecure: Option<bool>,
    ) -> Result<Self, EndpointError> {
        let version = match name.digest() {
            Some(digest) => Version::Digest(
                digest
                    .parse()
                    .map_err(|source| EndpointError::Digest { image: name.to_string(), source })?,
            ),
            None => Version::Tag(name.tag().unwrap_or("latest").to_owned()),
        };
        Ok(Self {
            name: name.clone(),
            registry: moved.registry().to_owned(),
            repository: moved.repository().to_owned(),
            version,
            // What docker and its registry do: nobody has a certificate for "localhost".
            insecure: insecure.unwrap_or_else(|| is_loopback(moved.registry())),
        })
    }
}

impl Configuration {
    /// Where the image that `reference` names is to be asked for, in this order.
    ///
    /// A name without a registry is that of its alias; else, of each of the
    /// `unqualified-search-registries`; else, of `docker.io`. Each name then stands for the
    /// mirrors of its registry and for the registry itself.
    ///
    /// # Errors
    ///
    /// [`EndpointError`]; there is at least one place otherwise.
    pub fn endpoints(&self, reference: &Reference) -> Result<Vec<Endpoint>, EndpointError> {
        let mut endpoints = Vec::new();
        for name in self.names(reference)? {
            self.add_endpoints(reference, &name, &mut endpoints)?;
        }
        Ok(endpoints)
    }

    /// The names with a registry that a name can stand for: itself, when it has one.
    ///
    /// # Errors
    ///
    /// [`EndpointError`] when there are more than there may be, or one is no name.
    pub fn names(&self, reference: &Reference) -> Result<Vec<Reference>, EndpointError> {
        let image = reference.as_str();
        if !reference.is_short() {
            return Ok(vec![reference.clone()]);
        }
        let name = image.split('@').next().unwrap_or(image);
        let name = reference.tag().map_or(name, |tag| &name[..name.len() - tag.len() - 1]);
        if let Some(target) = self.aliases.get(name) {
            return Ok(vec![reparsed(reference, &format!("{target}{}", &image[name.len()..]))?]);
        }
        match &self.search[..] {
            [] => Ok(vec![reference.clone()]),
            [_, _, ..] if self.short_names == ShortNames::One => Err(EndpointError::Ambiguous {
                image: image.to_owned(),
                registries: self.search.join(", "),
            }),
            search => search
                .iter()
                .map(|registry| reparsed(reference, &format!("{registry}/{image}")))
                .collect(),
        }
    }

    fn add_endpoints(
        &self,
        reference: &Reference,
        name: &Reference,
        endpoints: &mut Vec<Endpoint>,
    ) -> Result<(), EndpointError> {
        let text = full_text(name);
        let matching = self.registries.iter().filter_map(|registry| {
            matched_length(&registry.prefix, &text).map(|length| (length, registry))
        });
        let Some((length, registry)) = matching.max_by_key(|(length, _)| *length) else {
            endpoints.push(Endpoint::of(name, name, None)?);
            return Ok(());
        };
        if registry.blocked {
            return Err(EndpointError::Blocked {
                image: reference.as_str().to_owned(),
                prefix: registry.prefix.clone(),
            });
        }
        let rest = &text[length..];
        for mirror in &registry.mirrors {
            let wanted = match mirror.pulls {
                Pulls::All => true,
                Pulls::DigestOnly => name.digest().is_some(),
                Pulls::TagOnly => name.digest().is_none(),
            };
            if wanted {
                let moved = reparsed(reference, &format!("{}{rest}", mirror.location))?;
                endpoints.push(Endpoint::of(name, &moved, mirror.insecure)?);
            }
        }
        endpoints.push(own_endpoint(reference, name, registry, rest)?);
        Ok(())
    }
}

fn own_endpoint(
    reference: &Reference,
    name: &Reference,
    registry: &Registry,
    rest: &str,
) -> Result<Endpoint, EndpointError> {
    match &registry.location {
        Some(location) => {
            let moved = reparsed(reference, &format!("{location}{rest}"))?;
            Endpoint::of(name, &moved, registry.insecure)
        }
        None => Endpoint::of(name, name, registry.insecure),
    }
}

/// Reads what the configuration made of `original`; it has to name a registry.
fn reparsed(original: &Reference, text: &str) -> Result<Reference, EndpointError> {
    let rewritten = |source| EndpointError::Rewritten {
        image: original.as_str().to_owned(),
        text: text.to_owned(),
        source,
    };
    let reference: Reference = text.parse().map_err(|source| rewritten(Some(source)))?;
    if reference.is_short() { Err(rewritten(None)) } else { Ok(reference) }
}

/// The name with everything that is implied in it, except the tag.
fn full_text(name: &Reference) -> String {
    let tag = name.tag().map_or_else(String::new, |tag| format!(":{tag}"));
    let digest = name.digest().map_or_else(String::new, |digest| format!("@{digest}"));
    format!("{}/{}{tag}{digest}", name.registry(), name.repository())
}

/// How much of `name` the prefix of a registry takes up, when it matches.
///
/// A prefix ends where a part of the name ends: `a.b/c` matches `a.b/c/d` and `a.b/c:1`, not
/// `a.b/cd`; and the host `a.b` does not match `a.b:5000`, which is another one.
fn matched_length(prefix: &str, name: &str) -> Option<usize> {
    if let Some(domain) = prefix.strip_prefix('*') {
        let host = &name[..name.find('/')?];
        // The port is a part of what the wildcard has to end with.
        return (host.len() > domain.len() && host.ends_with(domain)).then_some(host.len());
    }
    let rest = name.strip_prefix(prefix)?;
    let ends = match rest.chars().next() {
        None | Some('/') => true,
        Some(':' | '@') => prefix.contains('/'),
        Some(_) => false,
    };
    ends.then_some(prefix.len())
}

/// Whether a host, with or without a port, is this machine by its name alone.
fn is_loopback(registry: &str) -> bool {
    let host = match registry.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => registry.split(':').next().unwrap_or(registry),
    };
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests;
