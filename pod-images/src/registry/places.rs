//! Where the files lie that say how to reach registries.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

/// Where the settings of registries lie: those of the machine and those of the user.
///
/// They are the places of podman, buildah and skopeo, and of Docker for logins and
/// certificates, so that what works there works here. Source: containers-registries.conf(5),
/// containers-auth.json(5), containers-certs.d(5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// The machine's settings: `/etc`.
    pub machine: Option<PathBuf>,
    /// The user's settings: `$XDG_CONFIG_HOME`, or `~/.config`.
    pub user: Option<PathBuf>,
    /// The one registries.conf to read: `$CONTAINERS_REGISTRIES_CONF`.
    pub registries: Option<PathBuf>,
    /// The one file with logins to read: `$REGISTRY_AUTH_FILE`.
    pub logins: Option<PathBuf>,
    /// Where logins lie that end with the session: `$XDG_RUNTIME_DIR`, or `/run/containers/UID`.
    pub session: Option<PathBuf>,
    /// Docker's settings: `$DOCKER_CONFIG`, or `~/.docker`.
    pub docker: Option<PathBuf>,
}

impl Places {
    /// The places that the environment of this process stands for.
    ///
    /// A variable that is empty counts as unset. Without `HOME` there is no user's place.
    #[must_use]
    pub fn of_this_process() -> Self {
        Self::of(|name| env::var_os(name), nix::unistd::Uid::current().as_raw())
    }

    fn of(variable: impl Fn(&str) -> Option<OsString>, uid: u32) -> Self {
        let path = |name: &str| variable(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let home = path("HOME");
        let below_home = |name: &str| home.as_ref().map(|home| home.join(name));
        Self {
            machine: Some(PathBuf::from("/etc")),
            user: path("XDG_CONFIG_HOME").or_else(|| below_home(".config")),
            registries: path("CONTAINERS_REGISTRIES_CONF"),
            logins: path("REGISTRY_AUTH_FILE"),
            session: path("XDG_RUNTIME_DIR")
                .map(|dir| dir.join("containers"))
                .or_else(|| Some(PathBuf::from(format!("/run/containers/{uid}")))),
            docker: path("DOCKER_CONFIG").or_else(|| below_home(".docker")),
        }
    }
}
