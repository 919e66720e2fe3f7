//! The engine of one pod: a process of its own, one thread, that carries the machine's actions out.
//!
//! ```text
//! sandbox changes ─┐                                  ┌─> state.json, status.json
//! finished effects ┼─> Event ─> PodMachine ─> Action ─┤
//! requests ────────┤                                  └─> effects (create, start, signal, remove)
//! the clock ───────┘
//! ```
//!
//! What the machine knows is saved before an action is carried out, so the next engine goes on from there. The keeper
//! starts this process, and starts it again when it dies.

mod effects;
mod late;
mod limits;
pub(crate) mod observe;
mod server;
mod supply;
mod watchers;

use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use pod_lifecycle::{Action, Event, GraceSeconds, LifecycleTable, PodEvent, PodMachine};
use pod_sandbox::{GENERATION, Sandbox, SandboxState, SandboxStatus};
use pod_spec::{EphemeralContainer, Time, ValidPod};
use tokio::sync::mpsc;

use crate::clock::now;
use crate::dirs::Dirs;
use crate::drivers::Drivers;
use crate::error::{RuntimeError, chain};
use crate::machine::this_machine;
use crate::objects::ObjectChanges;
use crate::plan::{PodPlan, sandbox_id};
use crate::readable::Readable;
use crate::store::{Deletion, Saved};
use crate::{environment, network, removal};
use effects::{Done, Effects};
use server::{Changed, Request};
pub(crate) use server::{
    ConditionsPatch, ContainersPatch, DeleteOptions, EphemeralContainers, StatusPatch,
};
use watchers::Watchers;

/// `argv[0]` of an engine.
pub const ENGINE: &str = "pod-supervise";

/// How long an engine that is started with its sandbox waits for it to stand.
const SANDBOX_PATIENCE: Duration = Duration::from_secs(30);

/// How long a network that no pod has is kept for the next one.
const IDLE: Duration = Duration::from_secs(1);

/// Becomes an engine when this process was executed to be one, and then never returns.
pub(crate) fn init(drivers: &Drivers) {
    let mut args = std::env::args_os();
    if args.next().is_none_or(|name| name != ENGINE) {
        return;
    }
    let rest: Vec<_> = args.map(|arg| arg.to_string_lossy().into_owned()).collect();
    std::process::exit(main(&rest, drivers))
}

/// An engine's whole life; returns its exit code.
pub(crate) fn main(args: &[String], drivers: &Drivers) -> i32 {
    let [root, namespace, name] = args else { return 2 };
    match run(Path::new(root), namespace, name, drivers) {
        Ok(()) => 0,
        Err(error) => {
            tracing::error!("{}", chain(&error));
            1
        }
    }
}

fn run(root: &Path, namespace: &str, name: &str, drivers: &Drivers) -> Result<(), RuntimeError> {
    crate::log::to_stderr();
    let generation = std::env::var(GENERATION).ok().and_then(|g| g.parse().ok()).unwrap_or(0);
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(RuntimeError::io("start the event loop"))?;
    tokio::task::LocalSet::new().block_on(&tokio, async {
        let engine = Engine::open(root, namespace, name, drivers, generation).await?;
        engine.run().await
    })
}

/// What happens to an engine.
enum Input {
    Sandbox(Box<SandboxStatus>),
    SandboxGone,
    Effect(Done),
    Request(Request),
    /// A ConfigMap or Secret of the namespace has changed.
    Objects,
    Tick,
}

struct Engine {
    plan: Rc<PodPlan>,
    dirs: Dirs,
    drivers: Drivers,
    sandbox: Sandbox,
    watch: Option<Readable<pod_sandbox::Watch>>,
    /// The objects of the namespace, when the pod depends on any.
    objects: Option<ObjectChanges>,
    machine: PodMachine,
    saved: Saved,
    /// The text of `state.json`, as far as this engine has written it.
    written: Vec<u8>,
    effects: Effects,
    watchers: Watchers,
    done: mpsc::UnboundedReceiver<Done>,
    requests: mpsc::UnboundedReceiver<Request>,
    /// The last status that the machine was told of.
    seen: Option<SandboxStatus>,
}

impl Engine {
    /// Takes the pod over: from its beginning, or from where the last engine left it.
    async fn open(
        root: &Path,
        namespace: &str,
        name: &str,
        drivers: &Drivers,
        generation: u64,
    ) -> Result<Self, RuntimeError> {
        let dirs = Dirs::new(root);
        let state = dirs.state(namespace, name);
        let requests = server::serve(&state)?;
        let pod =
            state.read_pod().map_err(RuntimeError::io("read pod.json"))?.ok_or_else(|| {
                RuntimeError::NotFound { namespace: namespace.into(), name: name.into() }
            })?;
        let volumes = state.read_volumes().map_err(RuntimeError::io("read volumes.json"))?;
        let plan = Rc::new(PodPlan::new(pod, &dirs, this_machine()));
        let sandboxes = pod_sandbox::Runtime::open(dirs.sandboxes())?;
        let id = sandbox_id(&plan.pod)?;
        let sandbox = sandboxes.sandbox(&id)?.as_companion(generation);
        let saved = state.read_saved().map_err(RuntimeError::io("read state.json"))?;

        let (sender, done) = mpsc::unbounded_channel();
        let resumed = saved.is_some();
        let effects = Effects::new(
            Rc::clone(&plan),
            &dirs,
            drivers,
            sandbox.clone(),
            volumes,
            resumed,
            sender,
        );
        // Before the first of them is read, so that no change is missed.
        let objects = follow_objects(&plan, &dirs);
        let mut watch = sandbox.watch()?;
        let first = tokio::time::timeout(SANDBOX_PATIENCE, async { watch.next() });
        let first = first
            .await
            .map_err(|_| pod_sandbox::SandboxError::NotRunning { id: id.to_string() })??;
        let now = now();
        let (machine, actions, saved) = match saved {
            None => {
                let (machine, actions) = PodMachine::new(plan.lifecycle(), now);
                let machine_state = machine.state().clone();
                let saved = Saved {
                    machine: machine_state,
                    revision: 0,
                    deleted: None,
                    events: Vec::new(),
                };
                (machine, actions, saved)
            }
            Some(saved) => {
                tracing::info!(generation, "taking the pod over");
                let addresses = network::addresses(&plan)?;
                effects.reached_at(addresses.clone().unwrap_or_default());
                let observed = observe::observed(&plan, &first, &saved.machine, addresses);
                let (machine, actions) =
                    PodMachine::resume(plan.lifecycle(), saved.machine.clone(), observed, now);
                (machine, actions, saved)
            }
        };
        let watch = Readable::new(watch).map_err(RuntimeError::io("watch the sandbox"))?;
        let mut engine = Self {
            plan,
            dirs,
            drivers: drivers.clone(),
            sandbox,
            watch: Some(watch),
            objects,
            machine,
            saved,
            written: Vec::new(),
            effects,
            watchers: Watchers::default(),
            done,
            requests,
            seen: Some(first),
        };
        engine.warn_of_lost_output();
        engine.effects.watch_limits();
        if resumed && engine.machine.state().has_sandbox() {
            // Objects may have changed while nobody looked.
            engine.effects.refill();
        }
        engine.carry_out(now, actions)?;
        Ok(engine)
    }

    async fn run(mut self) -> Result<(), RuntimeError> {
        while !self.machine.is_finished() {
            match self.next().await? {
                Input::Sandbox(status) => {
                    let events = observe::events(&self.plan, self.seen.as_ref(), &status);
                    self.saved.revision = status.revision;
                    self.seen = Some(*status);
                    self.warn_of_lost_output();
                    if events.is_empty() {
                        // A reader has to put together what is newer than the state that was saved.
                        self.save()?;
                    }
                    for event in events {
                        self.step(event)?;
                    }
                }
                Input::SandboxGone => {
                    self.watch = None;
                    self.step(Event::SandboxGone {
                        message: "the sandbox's keeper has ended".to_owned(),
                    })?;
                }
                Input::Effect(Done::Event(event)) => self.step(event)?,
                Input::Effect(Done::Note(event)) => self.note(event)?,
                Input::Effect(Done::GivenUp) => return Ok(()),
                Input::Request(request) => self.answer(request)?,
                Input::Objects => {
                    self.effects.configuration_changed();
                    if self.machine.state().has_sandbox() {
                        self.effects.refill();
                    }
                    self.step(Event::ConfigurationChanged)?;
                }
                Input::Tick => self.step(Event::Tick)?,
            }
        }
        self.finish().await
    }

    async fn next(&mut self) -> Result<Input, RuntimeError> {
        let deadline = self.machine.next_deadline();
        let wait = deadline.map(|at| at.since(now()));
        tokio::select! {
            biased;
            Some(done) = self.done.recv() => Ok(Input::Effect(done)),
            Some(request) = self.requests.recv() => Ok(Input::Request(request)),
            status = next_status(&mut self.watch) => Ok(status),
            () = next_change(&mut self.objects) => Ok(Input::Objects),
            () = tokio::time::sleep(wait.unwrap_or_default()), if wait.is_some() => Ok(Input::Tick),
        }
    }

    fn step(&mut self, event: Event) -> Result<(), RuntimeError> {
        tracing::debug!(?event);
        let now = now();
        let actions = self.machine.handle(now, event);
        self.carry_out(now, actions)
    }

    /// Saves what the machine decided, then does it. Most probes find what they found before: then nothing is written.
    fn carry_out(&mut self, now: Time, actions: Vec<Action>) -> Result<(), RuntimeError> {
        for action in &actions {
            if let Action::Record(event) = action {
                self.record(now, event.clone());
            }
        }
        self.saved.machine = self.machine.state().clone();
        let text = self.saved.to_text().map_err(RuntimeError::io("write state.json"))?;
        if text != self.written {
            let state = &self.plan.dirs.state;
            // The status first: whoever reads between the two finds it no older than what is saved.
            let status = self.machine.status();
            state.write_status(&status).map_err(RuntimeError::io("write status.json"))?;
            state.write_saved(&text).map_err(RuntimeError::io("write state.json"))?;
            self.written = text;
            self.watchers.tell(&status);
        }
        for action in actions {
            tracing::debug!(?action);
            match action {
                Action::RemoveSandbox => self.remove_sandbox()?,
                Action::CreateSandbox => self.effects.set_up(self.has_lost_sandbox()),
                Action::Record(_) => {}
                action => self.effects.begin(action),
            }
        }
        Ok(())
    }

    fn has_lost_sandbox(&self) -> bool {
        self.seen.as_ref().is_some_and(|s| matches!(s.state, SandboxState::Lost { .. }))
    }

    /// Tells once that output of a container is lost.
    fn warn_of_lost_output(&mut self) {
        let Some(seen) = &self.seen else { return };
        for event in observe::lost_output(&self.plan, seen) {
            if !self.saved.events.iter().any(|known| known.event == event) {
                self.record(now(), event);
            }
        }
    }

    /// Keeps an event that the machine has no part in.
    fn note(&mut self, event: PodEvent) -> Result<(), RuntimeError> {
        self.record(now(), event);
        self.save()
    }

    /// Saves what is known beside the machine.
    fn save(&mut self) -> Result<(), RuntimeError> {
        self.written = self.saved.to_text().map_err(RuntimeError::io("write state.json"))?;
        let saved = self.plan.dirs.state.write_saved(&self.written);
        saved.map_err(RuntimeError::io("write state.json"))
    }

    fn record(&mut self, now: Time, event: PodEvent) {
        tracing::info!(reason = event.reason, container = event.container, "{}", event.message);
        self.saved.record(now, event);
    }

    /// The keeper ends with its sandbox, and with it the watch.
    fn remove_sandbox(&mut self) -> Result<(), RuntimeError> {
        self.watch = None;
        self.effects.abandon_all();
        // While its namespace is there: plugins may want to see it.
        if let Some(error) = network::release(&self.plan, &self.sandbox) {
            tracing::warn!("{error}");
        }
        match self.sandbox.remove() {
            Ok(()) => {}
            Err(pod_sandbox::SandboxError::NotRunning { .. }) => {
                let sandboxes = pod_sandbox::Runtime::open(self.dirs.sandboxes())?;
                if let Err(error) = sandboxes.remove(self.sandbox.id()) {
                    tracing::warn!("{}", chain(&error));
                }
            }
            Err(error) => tracing::warn!("{}", chain(&error)),
        }
        self.effects.tell(Event::SandboxRemoved);
        Ok(())
    }

    fn answer(&mut self, request: Request) -> Result<(), RuntimeError> {
        match request {
            Request::Get { answer } => {
                let _ = answer.send(self.machine.status());
            }
            Request::Watch { answer } => {
                let _ = answer.send(self.watchers.add(&self.machine.status()));
            }
            // Without an answer to a change, the client is told that the pod is over.
            Request::Update { pod, answer } if self.machine.is_active() => {
                let updated = self.update(*pod)?;
                let _ = answer.send(updated);
            }
            Request::Update { .. } => {}
            Request::AddContainers { containers, answer }
                if !self.machine.status().phase.is_terminal() =>
            {
                let added = self.add_containers(containers)?;
                let _ = answer.send(added);
            }
            Request::AddContainers { .. } => {}
            Request::SetConditions { conditions, answer }
                if !self.machine.status().phase.is_terminal() =>
            {
                for condition in conditions {
                    self.step(Event::ConditionSet { condition })?;
                }
                let _ = answer.send(());
            }
            Request::SetConditions { .. } => {}
            Request::Delete { grace, force, answer } => {
                let grace = if force {
                    Some(GraceSeconds::new(0))
                } else {
                    grace.map(GraceSeconds::from_spec)
                };
                let asked = grace.unwrap_or(self.plan.lifecycle().grace);
                match &mut self.saved.deleted {
                    Some(deletion) => deletion.shorten(asked),
                    none => *none = Some(Deletion::new(now(), asked)),
                }
                self.step(Event::Delete { grace })?;
                if force {
                    self.effects.kill_all(self.seen.as_ref());
                }
                let _ = answer.send(());
            }
        }
        Ok(())
    }

    /// Takes a changed manifest on.
    fn update(&mut self, new: ValidPod) -> Result<Changed, RuntimeError> {
        let pod = match self.plan.pod.updated(new) {
            Ok(pod) => pod,
            Err(faults) => return Ok(Err(faults)),
        };
        self.follow(pod)?;
        if self.machine.state().has_sandbox() {
            // Its labels and annotations may be files.
            self.effects.refill();
        }
        self.step(Event::Update { table: Box::new(self.plan.lifecycle()) })?;
        Ok(Ok(()))
    }

    /// Adds ephemeral containers.
    fn add_containers(
        &mut self,
        containers: Vec<EphemeralContainer>,
    ) -> Result<Changed, RuntimeError> {
        let mut pod = self.plan.pod.clone();
        for container in containers {
            pod = match pod.with_ephemeral_container(container) {
                Ok(pod) => pod,
                Err(faults) => return Ok(Err(faults)),
            };
        }
        if let Err(faults) = pod.supported() {
            return Ok(Err(faults));
        }
        let known = self.plan.container_names().count();
        self.follow(pod)?;
        let LifecycleTable { containers, observed_generation, .. } = self.plan.lifecycle();
        for rules in containers.into_iter().skip(known) {
            let (rules, generation) = (Box::new(rules), observed_generation);
            self.step(Event::Added { rules, generation })?;
        }
        Ok(Ok(()))
    }

    /// Plans for a changed pod. It is saved before the machine is told: an engine that follows finds it there.
    fn follow(&mut self, pod: ValidPod) -> Result<(), RuntimeError> {
        let plan = Rc::new(self.plan.with_pod(pod));
        for name in plan.container_names() {
            let dir = plan.dirs.container_logs(name);
            fs::create_dir_all(&dir)
                .map_err(RuntimeError::io(format!("make {}", dir.display())))?;
        }
        plan.dirs.state.write_pod(&plan.pod).map_err(RuntimeError::io("write pod.json"))?;
        self.effects.follow(Rc::clone(&plan));
        self.plan = plan;
        if self.objects.is_none() {
            self.objects = follow_objects(&self.plan, &self.dirs);
        }
        Ok(())
    }

    /// Nothing runs any more: leaves the pod's state and logs to be read, or removes all of it when it was deleted.
    async fn finish(mut self) -> Result<(), RuntimeError> {
        // A deletion that came while the sandbox was taken down.
        while let Ok(request) = self.requests.try_recv() {
            self.answer(request)?;
        }
        if self.saved.deleted.is_some() {
            let errors = removal::remove_files(&self.plan, &self.drivers);
            for error in errors {
                tracing::warn!("{error}");
            }
        } else {
            removal::remove_socket(&self.plan.dirs.state);
            removal::remove_data(&self.plan, &self.drivers)
                .iter()
                .for_each(|error| tracing::warn!("{error}"));
        }
        self.watchers.end().await;
        // Whoever asks now is told at once that there is no pod.
        drop(self.requests);
        let networks = &self.plan.dirs.networks;
        if networks.is_idle()? {
            tokio::time::sleep(IDLE).await;
            networks.tidy()?;
        }
        Ok(())
    }
}

/// Follows the objects of a pod's namespace when it depends on any. Without it they are looked for from time to time.
fn follow_objects(plan: &PodPlan, dirs: &Dirs) -> Option<ObjectChanges> {
    if !environment::are_referenced(plan.pod.spec()) {
        return None;
    }
    let changes = ObjectChanges::of(dirs, plan.pod.namespace());
    changes.inspect_err(|error| tracing::warn!("{}", chain(error))).ok()
}

async fn next_change(objects: &mut Option<ObjectChanges>) {
    let Some(changes) = objects else { return std::future::pending().await };
    if let Err(error) = changes.next().await {
        tracing::warn!(%error, "cannot follow ConfigMaps and Secrets");
        *objects = None;
    }
}

async fn next_status(watch: &mut Option<Readable<pod_sandbox::Watch>>) -> Input {
    let Some(watch) = watch else { return std::future::pending().await };
    // The last one says all: statuses are whole.
    let newest = watch.read(|watch| watch.pending().map(Iterator::last)).await;
    newest.map_or(Input::SandboxGone, |status| Input::Sandbox(Box::new(status)))
}

/// The program and arguments of the engine of a pod.
pub(crate) fn command(
    program: PathBuf,
    root: &Path,
    namespace: &str,
    name: &str,
) -> (PathBuf, Vec<String>) {
    let argv = [ENGINE, &root.to_string_lossy(), namespace, name].map(str::to_owned).to_vec();
    (program, argv)
}
