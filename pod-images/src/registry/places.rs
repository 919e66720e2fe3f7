//! Where the files lie that say how to reach registries.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

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

    /// The files with logins, those that count most first.
    pub(crate) fn login_files(&self) -> Vec<PathBuf> {
        let join = |dir: &Option<PathBuf>, name: &str| dir.as_ref().map(|dir| dir.join(name));
        match &self.logins {
            Some(file) => vec![file.clone()],
            None => [
                join(&self.session, "auth.json"),
                join(&self.user, "containers/auth.json"),
                join(&self.docker, "config.json"),
            ]
            .into_iter()
            .flatten()
            .collect(),
        }
    }

    /// The directories that hold one directory of certificates for each host.
    pub(crate) fn certificate_directories(&self) -> Vec<PathBuf> {
        let below = |dir: &Path| [dir.join("containers/certs.d"), dir.join("docker/certs.d")];
        let user = self.user.iter().map(|dir| dir.join("containers/certs.d"));
        user.chain(self.machine.iter().flat_map(|dir| below(dir))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(variables: &[(&str, &str)]) -> Places {
        let find = |name: &str| variables.iter().find(|(n, _)| *n == name);
        Places::of(|name| find(name).map(|(_, value)| value.into()), 7)
    }

    #[test]
    fn the_environment_moves_what_it_names() {
        let plain = places(&[("HOME", "/h"), ("REGISTRY_AUTH_FILE", "")]);
        assert_eq!(
            plain.login_files(),
            [
                "/run/containers/7/auth.json",
                "/h/.config/containers/auth.json",
                "/h/.docker/config.json"
            ]
            .map(PathBuf::from)
        );
        let moved = places(&[
            ("HOME", "/h"),
            ("XDG_CONFIG_HOME", "/c"),
            ("XDG_RUNTIME_DIR", "/r"),
            ("DOCKER_CONFIG", "/d"),
        ]);
        assert_eq!(
            moved.login_files(),
            ["/r/containers/auth.json", "/c/containers/auth.json", "/d/config.json"]
                .map(PathBuf::from)
        );
        assert_eq!(
            moved.certificate_directories(),
            ["/c/containers/certs.d", "/etc/containers/certs.d", "/etc/docker/certs.d"]
                .map(PathBuf::from)
        );
        let named = places(&[("REGISTRY_AUTH_FILE", "/a.json")]);
        assert_eq!(named.login_files(), [PathBuf::from("/a.json")]);
        assert_eq!((named.user, named.docker), (None, None));
    }
}
