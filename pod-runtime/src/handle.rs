//! A handle on one pod.

use std::os::fd::AsFd;
use std::time::Duration;

use pod_lifecycle::{Observed, ObservedSandbox, PodMachine};
use pod_sandbox::{Consumption, ContainerState};
use pod_spec::status::PodCondition;
use pod_spec::{EphemeralContainer, PodPhase, PodStatus, ValidPod};

use crate::blocked::Blocked;
use crate::changes::Changes;
use crate::clock::now;
use crate::dirs::{Dirs, StateDir};
use crate::drivers::Drivers;
use crate::engine::observe::{self, LOST_OUTPUT};
use crate::error::RuntimeError;
use crate::logs::{LogOptions, LogStream};
use crate::machine::this_machine;
use crate::plan::{PodPlan, containers, instance, sandbox_id};
use crate::sandboxes::Sandboxes;
use crate::store::{RecordedEvent, Saved};
use crate::{client, network, removal};

/// How long an engine that is being started again is waited for, before its pod is removed without it.
const ENGINE_PATIENCE: Duration = Duration::from_secs(10);

/// A pod. Dropping the handle changes nothing.
///
/// Reading its status, events and logs needs no living process.
#[derive(Debug, Clone)]
pub struct PodHandle {
    dirs: Dirs,
    drivers: Drivers,
    pod: ValidPod,
    sandboxes: Sandboxes,
}

/// What happened in the last hour to the pod of this name and uid.
pub(crate) fn events_of(
    dirs: &Dirs,
    namespace: &str,
    name: &str,
    uid: &str,
) -> Result<Vec<RecordedEvent>, RuntimeError> {
    let events = dirs.state(namespace, name).read_events(uid);
    let context = RuntimeError::io(format!("read the state of pod `{name}`"));
    events.map_err(context)?.ok_or_else(|| RuntimeError::NotFound {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    })
}

impl PodHandle {
    pub(crate) fn new(dirs: Dirs, drivers: Drivers, sandboxes: Sandboxes, pod: ValidPod) -> Self {
        Self { dirs, drivers, pod, sandboxes }
    }

    pub(crate) fn state(&self) -> StateDir {
        self.dirs.state(self.namespace(), self.name())
    }

    pub(crate) fn plan(&self) -> PodPlan {
        PodPlan::new(self.pod.clone(), &self.dirs, this_machine())
    }

    /// The manifest, checked, with every default and its identity.
    pub fn pod(&self) -> &ValidPod {
        &self.pod
    }

    /// Its namespace.
    pub fn namespace(&self) -> &str {
        self.pod.namespace()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.pod.name()
    }

    /// What tells it from another pod of its name, before or after it.
    pub fn uid(&self) -> &str {
        self.pod.metadata().uid.as_deref().unwrap_or_default()
    }

    /// The names of its containers: init, main, then ephemeral ones.
    pub fn containers(&self) -> Vec<&str> {
        containers(self.pod.spec()).map(|c| c.name.as_str()).collect()
    }

    fn gone(&self) -> RuntimeError {
        RuntimeError::NotFound {
            namespace: self.namespace().to_owned(),
            name: self.name().to_owned(),
        }
    }

    /// What the engine last saved; an error when the pod is gone or another one has its name.
    pub(crate) fn saved(&self) -> Result<Option<Saved>, RuntimeError> {
        let state = self.state();
        let context = || RuntimeError::io(format!("read the state of pod `{}`", self.name()));
        let saved = state.read_saved().map_err(context())?;
        // Read after it: a pod that is still there now was there then.
        let current = state.read_uid().map_err(context())?;
        if current.is_some_and(|uid| uid == self.uid()) { Ok(saved) } else { Err(self.gone()) }
    }

    /// Whether the pod of this name is still this one.
    pub(crate) fn is_current(&self) -> Result<bool, RuntimeError> {
        let uid = self.state().read_uid();
        let uid =
            uid.map_err(RuntimeError::io(format!("read the state of pod `{}`", self.name())))?;
        Ok(uid.is_some_and(|uid| uid == self.uid()))
    }

    pub(crate) fn sandboxes(&self) -> Result<&pod_sandbox::Runtime, RuntimeError> {
        self.sandboxes.of(&self.dirs)
    }

    /// The sandbox, whose keeper lives.
    pub(crate) fn sandbox(&self) -> Result<pod_sandbox::Sandbox, RuntimeError> {
        Ok(self.sandboxes()?.sandbox(&sandbox_id(&self.pod)?)?)
    }

    /// Has the plugins of CNI that made its network look at it; a pod that is over has none.
    pub(crate) fn check_network(&self) -> Result<(), RuntimeError> {
        let Ok(sandbox) = self.sandbox() else { return Ok(()) };
        let namespace = sandbox.network_namespace()?;
        Ok(self.dirs.networks().check(self.uid(), namespace.as_fd())?)
    }

    /// What the pod and its containers are doing. True also when its engine is away or everything of it was killed: what
    /// the keeper noted is added to what the engine knew.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`] when the pod is gone.
    pub fn status(&self) -> Result<PodStatus, RuntimeError> {
        self.status_after(self.saved()?)
    }

    /// The status, after what the engine last saved.
    fn status_after(&self, saved: Option<Saved>) -> Result<PodStatus, RuntimeError> {
        let Some(saved) = saved else {
            let created = self.pod.metadata().creation_timestamp.unwrap_or_else(now);
            return Ok(PodMachine::new(self.plan().lifecycle(), created).0.status());
        };
        let written = self.state().read_status().map_err(RuntimeError::io("read status.json"))?;
        if let Some(status) = &written
            && status.phase.is_terminal()
        {
            return Ok(status.clone());
        }
        let sandboxes = self.sandboxes()?;
        let id = sandbox_id(&self.pod)?;
        let journal = sandboxes.journal(&id)?;
        let alive = sandboxes.is_alive(&id);
        if let (Some(journal), Some(status)) = (&journal, written)
            && alive
            && journal.revision <= saved.revision
        {
            return Ok(status);
        }
        let plan = self.plan();
        let gone = Observed { sandbox: ObservedSandbox::Gone, containers: Vec::new() };
        let observed = journal.map_or(gone, |journal| {
            let addresses = network::addresses(&plan).unwrap_or_default();
            observe::observed(&plan, &journal, &saved.machine, addresses)
        });
        let observed =
            if alive { observed } else { Observed { sandbox: ObservedSandbox::Gone, ..observed } };
        let (machine, _) = PodMachine::resume(plan.lifecycle(), saved.machine, observed, now());
        Ok(machine.status())
    }

    /// What happened to it in the last hour, in the order in which it was last seen. It goes with the pod.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`] when the pod is gone.
    pub fn events(&self) -> Result<Vec<RecordedEvent>, RuntimeError> {
        events_of(&self.dirs, self.namespace(), self.name(), self.uid())
    }

    /// Why lines of a container's output are missing in its log: it could not be written, as when the disk was full. Known
    /// for an hour, as its [events](Self::events) are; `None` when nothing is missing.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`] when the pod is gone.
    pub fn lost_output(&self, container: &str) -> Result<Option<String>, RuntimeError> {
        let mut events = self.events()?.into_iter().map(|recorded| recorded.event);
        let lost = events.find(|event| {
            event.reason == LOST_OUTPUT && event.container.as_deref() == Some(container)
        });
        Ok(lost.map(|event| event.message))
    }

    /// What its running containers have consumed, by their names. Needs no living engine.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`] when the pod is gone.
    pub fn consumption(&self) -> Result<Vec<(String, Consumption)>, RuntimeError> {
        self.saved()?;
        let sandbox = self.plan().cgroup();
        let journal = self.sandboxes()?.journal(&sandbox_id(&self.pod)?)?;
        let mut consumed = Vec::new();
        for container in journal.map(|journal| journal.containers).unwrap_or_default() {
            if !matches!(container.state, ContainerState::Running { .. }) {
                continue;
            }
            let context = |e| RuntimeError::io("read the cgroups")(std::io::Error::other(e));
            let found = Consumption::of(&sandbox, &container.id).map_err(context)?;
            if let (Some((name, _)), Some(found)) = (instance(&container.id), found) {
                consumed.push((name.to_owned(), found));
            }
        }
        Ok(consumed)
    }

    /// The pod as the Kubernetes API shows it: `v1.Pod` with metadata, spec and status.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`] when the pod is gone.
    pub fn object(&self) -> Result<serde_json::Value, RuntimeError> {
        let context = || RuntimeError::io("write the pod as JSON");
        let mut object = serde_json::to_value(&self.pod).map_err(context())?;
        let saved = self.saved()?;
        let deleted = saved.as_ref().and_then(|saved| saved.deleted);
        object["status"] = serde_json::to_value(self.status_after(saved)?).map_err(context())?;
        if let Some(deleted) = deleted {
            let metadata = &mut object["metadata"];
            metadata["deletionTimestamp"] = deleted.timestamp().to_seconds_string().into();
            metadata["deletionGracePeriodSeconds"] = deleted.grace_seconds().into();
        }
        Ok(object)
    }

    /// Whether somebody has asked for it to go.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`] when it is gone.
    pub fn is_deleted(&self) -> Result<bool, RuntimeError> {
        Ok(self.saved()?.is_some_and(|saved| saved.deleted.is_some()))
    }

    /// Follows the pod's status. Needs a tokio runtime.
    pub fn changes(&self) -> Changes {
        Changes::new(self.clone())
    }

    async fn wait_for(
        &self,
        mut reached: impl FnMut(&PodStatus) -> Result<bool, RuntimeError>,
    ) -> Result<PodStatus, RuntimeError> {
        let mut changes = self.changes();
        while let Some(status) = changes.next().await? {
            if reached(&status)? {
                return Ok(status);
            }
        }
        Err(self.gone())
    }

    /// Waits until the pod runs, or has succeeded already.
    ///
    /// # Errors
    /// [`RuntimeError::NotReached`] when it failed, or a container cannot be started and will not be soon.
    pub async fn wait_running(&self) -> Result<PodStatus, RuntimeError> {
        self.wait_for(|status| {
            self.check_progress(status)?;
            Ok(matches!(status.phase, PodPhase::Running | PodPhase::Succeeded))
        })
        .await
    }

    /// Waits until the pod is ready, or has succeeded already.
    ///
    /// # Errors
    /// [`RuntimeError::NotReached`] when it failed, or a container cannot be started and will not be soon.
    pub async fn wait_ready(&self) -> Result<PodStatus, RuntimeError> {
        self.wait_for(|status| {
            self.check_progress(status)?;
            Ok(status.is_ready() || status.phase == PodPhase::Succeeded)
        })
        .await
    }

    /// Waits until the pod is over.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`] when it is deleted meanwhile.
    pub async fn wait_finished(&self) -> Result<PodStatus, RuntimeError> {
        self.wait_for(|status| Ok(status.phase.is_terminal())).await
    }

    /// Refuses to wait on when waiting is of no use.
    fn check_progress(&self, status: &PodStatus) -> Result<(), RuntimeError> {
        let failed = |reason: &str, what: String| {
            Err(RuntimeError::NotReached {
                pod: self.name().to_owned(),
                reason: reason.to_owned(),
                obstacle: None,
                what,
            })
        };
        if let Some(blocked) = Blocked::of(status) {
            return Err(blocked.into_error(self.name()));
        }
        if let (Some("FailedCreatePodSandBox"), Some(message)) =
            (status.reason.as_deref(), &status.message)
        {
            return failed("FailedCreatePodSandBox", format!("cannot start: {message}"));
        }
        if status.phase == PodPhase::Failed {
            let reason = status.reason.clone().unwrap_or_else(|| "Failed".to_owned());
            let message = status.message.clone().unwrap_or_else(|| exits(status));
            return failed(&reason, format!("failed: {message}"));
        }
        Ok(())
    }

    /// The output of a container. Needs a tokio runtime when it follows.
    ///
    /// # Errors
    /// When the pod has no such container.
    pub fn logs(&self, container: &str, options: LogOptions) -> Result<LogStream, RuntimeError> {
        self.known(container)?;
        LogStream::open(self.clone(), container, options)
    }

    pub(crate) fn known(&self, container: &str) -> Result<(), RuntimeError> {
        let known = self.containers();
        if known.contains(&container) {
            return Ok(());
        }
        Err(RuntimeError::NoContainer {
            pod: self.name().to_owned(),
            container: container.to_owned(),
            known: known.into_iter().map(str::to_owned).collect(),
        })
    }

    /// Changes the pod in place, as far as [`ValidPod::check_update`] lets one be changed, and the handle with it. Returns
    /// when the change has been noted: containers with another image are stopped and started again from then on.
    ///
    /// # Errors
    /// [`RuntimeError::Manifest`] when something of it cannot be changed or is not supported, [`RuntimeError::Over`] when
    /// the pod is over or being deleted, [`RuntimeError::NotFound`] when it is gone.
    pub async fn update(&mut self, new: &ValidPod) -> Result<(), RuntimeError> {
        new.supported()?;
        // The engine checks it, too; what this finds is told field by field.
        self.current()?.updated(new.clone())?;
        let state = self.state();
        if !self.ask(|| client::update(&state, new)).await? {
            return Err(self.over());
        }
        self.pod = self.current()?;
        Ok(())
    }

    /// Begins to delete the pod: its containers are stopped within the grace period, in seconds (`None`: the pod's own),
    /// and then nothing is kept of it. Returns when that has been noted; see [`wait_gone`](Self::wait_gone).
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`] when it is gone already, [`RuntimeError::Teardown`] when nobody looked after it and
    /// something could not be removed.
    pub async fn delete(&self, grace: Option<i64>) -> Result<(), RuntimeError> {
        self.request_deletion(grace, false).await
    }

    /// Begins to delete the pod by killing its containers at once, without a chance to end by themselves.
    ///
    /// # Errors
    /// As [`delete`](Self::delete).
    pub async fn kill(&self) -> Result<(), RuntimeError> {
        self.request_deletion(Some(0), true).await
    }

    async fn request_deletion(&self, grace: Option<i64>, force: bool) -> Result<(), RuntimeError> {
        let (state, namespace, name) = (self.state(), self.namespace(), self.name());
        let asked = self.ask(|| client::delete(&state, namespace, name, grace, force)).await?;
        if asked { Ok(()) } else { self.bury().await }
    }

    /// Sets conditions that are not the pod's own, such as those that its readiness gates wait for; one of each type is
    /// kept. Without `lastTransitionTime` that is now, if the status is another one than before.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`] when the pod is gone, [`RuntimeError::Over`] when it is over, and
    /// [`RuntimeError::Refused`] for one of its own conditions.
    pub async fn set_conditions(&self, conditions: Vec<PodCondition>) -> Result<(), RuntimeError> {
        let (state, namespace, name) = (self.state(), self.namespace(), self.name());
        let set = || client::set_conditions(&state, namespace, name, conditions.clone());
        if self.ask(set).await? { Ok(()) } else { Err(self.over()) }
    }

    /// Adds an ephemeral container to the pod, which is started at once, once, and stays in the pod's list. Returns a
    /// handle on the pod that has it; this one does not know it.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`] when the pod is gone, [`RuntimeError::Over`] when it is over, and
    /// [`RuntimeError::Refused`] when something is wrong with the container.
    pub async fn add_ephemeral_container(
        &self,
        container: EphemeralContainer,
    ) -> Result<Self, RuntimeError> {
        let (state, namespace, name) = (self.state(), self.namespace(), self.name());
        let add = || client::add_containers(&state, namespace, name, vec![container.clone()]);
        if !self.ask(add).await? {
            return Err(self.over());
        }
        Ok(Self { pod: self.current()?, ..self.clone() })
    }

    /// The pod as it has been changed to.
    fn current(&self) -> Result<ValidPod, RuntimeError> {
        let pod = self.state().read_pod().map_err(RuntimeError::io("read pod.json"))?;
        pod.ok_or_else(|| self.gone())
    }

    fn over(&self) -> RuntimeError {
        let (namespace, name) = (self.namespace().to_owned(), self.name().to_owned());
        RuntimeError::Over { namespace, name }
    }

    /// Asks the pod's engine, or the one that follows when it dies. `false` when there is none.
    async fn ask<A: Future<Output = Result<bool, RuntimeError>>>(
        &self,
        request: impl Fn() -> A,
    ) -> Result<bool, RuntimeError> {
        let began = tokio::time::Instant::now();
        let mut pause = Duration::from_millis(1);
        loop {
            self.saved()?;
            if request().await? {
                return Ok(true);
            }
            let id = sandbox_id(&self.pod)?;
            let alive = self.sandboxes()?.is_alive(&id);
            if !alive || began.elapsed() > ENGINE_PATIENCE {
                return Ok(false);
            }
            // The keeper starts the engine again; there is no descriptor that tells when it listens.
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(100));
        }
    }

    async fn bury(&self) -> Result<(), RuntimeError> {
        let (dirs, drivers, pod) = (self.dirs.clone(), self.drivers.clone(), self.pod.clone());
        let buried =
            tokio::task::spawn_blocking(move || removal::bury(&dirs, &drivers, &pod)).await;
        buried.map_err(|e| RuntimeError::io("remove the pod")(std::io::Error::other(e)))?
    }

    /// Waits until nothing is left of the pod.
    ///
    /// # Errors
    /// When the pod's state cannot be read.
    pub async fn wait_gone(&self) -> Result<(), RuntimeError> {
        let mut changes = self.changes();
        while changes.next().await?.is_some() {}
        Ok(())
    }

    /// Deletes the pod within its own grace period, waits until nothing is left, and returns its last status.
    ///
    /// # Errors
    /// As [`delete`](Self::delete).
    pub async fn stop(&self) -> Result<PodStatus, RuntimeError> {
        let mut changes = self.changes();
        // Listens from before the deletion on, or the engine could end with the last word unheard.
        let mut last = changes.next().await?.ok_or_else(|| self.gone())?;
        self.delete(None).await?;
        while let Some(status) = changes.next().await? {
            last = status;
        }
        Ok(last)
    }
}

/// The containers that ended with another code than 0, in words.
fn exits(status: &PodStatus) -> String {
    let all = status.init_container_statuses.iter().chain(&status.container_statuses);
    let failed: Vec<String> = all
        .filter_map(|c| Some((&c.name, c.state.terminated.as_ref()?)))
        .filter(|(_, t)| t.exit_code != 0)
        .map(|(name, t)| format!("container `{name}` ended with exit code {}", t.exit_code))
        .collect();
    if failed.is_empty() { "no container failed".to_owned() } else { failed.join(", ") }
}
