//! All pods below one directory.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::fcntl::Flock;
use nix::unistd::geteuid;
use pod_images::Images;
use pod_network::Network;
use pod_sandbox::{Companion, Preparation, SandboxId};
use pod_spec::ValidPod;
use pod_volumes::Volumes;

use crate::anticipated::Anticipated;
use crate::clock::now;
use crate::dirs::Dirs;
use crate::drivers::Drivers;
use crate::engine;
use crate::error::{RuntimeError, chain};
use crate::handle::{PodHandle, events_of};
use crate::machine::this_machine;
use crate::parallel::parallel;
use crate::plan::{PodPlan, sandbox_id, volume_paths};
use crate::sandboxes::Sandboxes;
use crate::store::RecordedEvent;
use crate::{network, removal};

/// What of the environment an engine gets: where programs lie, and how registries are reached.
const ENVIRONMENT: [&str; 18] = [
    "CONTAINERS_REGISTRIES_CONF",
    "DOCKER_CONFIG",
    "HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "PATH",
    "POD_LOG",
    "REGISTRY_AUTH_FILE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// All pods below one directory. Cheap to clone and to open; it holds nothing open.
#[derive(Debug, Clone)]
pub struct Runtime {
    dirs: Dirs,
    helper: Option<PathBuf>,
    network: Option<Network>,
    drivers: Drivers,
    sandboxes: Sandboxes,
    anticipated: Anticipated,
}

impl Runtime {
    /// Uses the pods of `root`. [`SYSTEM`](crate::SYSTEM), which is `/run/pod`, is the machine's own runtime, with data
    /// in `/var/lib/pod` and logs in `/var/log/pods`; any other directory holds everything itself.
    ///
    /// # Errors
    /// When `root` is relative and the working directory cannot be found.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, RuntimeError> {
        let root = std::path::absolute(root.into())
            .map_err(RuntimeError::io("find the working directory"))?;
        // A directory that exists is known by its one true name, so that two ways to it are one runtime.
        let root = fs::canonicalize(&root).unwrap_or(root);
        Ok(Self {
            dirs: Dirs::new(&root),
            helper: None,
            network: None,
            drivers: Drivers::new(),
            sandboxes: Sandboxes::default(),
            anticipated: Anticipated::default(),
        })
    }

    /// Executes `helper`, a program that calls [`init`](crate::init), for the pods' processes, instead of the current
    /// program.
    pub fn with_helper(mut self, helper: impl Into<PathBuf>) -> Self {
        self.helper = Some(helper.into());
        self
    }

    /// Gives this network to the pods that are made through this handle. Without it they have what the machine's CNI
    /// configuration says, or else a bridge of this runtime's own: see [`Network::of_this_machine`].
    pub fn with_network(mut self, network: Network) -> Self {
        self.network = Some(network);
        self
    }

    /// Has pods use drivers of volumes that this program brings. The helper has to know them too: see
    /// [`init_with`](crate::init_with).
    pub fn with_drivers(mut self, drivers: Drivers) -> Self {
        self.drivers = drivers;
        self
    }

    fn program(&self) -> Result<PathBuf, RuntimeError> {
        let context = RuntimeError::io("find the program for the pod's processes");
        match &self.helper {
            Some(helper) => fs::canonicalize(helper).map_err(context),
            None => std::env::current_exe().map_err(context),
        }
    }

    /// The directory that it was opened with.
    pub fn root(&self) -> &Path {
        self.dirs.root()
    }

    /// Where what programs that build on this crate keep for pods belongs: gone after a reboot, as pods are.
    pub fn run_dir(&self) -> &Path {
        self.dirs.run()
    }

    /// A command that becomes another role of the program that the pods' processes are of: it is known by this
    /// `argv[0]`, which its `main` must look for as [`init`](crate::init) does. Of the environment it has what engines
    /// have, and its standard streams are `/dev/null`.
    ///
    /// # Errors
    /// When the program cannot be found.
    pub fn role(&self, name: &str) -> Result<Command, RuntimeError> {
        let mut command = Command::new(self.program()?);
        let env = std::env::vars().filter(|(name, _)| ENVIRONMENT.contains(&name.as_str()));
        command.arg0(name).env_clear().envs(env);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(command)
    }

    pub(crate) fn dirs(&self) -> &Dirs {
        &self.dirs
    }

    pub(crate) fn sandboxes(&self) -> Result<pod_sandbox::Runtime, RuntimeError> {
        let sandboxes = self.sandboxes.of(&self.dirs)?.clone();
        Ok(match &self.helper {
            Some(helper) => sandboxes.with_helper(helper),
            None => sandboxes,
        })
    }

    /// Has the keeper of the next pod start up, for a caller that is about to [`run`](Self::run) one and has its manifest to
    /// read first, or to wait for. It waits for the pod on this handle and its clones, and ends when none comes and they are
    /// dropped; there is nothing of it on the disk. What goes wrong here is left to `run`, which can do without.
    pub fn anticipate(&self) {
        let begin = || {
            let id = SandboxId::new(uuid::Uuid::new_v4().to_string()).ok()?;
            self.sandboxes().ok()?.prepare(&id).ok()
        };
        // The first pod makes the directory; without one there shall be none.
        if geteuid().is_root()
            && self.dirs.sandboxes().is_dir()
            && let Some(preparation) = begin()
        {
            self.anticipated.put(preparation);
        }
    }

    /// Takes a pod on and returns when its sandbox stands and its engine has been started. It lives on when the handle
    /// is dropped.
    ///
    /// # Errors
    /// When a pod of this name exists, something in it is not supported, the process is not root, the machine lacks the huge
    /// pages it asks for, or a volume or the sandbox cannot be made. Nothing is left then.
    pub async fn run(&self, pod: ValidPod) -> Result<PodHandle, RuntimeError> {
        let runtime = self.clone();
        let made = tokio::task::spawn_blocking(move || runtime.run_blocking(pod)).await;
        made.map_err(|e| RuntimeError::io("make the pod")(io::Error::other(e)))?
    }

    /// As [`run`](Self::run), holding the calling thread meanwhile. Needs no event loop.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_blocking(&self, pod: ValidPod) -> Result<PodHandle, RuntimeError> {
        if !geteuid().is_root() {
            return Err(RuntimeError::NotRoot);
        }
        pod.supported()?;
        let anticipated = self.anticipated.take();
        let uid = anticipated.as_ref().map(|sandbox| sandbox.id().to_string());
        let uid = uid.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        let pod = pod.with_identity(&uid, now(), None)?;
        let plan = PodPlan::new(pod, &self.dirs, this_machine());
        plan.fits()?;
        let _lock = self.claim(&plan)?;
        match self.build(&plan, anticipated) {
            Ok(()) => Ok(self.handle(plan.pod)),
            Err(error) => {
                for left in removal::remove_files(&plan, &self.drivers) {
                    tracing::warn!("{left}");
                }
                Err(error)
            }
        }
    }

    fn handle(&self, pod: ValidPod) -> PodHandle {
        PodHandle::new(self.dirs.clone(), self.drivers.clone(), self.sandboxes.clone(), pod)
    }

    /// Removes a pod that no engine looks after.
    pub(crate) fn bury(&self, pod: &ValidPod) -> Result<(), RuntimeError> {
        removal::bury(&self.dirs, &self.drivers, pod)
    }

    /// Takes the pod's name, over from one that was never finished when need be.
    fn claim(&self, plan: &PodPlan) -> Result<Flock<File>, RuntimeError> {
        let state = &plan.dirs.state;
        let context = || RuntimeError::io(format!("make {}", state.path().display()));
        if let Ok(pod) = self.pod(plan.pod.namespace(), plan.pod.name())
            && pod.is_unfinished()
        {
            self.bury(pod.pod())?;
        }
        match state.claim() {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Err(RuntimeError::Exists {
                namespace: plan.pod.namespace().to_owned(),
                name: plan.pod.name().to_owned(),
            }),
            result => result.map_err(context()),
        }
    }

    fn build(&self, plan: &PodPlan, anticipated: Option<Preparation>) -> Result<(), RuntimeError> {
        let dirs = &plan.dirs;
        let state = &dirs.state;
        let reserved = network::reserve(plan)?;
        // First of all: what is found of a pod later is known to be its own.
        state.write_pod(&plan.pod).map_err(RuntimeError::io("write pod.json"))?;
        let take = || plan.dirs.users.take(plan.uid());
        let users = plan.has_own_users().then(take).transpose();
        let users = users.map_err(RuntimeError::io("take ids for the pod's users"))?;
        // The keeper starts up while the files are written.
        let sandbox = match anticipated {
            Some(sandbox) => sandbox,
            None => self.sandboxes()?.prepare(&sandbox_id(&plan.pod)?)?,
        };
        make(&dirs.data, 0o700)?;
        make(&dirs.data.join("layers"), 0o700)?;
        for name in plan.container_names() {
            make(&dirs.container_logs(name), 0o755)?;
        }
        let network = self.network();
        plan.write_files(&network)?;
        state.write_network(&network).map_err(RuntimeError::io("write network.json"))?;
        let volumes = Volumes::new(dirs.volumes())?.with_group(plan.volume_group());
        let volumes = volumes.prepare(&plan.volumes())?;
        state
            .write_volumes(&volume_paths(&volumes))
            .map_err(RuntimeError::io("write volumes.json"))?;

        let (root, program) = (self.dirs.root(), self.program()?);
        let (program, argv) = engine::command(program, root, plan.pod.namespace(), plan.pod.name());
        let env = std::env::vars().filter(|(name, _)| ENVIRONMENT.contains(&name.as_str()));
        let env = env.collect();
        let companion = Companion { program, argv, env, log: state.engine_log() };
        let config = plan.sandbox(&volumes, users, companion)?;
        let sandbox = match network::begin(plan)? {
            Some(namespace) => sandbox.with_network_namespace(namespace),
            None => sandbox,
        };
        let sandbox = sandbox.create(&config)?;
        // The engine starts up meanwhile. It begins when the pod's lock is given back, and makes a network that is missing
        // itself when this process was killed before it had.
        let connected = sandbox.hold(&reserved).map_err(RuntimeError::from);
        if let Err(error) = connected.and_then(|()| network::connect(plan, &sandbox).map(drop)) {
            network::disconnect(plan).iter().for_each(|left| tracing::warn!("{left}"));
            if let Err(left) = sandbox.remove() {
                tracing::warn!("{}", chain(&left));
            }
            return Err(error);
        }
        Ok(())
    }

    /// The network of the next pod.
    pub fn network(&self) -> Network {
        self.network.clone().unwrap_or_else(Network::of_this_machine)
    }

    /// The images of the machine, which all pods of this runtime share.
    pub fn images(&self) -> Images {
        let dir = self.dirs.images();
        match &self.helper {
            Some(helper) => Images::with_helper(dir, helper),
            None => Images::open(dir),
        }
    }

    /// Lets go of the images that are held for pods which are no more: those that were removed while something went wrong.
    ///
    /// # Errors
    /// When the pods or the images cannot be read.
    pub fn release_images(&self) -> Result<(), RuntimeError> {
        let images = self.images();
        for holder in images.all_holders()? {
            let (namespace, name) = holder.split_once('/').unwrap_or(("", &holder));
            if !self.dirs.state(namespace, name).path().exists() {
                images.release(&holder)?;
            }
        }
        Ok(())
    }

    /// The pod of this name, whoever made it.
    ///
    /// # Errors
    /// When there is none.
    pub fn pod(&self, namespace: &str, name: &str) -> Result<PodHandle, RuntimeError> {
        let missing =
            || RuntimeError::NotFound { namespace: namespace.to_owned(), name: name.to_owned() };
        // A name that could leave the directory is the name of no pod.
        let plain = |text: &str| !text.is_empty() && !text.starts_with('.') && !text.contains('/');
        if !plain(namespace) || !plain(name) {
            return Err(missing());
        }
        let pod = self.dirs.state(namespace, name).read_pod();
        let pod = pod
            .map_err(RuntimeError::io(format!("read the state of pod `{name}`")))?
            .ok_or_else(missing)?;
        Ok(self.handle(pod))
    }

    /// As [`PodHandle::events`], of the pod of this name and uid, without a look at the pod itself.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`] when it is gone.
    pub fn events(
        &self,
        namespace: &str,
        name: &str,
        uid: &str,
    ) -> Result<Vec<RecordedEvent>, RuntimeError> {
        events_of(&self.dirs, namespace, name, uid)
    }

    /// All pods, or those of one namespace, by namespace and name.
    ///
    /// # Errors
    /// When a directory cannot be read.
    pub fn list(&self, namespace: Option<&str>) -> Result<Vec<PodHandle>, RuntimeError> {
        self.look(namespace, Ok)
    }

    /// What `look` finds at each pod, or at those of one namespace, by namespace and name. They are looked at side by side,
    /// on all processors; one that goes meanwhile is left out.
    ///
    /// # Errors
    /// The first that `look` has, or when a directory cannot be read.
    pub fn look<T: Send>(
        &self,
        namespace: Option<&str>,
        look: impl Fn(PodHandle) -> Result<T, RuntimeError> + Sync,
    ) -> Result<Vec<T>, RuntimeError> {
        let namespaces = match namespace {
            Some(namespace) => vec![namespace.to_owned()],
            None => names(&self.dirs.namespaces())?,
        };
        let mut places = Vec::new();
        for namespace in &namespaces {
            let names = names(&self.dirs.namespace(namespace))?;
            places.extend(names.into_iter().map(|name| (namespace, name)));
        }
        let found =
            parallel(&places, |(namespace, name)| self.pod(namespace, name).and_then(&look));
        // It went while we looked, or is only being made.
        let is_there = |found: &Result<T, _>| !matches!(found, Err(RuntimeError::NotFound { .. }));
        found.into_iter().filter(is_there).collect()
    }
}

fn make(dir: &Path, mode: u32) -> Result<(), RuntimeError> {
    let made = DirBuilder::new().recursive(true).mode(mode).create(dir);
    made.map_err(RuntimeError::io(format!("make {}", dir.display())))
}

/// The sorted names in a directory; none when it is missing.
pub(crate) fn names(dir: &Path) -> Result<Vec<String>, RuntimeError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(RuntimeError::io(format!("read {}", dir.display()))(e)),
    };
    let mut names: Vec<String> =
        entries.flatten().filter_map(|e| e.file_name().into_string().ok()).collect();
    names.sort();
    Ok(names)
}
