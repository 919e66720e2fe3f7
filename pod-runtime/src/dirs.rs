//! Where pods keep their files.

use std::path::{Path, PathBuf};

use pod_network::Networks;

use crate::claims::Claims;
use crate::users::Ranges;

/// The run directory of the machine's own runtime.
pub const SYSTEM: &str = "/run/pod";

/// The directories of one runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dirs {
    root: PathBuf,
    run: PathBuf,
    data: PathBuf,
    logs: PathBuf,
    links: PathBuf,
}

impl Dirs {
    /// `/run/pod` is the machine's own runtime, with data in `/var/lib/pod` and logs where a node has them. Any other
    /// directory holds everything itself.
    pub fn new(root: &Path) -> Self {
        if root == Path::new(SYSTEM) {
            let path = PathBuf::from;
            return Self {
                root: path(SYSTEM),
                run: path(SYSTEM),
                data: path("/var/lib/pod"),
                logs: path("/var/log/pods"),
                links: path("/var/log/containers"),
            };
        }
        Self {
            root: root.to_owned(),
            run: root.join("run"),
            data: root.join("data"),
            logs: root.join("logs/pods"),
            links: root.join("logs/containers"),
        }
    }

    /// What [`Dirs::new`] was given.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What is gone after a reboot.
    pub fn run(&self) -> &Path {
        &self.run
    }

    /// The state of the sandboxes.
    pub fn sandboxes(&self) -> PathBuf {
        self.run.join("sandboxes")
    }

    /// The store of images.
    pub fn images(&self) -> PathBuf {
        self.data.join("images")
    }

    /// The networks of the pods.
    pub fn networks(&self) -> Networks {
        let bridge = if self.root == Path::new(SYSTEM) {
            "pod0".to_owned()
        } else {
            format!("pod-{:08x}", fnv1a(self.root.as_os_str().as_encoded_bytes()))
        };
        Networks::new(self.run.join("network"), bridge)
    }

    /// The ids of pods with users of their own. Those of the machine's own runtime begin where the kubelet's do.
    pub fn users(&self) -> Ranges {
        let start = if self.root == Path::new(SYSTEM) {
            0
        } else {
            fnv1a(self.root.as_os_str().as_encoded_bytes())
        };
        Ranges::new(self.run.join("users"), start)
    }

    /// The ConfigMaps and Secrets, by namespace and kind.
    pub fn objects(&self) -> PathBuf {
        self.run.join("objects")
    }

    /// The claims, by namespace, which outlive a reboot.
    pub fn lasting_objects(&self) -> PathBuf {
        self.data.join("objects")
    }

    /// What is in the claims, a directory for each.
    pub fn claimed(&self) -> PathBuf {
        self.data.join("volumes")
    }

    /// The namespaces, each a directory of pods.
    pub fn namespaces(&self) -> PathBuf {
        self.run.join("pods")
    }

    /// The pods of a namespace.
    pub fn namespace(&self, namespace: &str) -> PathBuf {
        self.namespaces().join(namespace)
    }

    /// Everything of one pod.
    pub fn pod(&self, namespace: &str, name: &str, uid: &str) -> PodDirs {
        PodDirs {
            state: self.state(namespace, name),
            images: self.images(),
            data: self.data.join("pods").join(uid),
            logs: self.logs.join(format!("{namespace}_{name}_{uid}")),
            links: self.links.clone(),
            networks: self.networks(),
            users: self.users(),
            claims: Claims::new(self),
        }
    }

    /// The state directory of the pod that has this name now.
    pub fn state(&self, namespace: &str, name: &str) -> StateDir {
        StateDir(self.namespace(namespace).join(name))
    }

    /// What a container on the host's root must not see.
    pub fn masked(&self) -> Vec<PathBuf> {
        let all = [&self.root, &self.run, &self.data, &self.logs, &self.links];
        let mut masked: Vec<PathBuf> = all.into_iter().cloned().collect();
        masked.sort();
        masked.dedup();
        masked
    }
}

/// A number for a text, the same everywhere and for good (Fowler, Noll and Vo's hash 1a of 32 bits).
fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// The directory of a pod's state; gone after a reboot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StateDir(PathBuf);

impl StateDir {
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The manifest, checked and with its identity.
    pub fn pod(&self) -> PathBuf {
        self.0.join("pod.json")
    }

    /// Where its volumes lie.
    pub fn volumes(&self) -> PathBuf {
        self.0.join("volumes.json")
    }

    /// What the engine must know to go on.
    pub fn saved(&self) -> PathBuf {
        self.0.join("state.json")
    }

    /// `v1.PodStatus`.
    pub fn status(&self) -> PathBuf {
        self.0.join("status.json")
    }

    /// The network it is to have.
    pub fn network(&self) -> PathBuf {
        self.0.join("network.json")
    }

    /// Whoever makes a pod, or removes one without an engine, holds this.
    pub fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }

    /// What the engine wrote to its stderr.
    pub fn engine_log(&self) -> PathBuf {
        self.0.join("engine.log")
    }

    /// The name of the engine's socket in here.
    pub const SOCKET: &'static str = "engine.sock";
}

/// All directories of one pod.
#[derive(Debug, Clone)]
pub(crate) struct PodDirs {
    pub state: StateDir,
    /// The store of images, which all pods share.
    pub images: PathBuf,
    /// Volumes, writable layers and the files the pod is given.
    pub data: PathBuf,
    /// One directory of logs for each container.
    pub logs: PathBuf,
    /// The networks, which all pods share.
    pub networks: Networks,
    /// The ids of pods with users of their own.
    pub users: Ranges,
    /// The claims, which all pods share.
    pub claims: Claims,
    links: PathBuf,
}

impl PodDirs {
    pub fn volumes(&self) -> PathBuf {
        self.data.join("volumes")
    }

    /// The writable layer of one instance.
    pub fn layer(&self, container: &str, attempt: u32) -> PathBuf {
        self.data.join("layers").join(format!("{container}.{attempt}"))
    }

    /// The file in which one instance may say why it ended.
    pub fn termination_log(&self, container: &str, attempt: u32) -> PathBuf {
        self.data.join("termination").join(format!("{container}.{attempt}"))
    }

    /// A file that all containers of the pod are given.
    pub fn file(&self, name: &str) -> PathBuf {
        self.data.join(name)
    }

    /// The logs of a container.
    pub fn container_logs(&self, container: &str) -> PathBuf {
        self.logs.join(container)
    }

    /// The log of one instance.
    pub fn log(&self, container: &str, attempt: u32) -> PathBuf {
        self.container_logs(container).join(format!("{attempt}.log"))
    }

    /// The directory of links that log shippers on a node read.
    pub fn links(&self) -> &Path {
        &self.links
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_own_runtime_lies_where_a_node_has_it() {
        let dirs = Dirs::new(Path::new("/run/pod"));
        let pod = dirs.pod("default", "web", "u1");
        assert_eq!(pod.log("app", 2), Path::new("/var/log/pods/default_web_u1/app/2.log"));
        assert_eq!(pod.layer("app", 2), Path::new("/var/lib/pod/pods/u1/layers/app.2"));
        assert_eq!(pod.state.path(), Path::new("/run/pod/pods/default/web"));
    }

    #[test]
    fn a_name_of_a_bridge_never_changes() {
        for (text, want) in [("", 0x811c_9dc5), ("a", 0xe40c_292c), ("foobar", 0xbf9c_f968)] {
            assert_eq!(fnv1a(text.as_bytes()), want, "{text}");
        }
    }

    #[test]
    fn another_root_holds_everything() {
        let dirs = Dirs::new(Path::new("/tmp/x"));
        let pod = dirs.pod("default", "web", "u1");
        for path in [pod.log("a", 0), pod.volumes(), dirs.sandboxes(), pod.links().to_owned()] {
            assert!(path.starts_with("/tmp/x"), "{path:?}");
        }
        assert!(dirs.masked().contains(&PathBuf::from("/tmp/x")));
    }
}
