//! Whom we trust, and who we are, when we speak TLS to a registry.
//!
//! Beside the authorities of the machine there is a directory for each registry, called by its
//! host and port. Source: containers-certs.d(5), and Docker's documentation of the same.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Larger than any such file, small enough to hold in memory.
const MAX_FILE: u64 = 4 << 20;

/// What the directories of one registry hold.
#[derive(Debug, Default)]
pub(super) struct Certificates {
    /// Authorities that are trusted for this registry, beside the machine's.
    pub authorities: Vec<CertificateDer<'static>>,
    /// Who we are.
    pub identity: Option<Identity>,
}

/// A certificate that is shown to a registry, and its key.
#[derive(Debug)]
pub(super) struct Identity {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
}

/// Why the certificates of a registry cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// A file or a directory is there and cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// What was to be read.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// A file holds nothing of what its name says.
    #[error("{} holds no {wanted} in the PEM format", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// A certificate or a private key.
        wanted: &'static str,
    },
    /// A certificate and its key do not fit each other, or are of a kind that is not known.
    #[error("the client certificate for {host} cannot be used")]
    Identity {
        /// The registry.
        host: String,
        /// What is wrong.
        source: rustls::Error,
    },
    /// A certificate in a `*.crt` cannot be an authority's.
    #[error("a certificate in the directory certs.d/{host} cannot be an authority's")]
    Authority {
        /// The registry.
        host: String,
        /// What is wrong.
        source: rustls::Error,
    },
    /// The client for a registry cannot be made of them.
    #[error("cannot set TLS up for {host}")]
    Unusable {
        /// The registry.
        host: String,
    },
}

impl Certificates {
    /// What lies for `host`, a name with or without a port, in each of `directories`:
    /// authorities in `*.crt`, and one identity in a `*.cert` with its `*.key`.
    pub(super) fn load(host: &str, directories: &[PathBuf]) -> Result<Self, CertificateError> {
        let mut found = Self::default();
        for directory in directories {
            for file in files(&directory.join(host))? {
                match file.extension().and_then(|extension| extension.to_str()) {
                    Some("crt") => found.authorities.extend(chain(&file)?),
                    Some("cert") if found.identity.is_none() => {
                        found.identity = Some(identity(&file)?);
                    }
                    _ => {}
                }
            }
        }
        Ok(found)
    }
}

fn identity(file: &Path) -> Result<Identity, CertificateError> {
    let key_file = file.with_extension("key");
    let key = PrivateKeyDer::from_pem_slice(&read(&key_file)?)
        .map_err(|_| CertificateError::Malformed { path: key_file, wanted: "private key" })?;
    Ok(Identity { chain: chain(file)?, key })
}

fn chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let malformed = || CertificateError::Malformed { path: file.to_owned(), wanted: "certificate" };
    let text = read(file)?;
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(&text).collect::<Result<_, _>>().map_err(|_| malformed())?;
    if chain.is_empty() { Err(malformed()) } else { Ok(chain) }
}

/// The files of a directory by name; none when it is not there.
fn files(directory: &Path) -> Result<Vec<PathBuf>, CertificateError> {
    let failed = |source| CertificateError::Read { path: directory.to_owned(), source };
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        files.push(entry.map_err(failed)?.path());
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    let failed = |source| CertificateError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_name_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let places = [dir.path().to_owned()];
        let load = || Certificates::load("a.test:5000", &places);
        assert!(load().unwrap().authorities.is_empty(), "no directory is no fault");
        let host = dir.path().join("a.test:5000");
        fs::create_dir(&host).unwrap();
        fs::write(host.join("readme.txt"), "not read").unwrap();
        assert!(load().unwrap().identity.is_none());
        for (file, expected) in [
            (
                "client.cert",
                "cannot read FILE".replace("FILE", &host.join("client.key").display().to_string()),
            ),
            (
                "ca.crt",
                format!("{} holds no certificate in the PEM format", host.join("ca.crt").display()),
            ),
        ] {
            fs::write(host.join(file), "hello").unwrap();
            assert_eq!(load().unwrap_err().to_string(), expected);
        }
    }
}
