//! Debian's docker-registry on the loopback device.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use super::Recipe;
use super::cache::Cache;
use crate::{network, wait_until};

/// Whether images may be pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Writable,
    ReadOnly,
}

/// A registry, which ends with this value.
#[derive(Debug)]
pub struct Registry {
    dir: PathBuf,
    storage: PathBuf,
    mode: Mode,
    /// The file of those who may use it, when not everybody may.
    users: Option<PathBuf>,
    host: String,
    running: Option<(Child, [JoinHandle<()>; 2])>,
    output: Arc<Mutex<Vec<String>>>,
}

impl Registry {
    /// One with `images`, which are made when they are not in `target`, the `CARGO_TARGET_TMPDIR` of a test. `dir` is a
    /// directory of its own.
    pub fn with(images: &[Recipe], target: &str, dir: &Path) -> Self {
        let cache = Cache::new(Path::new(target));
        network::outside(|| cache.ensure(images));
        Self::start(dir, &cache.storage(), Mode::ReadOnly)
    }

    /// As [`with`](Self::with), for those alone whom a file of Apache's `htpasswd` names.
    pub fn private(images: &[Recipe], target: &str, dir: &Path, htpasswd: &str) -> Self {
        let cache = Cache::new(Path::new(target));
        network::outside(|| cache.ensure(images));
        fs::create_dir_all(dir).expect("a directory can be made");
        let file = dir.join("htpasswd");
        fs::write(&file, htpasswd).expect("a file can be written");
        Self::start_for(dir, &cache.storage(), Mode::ReadOnly, Some(file))
    }

    /// An empty one, which images can be pushed to.
    pub fn empty(dir: &Path) -> Self {
        Self::start(dir, &dir.join("data"), Mode::Writable)
    }

    pub(super) fn start(dir: &Path, storage: &Path, mode: Mode) -> Self {
        Self::start_for(dir, storage, mode, None)
    }

    fn start_for(dir: &Path, storage: &Path, mode: Mode, users: Option<PathBuf>) -> Self {
        fs::create_dir_all(dir).expect("a directory can be made");
        fs::create_dir_all(storage).expect("a directory can be made");
        let mut registry = Self {
            dir: dir.to_owned(),
            storage: storage.to_owned(),
            mode,
            users,
            host: "127.0.0.1:0".to_owned(),
            running: None,
            output: Arc::default(),
        };
        registry.restart();
        registry
    }

    /// `127.0.0.1` and a port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Ends the registry.
    pub fn stop(&mut self) {
        if let Some((mut child, readers)) = self.running.take() {
            // By its pid, and it is our child, so that it is nobody else.
            let _ = child.kill();
            let _ = child.wait();
            for reader in readers {
                let _ = reader.join();
            }
        }
    }

    /// Starts the registry after a [`stop`](Self::stop), at the same address.
    pub fn restart(&mut self) {
        self.stop();
        let config = self.dir.join("registry.yaml");
        let auth = |file: &PathBuf| {
            format!("auth: {{htpasswd: {{realm: test, path: '{}'}}}}\n", file.display())
        };
        fs::write(
            &config,
            format!(
                "version: 0.1\nlog: {{level: info}}\nstorage:\n  filesystem: {{rootdirectory: '{}'}}\n  \
                 maintenance: {{readonly: {{enabled: {}}}, uploadpurging: {{enabled: false}}}}\n\
                 http: {{addr: '{}'}}\n{}",
                self.storage.display(),
                self.mode == Mode::ReadOnly,
                self.host,
                self.users.as_ref().map(auth).unwrap_or_default(),
            ),
        )
        .expect("a file can be written");
        let mut child = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .stdin(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("cannot run docker-registry: {error}; `make test` installs it")
            });
        let seen = self.lines().len();
        let out = self.read(child.stdout.take().expect("it is piped"));
        let err = self.read(child.stderr.take().expect("it is piped"));
        self.running = Some((child, [out, err]));
        self.host = wait_until("the registry", || {
            let lines = self.lines();
            let line = lines[seen..].iter().find_map(|line| line.split_once("listening on "));
            Some(line?.1.split([',', '"']).next()?.to_owned())
        });
    }

    /// Keeps what the registry writes; it must not be stopped by a pipe that nobody reads.
    fn read(&self, pipe: impl Read + Send + 'static) -> JoinHandle<()> {
        let output = Arc::clone(&self.output);
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                output.lock().expect("not poisoned").push(line);
            }
        })
    }

    fn lines(&self) -> Vec<String> {
        self.output.lock().expect("not poisoned").clone()
    }

    /// How many requests it has answered whose line in the access log holds `words`, such as `"GET /v2/` and a path.
    pub fn requests(&self, words: &str) -> usize {
        self.lines().iter().filter(|line| line.contains(" HTTP/") && line.contains(words)).count()
    }

    /// A `registries.conf` by which the images of docker.io and quay.io come from here.
    pub fn configuration(&self) -> String {
        let host = &self.host;
        format!(
            "[[registry]]\nprefix = \"docker.io\"\nlocation = \"{host}/docker.io\"\ninsecure = true\n\
             [[registry]]\nprefix = \"quay.io\"\nlocation = \"quay.io\"\n\
             [[registry.mirror]]\nlocation = \"{host}/quay.io\"\ninsecure = true\n"
        )
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.stop();
    }
}
