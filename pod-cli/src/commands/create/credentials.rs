//! `pod create secret`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use pod_spec::ByteString;
use serde::Serialize;
use serde_json::{Value, json};

use crate::commands::create::sources::{self, Sources};
use crate::error::CliError;
use crate::generated::Generated;
use crate::object;
use crate::resource::Kind;

#[derive(Debug, Subcommand)]
pub enum Secret {
    /// Of texts and files
    Generic(Generic),
    /// The login of a registry, for `imagePullSecrets`
    DockerRegistry(DockerRegistry),
    /// A certificate and its key
    Tls(Tls),
}

#[derive(Debug, Args)]
pub struct Generic {
    /// Its name
    pub name: String,
    #[command(flatten)]
    pub sources: Sources,
    /// What kind of Secret it is
    #[arg(long = "type", value_name = "TYPE")]
    pub secret_type: Option<String>,
}

#[derive(Debug, Args)]
pub struct DockerRegistry {
    /// Its name
    pub name: String,
    /// The registry
    #[arg(long, value_name = "SERVER", default_value = "https://index.docker.io/v1/")]
    pub docker_server: String,
    /// Who logs in
    #[arg(long, value_name = "NAME")]
    pub docker_username: String,
    /// The password
    #[arg(long, value_name = "PASSWORD")]
    pub docker_password: String,
    /// An address that some registries ask for
    #[arg(long, value_name = "ADDRESS")]
    pub docker_email: Option<String>,
}

#[derive(Debug, Args)]
pub struct Tls {
    /// Its name
    pub name: String,
    /// The certificate, in PEM
    #[arg(long, value_name = "PATH")]
    pub cert: PathBuf,
    /// The key, in PEM
    #[arg(long, value_name = "PATH")]
    pub key: PathBuf,
}

/// A login as Docker writes it, in its order.
#[derive(Serialize)]
struct Login<'a> {
    username: &'a str,
    password: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    auth: ByteString,
}

impl Secret {
    pub fn generate(&self, namespace: Option<&str>) -> Result<Generated, CliError> {
        match self {
            Self::Generic(args) => {
                let kind = args.secret_type.as_deref();
                Ok(secret(&args.name, namespace, kind, args.sources.read()?))
            }
            Self::DockerRegistry(args) => {
                let data = [(".dockerconfigjson".to_owned(), args.configuration()?)];
                let kind = Some("kubernetes.io/dockerconfigjson");
                Ok(secret(&args.name, namespace, kind, data.into()))
            }
            Self::Tls(args) => {
                let data = [
                    ("tls.crt".to_owned(), pem(&args.cert, "CERTIFICATE-----")?),
                    ("tls.key".to_owned(), pem(&args.key, "PRIVATE KEY-----")?),
                ];
                Ok(secret(&args.name, namespace, Some("kubernetes.io/tls"), data.into()))
            }
        }
    }
}

impl DockerRegistry {
    /// The file that Docker would keep the login in.
    fn configuration(&self) -> Result<Vec<u8>, CliError> {
        let (username, password) = (&*self.docker_username, &*self.docker_password);
        let auth = ByteString(format!("{username}:{password}").into());
        let login = Login { username, password, email: self.docker_email.as_deref(), auth };
        let auths = BTreeMap::from([(&self.docker_server, login)]);
        serde_json::to_vec(&BTreeMap::from([("auths", auths)])).map_err(object::unwritable)
    }
}

fn secret(
    name: &str,
    namespace: Option<&str>,
    kind: Option<&str>,
    data: BTreeMap<String, Vec<u8>>,
) -> Generated {
    let mut generated = Generated::new(Kind::Secret, name, namespace);
    if !data.is_empty() {
        let bytes = |(key, value)| (key, json!(ByteString(value)));
        generated.object["data"] = Value::Object(data.into_iter().map(bytes).collect());
    }
    if let Some(kind) = kind {
        generated.object["type"] = kind.into();
    }
    generated
}

/// A file that has something of this kind in it.
fn pem(file: &Path, kind: &str) -> Result<Vec<u8>, CliError> {
    let bytes = sources::read(file)?;
    let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    if lines.into_iter().any(|l| l.starts_with(b"-----BEGIN ") && l.ends_with(kind.as_bytes())) {
        return Ok(bytes);
    }
    let kind = kind.trim_end_matches('-').to_lowercase();
    Err(CliError::Usage(format!("there is no {kind} in PEM in {}", file.display())))
}
