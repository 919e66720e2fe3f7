//! Carries the machine's actions out, as tasks of the engine's one thread.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::rc::Rc;

use pod_images::Image;
use pod_lifecycle::{Action, Addresses, Event, EventKind, HookKind, PodEvent, ProbeKind};
use pod_sandbox::{
    Call, ContainerConfig, ContainerId, ContainerState, RequestError, Sandbox, SandboxError,
    SandboxState, SandboxStatus,
};
use pod_spec::{ConfigMap, Container, ImagePullPolicy, Secret};
use tokio::sync::{mpsc, oneshot};

use super::late::{Late, LateError};
use super::limits;
use super::observe::full_id;
use super::supply::{News, Supply};
use crate::blocked::FAILED_MOUNT;
use crate::clock::now;
use crate::dirs::Dirs;
use crate::drivers::Drivers;
use crate::environment::{EnvVolumes, Referenced};
use crate::error::{ConfigError, RuntimeError, chain};
use crate::objects::Objects;
use crate::plan::{PodPlan, PodVolumes, VolumeImages, VolumePaths, container_id, holder, instance};
use crate::probe::Prober;
use crate::pull_secrets::PullSecrets;
use crate::puller::PullFailure;
use crate::readable::{ReadError, Readable};
use crate::volume_files::{Contents, FillError};
use crate::{network, removal, termination};

/// The reason of a container that cannot be configured.
const CONFIG_ERROR: &str = "CreateContainerConfigError";

const SIGKILL: i32 = nix::libc::SIGKILL;

/// The effects of one pod.
pub(super) struct Effects {
    shared: Rc<Shared>,
    /// Starts that are under way, by container; what is sent has them give up.
    starting: Rc<RefCell<BTreeMap<String, Starting>>>,
    /// Hooks before the end that are under way, by container and attempt.
    ending: Rc<RefCell<BTreeMap<(String, u32), tokio::task::AbortHandle>>>,
    /// Ends when the start before has been made, so that starts keep the order of the spec.
    previous: Option<oneshot::Receiver<()>>,
}

struct Starting {
    attempt: u32,
    task: tokio::task::AbortHandle,
    /// Whether its program may run already.
    requested: Rc<Cell<bool>>,
}

struct Shared {
    /// Another one as soon as the pod is changed.
    plan: RefCell<Rc<PodPlan>>,
    drivers: Drivers,
    sandbox: Sandbox,
    /// With those that are made late, once they are.
    volumes: RefCell<VolumePaths>,
    /// Where the pod can be reached, once it has its network.
    addresses: RefCell<Addresses>,
    supply: Supply,
    config_maps: Objects<ConfigMap>,
    secrets: Objects<Secret>,
    /// How often the objects of the namespace have changed.
    changes: Cell<u64>,
    /// Whether another engine has looked after the pod before.
    resumed: bool,
    /// The last attempt at each container.
    tried: RefCell<BTreeMap<String, u32>>,
    done: mpsc::UnboundedSender<Done>,
}

/// What comes of an effect.
pub(super) enum Done {
    /// Something the machine has waited for.
    Event(Event),
    /// Something to be told to people.
    Note(PodEvent),
    /// There is no pod any more.
    GivenUp,
}

/// How a container is brought to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// By the signal that it listens to.
    Asked,
    Killed,
}

/// A start's place among the others.
struct Turn {
    /// Ends when the one before has been created and asked for.
    previous: Option<oneshot::Receiver<()>>,
    /// Dropped when this one has been.
    started: oneshot::Sender<()>,
    requested: Rc<Cell<bool>>,
}

/// What the images of a container were found as.
struct Found {
    image: String,
    /// By the volume's name.
    volumes: BTreeMap<String, String>,
}

/// What identifies an image.
fn identity(image: &Image) -> String {
    image.repo_digest.as_ref().unwrap_or(&image.id).clone()
}

/// Why a container did not start: the kubelet's reason, and for people.
struct StartFailure {
    reason: String,
    message: String,
    /// The image of a volume that could not be had.
    image: Option<String>,
}

impl StartFailure {
    fn new(reason: &str, message: impl Into<String>) -> Self {
        Self { reason: reason.to_owned(), message: message.into(), image: None }
    }
}

impl Effects {
    pub fn new(
        plan: Rc<PodPlan>,
        dirs: &Dirs,
        drivers: &Drivers,
        sandbox: Sandbox,
        volumes: VolumePaths,
        resumed: bool,
        done: mpsc::UnboundedSender<Done>,
    ) -> Self {
        let supply = Supply::new(plan.dirs.images.clone(), holder(&plan.pod));
        let shared = Shared {
            plan: RefCell::new(plan),
            drivers: drivers.clone(),
            sandbox,
            volumes: RefCell::new(volumes),
            addresses: RefCell::default(),
            supply,
            config_maps: Objects::new(dirs),
            secrets: Objects::new(dirs),
            changes: Cell::default(),
            resumed,
            tried: RefCell::default(),
            done,
        };
        Self {
            shared: Rc::new(shared),
            starting: Rc::default(),
            ending: Rc::default(),
            previous: None,
        }
    }

    /// Goes on with a changed manifest: what begins from now on follows it.
    pub fn follow(&self, plan: Rc<PodPlan>) {
        *self.shared.plan.borrow_mut() = plan;
    }

    /// Has containers know where the pod can be reached.
    pub fn reached_at(&self, addresses: Addresses) {
        *self.shared.addresses.borrow_mut() = addresses;
    }

    /// Has starts that are under way know that what they are configured with may have changed meanwhile.
    pub fn configuration_changed(&self) {
        let changes = &self.shared.changes;
        changes.set(changes.get() + 1);
    }

    /// Has volumes hold what ConfigMaps and Secrets hold by now. One that cannot be filled keeps what it has.
    pub fn refill(&self) {
        let addresses = self.shared.addresses.borrow().clone();
        if let Err(error) = self.shared.fill(&addresses) {
            self.shared.warn(FAILED_MOUNT, chain(&error));
        }
    }

    /// Tells when a volume holds more than it may.
    pub fn watch_limits(&self) {
        let shared = Rc::clone(&self.shared);
        tokio::task::spawn_local(async move {
            let plan = shared.plan();
            let volumes = shared.volumes.borrow().clone();
            let event = limits::exceeded(plan.pod.spec(), &volumes).await;
            shared.tell(Done::Event(event));
        });
    }

    /// Puts an event into the machine's queue.
    pub fn tell(&self, event: Event) {
        self.shared.tell(Done::Event(event));
    }

    /// Begins to carry an action out.
    pub fn begin(&mut self, action: Action) {
        match action {
            Action::StartContainer { container, attempt } => self.start(container, attempt),
            Action::Terminate { container, attempt } => self.end(container, attempt, Ending::Asked),
            Action::Kill { container, attempt } => self.end(container, attempt, Ending::Killed),
            Action::Probe { container, attempt, probe } => self.probe(container, attempt, probe),
            Action::RunHook { container, attempt, hook } => self.run_hook(container, attempt, hook),
            Action::CreateSandbox | Action::RemoveSandbox | Action::Record(_) => {}
        }
    }

    /// The sandbox and its network were made before the engine by whoever made the pod, or are being made: they are done
    /// when the pod's lock is free. What is missing then, all of it when the sandbox is lost, is made here, and the volumes
    /// are filled.
    pub fn set_up(&self, lost: bool) {
        let shared = Rc::clone(&self.shared);
        tokio::task::spawn_local(async move {
            let done = shared.set_up(lost).await;
            shared.tell(done);
        });
    }

    fn start(&mut self, container: String, attempt: u32) {
        let (started, next) = oneshot::channel();
        let previous = self.previous.replace(next);
        let shared = Rc::clone(&self.shared);
        let starting = Rc::clone(&self.starting);
        let name = container.clone();
        let requested = Rc::new(Cell::new(false));
        let turn = Turn { previous, started, requested: Rc::clone(&requested) };
        let task = tokio::task::spawn_local(async move {
            let seen = shared.changes.get();
            let result = shared.start(&name, attempt, turn).await;
            starting.borrow_mut().remove(&name);
            let outdated = seen != shared.changes.get()
                && result.as_ref().is_err_and(|failure| failure.reason == CONFIG_ERROR);
            shared.tell(Done::Event(shared.outcome(name, attempt, result)));
            if outdated {
                shared.tell(Done::Event(Event::ConfigurationChanged));
            }
        });
        self.starting
            .borrow_mut()
            .insert(container, Starting { attempt, task: task.abort_handle(), requested });
    }

    fn probe(&self, container: String, attempt: u32, probe: ProbeKind) {
        let shared = Rc::clone(&self.shared);
        tokio::task::spawn_local(async move {
            let result = shared.prober().probe(&container, attempt, probe).await;
            shared.tell(Done::Event(Event::Probed { container, attempt, probe, result }));
        });
    }

    fn run_hook(&self, container: String, attempt: u32, hook: HookKind) {
        let shared = Rc::clone(&self.shared);
        let key = (container.clone(), attempt);
        let task = tokio::task::spawn_local(async move {
            let result = shared.prober().hook(&container, attempt, hook).await;
            if let Err(why) = &result {
                tracing::info!(container, ?hook, "{why}");
            }
            shared.tell(Done::Event(Event::HookEnded { container, attempt, hook, result }));
        });
        if hook == HookKind::PreStop {
            self.ending.borrow_mut().insert(key, task.abort_handle());
        }
    }

    fn end(&self, container: String, attempt: u32, ending: Ending) {
        let Ok(id) = container_id(&container, attempt) else { return };
        // A hook that is not over has had its time.
        if let Some(hook) = self.ending.borrow_mut().remove(&(container.clone(), attempt)) {
            hook.abort();
        }
        let starting = self.starting.borrow();
        if let Some(starting_now) = starting.get(&container).filter(|s| s.attempt == attempt) {
            // A program that may run already is told to end as soon as the machine knows that it runs.
            let wait = ending == Ending::Asked && starting_now.requested.get();
            drop(starting);
            if !wait {
                self.abandon(&container, attempt);
            }
            return;
        }
        drop(starting);
        let signalled = match ending {
            Ending::Asked => self.shared.sandbox.stop(&id),
            Ending::Killed => self.shared.sandbox.signal(&id, SIGKILL),
        };
        match signalled {
            // It has ended, and the machine is told so from elsewhere.
            Ok(())
            | Err(SandboxError::Request(
                RequestError::NotFound { .. } | RequestError::WrongState { .. },
            )) => {}
            Err(error) => tracing::warn!(container, "{}", chain(&error)),
        }
    }

    /// Gives a start up: what is there of the container is killed and removed.
    fn abandon(&self, container: &str, attempt: u32) {
        let Some(starting) = self.starting.borrow_mut().remove(container) else { return };
        starting.task.abort();
        let shared = Rc::clone(&self.shared);
        let name = container.to_owned();
        tokio::task::spawn_local(async move {
            if let Err(error) = shared.remove(&name, attempt).await {
                tracing::warn!(container = name, "{}", chain(&error));
            }
            let failure = StartFailure::new("CreateContainerError", "its start was given up");
            shared.tell(Done::Event(shared.outcome(name, attempt, Err(failure))));
        });
    }

    /// Kills every container that is there, and gives up every start.
    pub fn kill_all(&self, seen: Option<&SandboxStatus>) {
        let starting: Vec<(String, u32)> =
            self.starting.borrow().iter().map(|(name, s)| (name.clone(), s.attempt)).collect();
        for (name, attempt) in starting {
            self.abandon(&name, attempt);
        }
        for container in seen.iter().flat_map(|s| &s.containers) {
            if let Some((name, attempt)) = instance(&container.id) {
                self.end(name.to_owned(), attempt, Ending::Killed);
            }
        }
    }

    /// Gives all starts up, when the whole sandbox goes.
    pub fn abandon_all(&self) {
        for (_, starting) in std::mem::take(&mut *self.starting.borrow_mut()) {
            starting.task.abort();
        }
    }
}

impl Shared {
    fn plan(&self) -> Rc<PodPlan> {
        Rc::clone(&self.plan.borrow())
    }

    /// `None` when whoever made the pod could not, and has taken it away again.
    async fn connect(&self, lost: bool) -> Result<Option<Addresses>, RuntimeError> {
        let context = || RuntimeError::io("wait for the pod's lock");
        let state = self.plan().dirs.state.clone();
        let locked = tokio::task::spawn_blocking(move || removal::lock(&state));
        let host = network::host_addresses();
        let lock = locked.await.map_err(|e| context()(io::Error::other(e)))??;
        // Another pod may have the name by now.
        let uid = self.plan().dirs.state.read_uid().map_err(context())?;
        if lock.is_none() || uid.is_none_or(|uid| uid != self.plan().uid()) {
            return Ok(None);
        }
        if lost {
            self.make_again()?;
        }
        let pod = network::connect(&self.plan(), &self.sandbox)?;
        Ok(Some(Addresses { pod, host }))
    }

    /// Makes a lost sandbox again. Its network is taken back before that, so that an engine which finds the sandbox made
    /// connects it anew.
    fn make_again(&self) -> Result<(), RuntimeError> {
        let SandboxState::Lost { .. } = self.sandbox.status()?.state else { return Ok(()) };
        network::forget(&self.plan())?;
        Ok(self.sandbox.make_again()?)
    }

    /// Removes what is left of the containers of a lost sandbox, and the logs of those that begin anew in the next one.
    async fn clear(&self) -> Result<(), SandboxError> {
        for container in self.sandbox.status()?.containers {
            finish(self.sandbox.begin_remove(&container.id)?).await?;
        }
        for container in &self.plan().pod.spec().init_containers {
            self.forget_logs(&container.name, u32::MAX);
        }
        Ok(())
    }

    /// Makes the volumes that wait for something of others, and writes down where they lie.
    async fn mount_late(&self) -> Result<(), LateError> {
        let (plan, volumes) = (self.plan(), self.volumes.borrow().clone());
        let made = tokio::task::spawn_blocking({
            let late = Late::of(&plan, &self.drivers);
            move || late.make(volumes)
        });
        *self.volumes.borrow_mut() = made.await.map_err(LateError::unfinished)??;
        Ok(())
    }

    fn fill(&self, addresses: &Addresses) -> Result<(), FillError> {
        let (config_maps, secrets) = (&self.config_maps, &self.secrets);
        let contents = Contents { plan: &self.plan(), addresses, config_maps, secrets };
        contents.fill(&self.volumes.borrow(), &self.sandbox)
    }

    /// Makes the network, and fills the volumes.
    async fn set_up(&self, lost: bool) -> Done {
        if lost && let Err(error) = self.clear().await {
            let (reason, message) = ("FailedCreatePodSandBox".to_owned(), chain(&error));
            return Done::Event(Event::SandboxFailed { reason, message });
        }
        let connected = match self.connect(lost).await {
            Ok(Some(addresses)) => Ok(addresses),
            Ok(None) => return Done::GivenUp,
            Err(error) => Err(("FailedCreatePodSandBox", chain(&error))),
        };
        let filled = match connected {
            Ok(addresses) => match self.mount_late().await {
                Ok(()) => self.fill(&addresses).map(|()| addresses).map_err(|e| chain(&e)),
                Err(error) => Err(chain(&error)),
            }
            .map_err(|message| (FAILED_MOUNT, message)),
            Err(failed) => Err(failed),
        };
        Done::Event(match filled {
            Ok(addresses) => {
                *self.addresses.borrow_mut() = addresses.clone();
                Event::SandboxReady { addresses }
            }
            Err((reason, message)) => Event::SandboxFailed { reason: reason.to_owned(), message },
        })
    }

    fn prober(&self) -> Prober<'_> {
        let addresses = self.addresses.borrow().clone();
        Prober { plan: self.plan(), sandbox: &self.sandbox, addresses }
    }

    fn tell(&self, done: Done) {
        // The engine outlives its effects, so somebody listens.
        let _ = self.done.send(done);
    }

    /// Bad news of the whole pod.
    fn warn(&self, reason: &str, message: String) {
        let (kind, reason) = (EventKind::Warning, reason.to_owned());
        self.tell(Done::Note(PodEvent { kind, reason, container: None, message }));
    }

    /// Starts a container and returns what identifies its images.
    async fn start(&self, name: &str, attempt: u32, turn: Turn) -> Result<Found, StartFailure> {
        let fail = |reason: &'static str| {
            move |e: &dyn std::error::Error| StartFailure::new(reason, chain(e))
        };
        let creating = fail("CreateContainerError");
        let plan = self.plan();
        let container = plan.container(name).ok_or_else(|| {
            StartFailure::new(CONFIG_ERROR, format!("the pod has no container `{name}`"))
        })?;
        let images = self.volume_images(&plan, container).await?;
        let image = self.image(container).await?;
        let mut config = self
            .configuration(container, attempt, &image, &images)
            .map_err(|e| fail(CONFIG_ERROR)(&e))?;
        config.image_ref = identity(&image);
        if let Some(target) = plan.target(name) {
            config.pid_of = Some(self.target(target)?);
        }
        if let Some(last) = attempt.checked_sub(1) {
            self.remove(name, last).await.map_err(|e| creating(&e))?;
            self.forget_logs(name, last);
        }
        let tried = self.tried.borrow_mut().insert(name.to_owned(), attempt) == Some(attempt);
        if tried || self.resumed {
            // A start that was cut short may have left this very instance.
            self.remove(name, attempt).await.map_err(|e| creating(&e))?;
        }
        termination::prepare(&self.plan().dirs, name, attempt).map_err(|e| creating(&e))?;
        let (call, start) =
            self.sandbox.begin_create_to_start(&config).map_err(|e| creating(&e))?;
        let mut call = Readable::new(call).map_err(|e| creating(&e))?;
        let asked = async {
            if let Some(previous) = turn.previous {
                // An error says that the one before has been started or given up: both let this one go on.
                let _ = previous.await;
            }
            // The keeper starts it as soon as it is created.
            turn.requested.set(true);
            start.ask().map_err(|e| creating(&e))
        };
        let created =
            async { answer(&mut call).await.map_err(|e| not_created(container, &images, &e)) };
        tokio::try_join!(created, asked)?;
        self.link_log(name, attempt);
        drop(turn.started);
        answer(&mut call).await.map_err(|e| match e {
            SandboxError::Request(RequestError::Start { message, .. }) => {
                StartFailure::new("StartError", message)
            }
            e => creating(&e),
        })?;
        let volumes = images.into_iter().map(|(volume, image)| (volume, identity(&image)));
        Ok(Found { image: config.image_ref, volumes: volumes.collect() })
    }

    /// One instance of a container, with the ConfigMaps, Secrets and files of variables as they are now.
    fn configuration(
        &self,
        container: &Container,
        attempt: u32,
        image: &Image,
        images: &VolumeImages,
    ) -> Result<ContainerConfig, ConfigError> {
        let plan = self.plan();
        let paths = self.volumes.borrow();
        let files = EnvVolumes::open(container, plan.pod.spec(), &paths, &self.sandbox)?;
        let objects = (&self.config_maps, &self.secrets);
        let referenced = Referenced::read(container, plan.pod.namespace(), objects, files)?;
        let addresses = self.addresses.borrow();
        let volumes = PodVolumes { paths: &paths, images };
        plan.instance(container, attempt, image, &volumes, &addresses, &referenced)
    }

    /// The image of a container, held for the pod from now on.
    async fn image(&self, container: &Container) -> Result<Image, StartFailure> {
        self.get_image(container, &container.image, container.image_pull_policy).await
    }

    /// The images that a container mounts, held for the pod from now on.
    async fn volume_images(
        &self,
        plan: &PodPlan,
        container: &Container,
    ) -> Result<VolumeImages, StartFailure> {
        let mut images = VolumeImages::new();
        for (volume, source) in plan.image_sources(container) {
            let name = source.reference.as_deref().unwrap_or_default();
            let got = self.get_image(container, name, source.pull_policy).await;
            let about = |failure| StartFailure { image: Some(name.to_owned()), ..failure };
            images.insert(volume.to_owned(), got.map_err(about)?);
        }
        Ok(images)
    }

    async fn get_image(
        &self,
        container: &Container,
        name: &str,
        policy: Option<ImagePullPolicy>,
    ) -> Result<Image, StartFailure> {
        let tell = |(reason, message): News| self.note(reason, container, message);
        let secrets = PullSecrets::of(&self.plan().pod, &self.secrets)
            .map_err(|error| StartFailure::new("ErrImagePull", chain(&error)))?;
        self.tell_missing(&secrets.missing);
        let got = self.supply.get(name, policy, &secrets.logins, tell).await;
        got.map_err(|PullFailure { reason, message }| StartFailure::new(&reason, message))
    }

    /// Without these Secrets a pull may fail, or not.
    fn tell_missing(&self, secrets: &[String]) {
        if secrets.is_empty() {
            return;
        }
        let message = format!(
            "Unable to retrieve some image pull secrets ({}); attempting to pull the image may not succeed.",
            secrets.join(", ")
        );
        self.warn("FailedToRetrieveImagePullSecret", message);
    }

    fn note(&self, reason: &str, container: &Container, message: String) {
        self.tell(Done::Note(PodEvent {
            kind: EventKind::Normal,
            reason: reason.to_owned(),
            container: Some(container.name.clone()),
            message,
        }));
    }

    /// The running instance of the container whose processes another one is to see.
    fn target(&self, name: &str) -> Result<ContainerId, StartFailure> {
        let status = self.sandbox.status();
        let status = status.map_err(|e| StartFailure::new("CreateContainerError", chain(&e)))?;
        let mut running = status
            .containers
            .into_iter()
            .filter(|c| matches!(c.state, ContainerState::Running { .. }));
        let found = running.find(|c| instance(&c.id).is_some_and(|(running, _)| running == name));
        found.map(|c| c.id).ok_or_else(|| {
            StartFailure::new(CONFIG_ERROR, format!("unable to find target container {name}"))
        })
    }

    async fn remove(&self, name: &str, attempt: u32) -> Result<(), SandboxError> {
        let id = container_id(name, attempt)?;
        finish(self.sandbox.begin_remove(&id)?).await
    }

    /// One ended instance keeps its log; those before it go.
    fn forget_logs(&self, name: &str, last: u32) {
        let dir = self.plan().dirs.container_logs(name);
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            let file = entry.file_name();
            let number =
                file.to_str().and_then(|f| f.split('.').next()).and_then(|n| n.parse::<u32>().ok());
            if number.is_some_and(|n| n < last) {
                let _ = fs::remove_file(entry.path());
                self.unlink_log(name, number.unwrap_or_default());
            }
        }
    }

    fn log_link(&self, name: &str, attempt: u32) -> std::path::PathBuf {
        let pod = &self.plan().pod;
        let id = full_id(pod, name, attempt);
        let mut link = format!("{}_{}_{name}-{id}", pod.name(), pod.namespace());
        link.truncate(255 - ".log".len());
        self.plan().dirs.links().join(format!("{link}.log"))
    }

    /// Links the log to where log shippers on a node look for it.
    fn link_log(&self, name: &str, attempt: u32) {
        let link = self.log_link(name, attempt);
        let make = || -> io::Result<()> {
            fs::create_dir_all(self.plan().dirs.links())?;
            match std::os::unix::fs::symlink(self.plan().dirs.log(name, attempt), &link) {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                result => result,
            }
        };
        if let Err(error) = make() {
            tracing::warn!(%error, link = %link.display(), "cannot link the log");
        }
    }

    fn unlink_log(&self, name: &str, attempt: u32) {
        let _ = fs::remove_file(self.log_link(name, attempt));
    }

    fn outcome(
        &self,
        container: String,
        attempt: u32,
        result: Result<Found, StartFailure>,
    ) -> Event {
        match result {
            Ok(found) => Event::Started {
                id: full_id(&self.plan().pod, &container, attempt),
                image_id: found.image,
                volume_images: found.volumes,
                container,
                attempt,
                at: now(),
            },
            Err(StartFailure { reason, message, image }) => {
                Event::StartFailed { container, attempt, reason, message, image, at: now() }
            }
        }
    }
}

/// Why a container could not be created. A part of a volume that is not to be had is a fault of its configuration, but for
/// that of an image, which the kubelet leaves to the runtime.
fn not_created(container: &Container, images: &VolumeImages, error: &SandboxError) -> StartFailure {
    let failed = |message| StartFailure::new("CreateContainerError", message);
    let volume_at = |destination: &Path| {
        let mut mounts = container.volume_mounts.iter();
        let mount = mounts.find(|m| Path::new("/").join(&m.mount_path) == *destination);
        mount.map_or("", |m| m.name.as_str())
    };
    let (destination, message) = match error {
        SandboxError::Request(RequestError::SubPath { destination, message, .. }) => {
            (destination, message)
        }
        SandboxError::Request(RequestError::Users { destination, message, .. }) => {
            let volume = volume_at(destination);
            let message = format!("volume \"{volume}\" does not go with hostUsers: {message}");
            return failed(message);
        }
        _ => return failed(chain(error)),
    };
    let (volume, container) = (volume_at(destination), &container.name);
    let message = format!(
        "failed to prepare subPath for volumeMount \"{volume}\" of container \"{container}\": {message}"
    );
    if images.contains_key(volume) {
        return failed(message);
    }
    StartFailure::new(CONFIG_ERROR, message)
}

/// Waits for a request's answer without holding the thread.
async fn finish(call: Call) -> Result<(), SandboxError> {
    answer(&mut Readable::new(call).map_err(unheard)?).await
}

/// As [`finish`], for one of several answers.
async fn answer(call: &mut Readable<Call>) -> Result<(), SandboxError> {
    call.read(Call::try_finish).await.map_err(|e| match e {
        ReadError::Wait(e) => unheard(e),
        ReadError::Read(e) => e,
    })
}

fn unheard(source: io::Error) -> SandboxError {
    SandboxError::Io { action: "wait for the keeper".to_owned(), source }
}
