//! The process that looks after one Deployment or Job.
//!
//! ```text
//! the object changes ─┐
//! a pod changes ──────┼─> look at both ─> plan ─> state, status ─> pods are made and deleted
//! the clock ──────────┘
//! ```

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::{Command, exit};
use std::time::Duration;

use nix::unistd::setsid;
use pod_runtime::{
    Drivers, ObjectError, Objects, PodEvent, PodHandle, RecordedEvent, Runtime, RuntimeError,
    chain, now,
};
use pod_spec::{Deployment, Job, OwnerReference, Time};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, LocalSet};

use crate::error::WorkloadError;
use crate::lock;
use crate::plan::{Plan, Workload, normal, warning};
use crate::replica::{Replica, is_of};
use crate::state::{State, StateDir};

/// `argv[0]` of a supervisor.
pub const SUPERVISOR: &str = "pod-workload";
/// `argv[0]` of the process that starts one.
pub(crate) const STARTER: &str = "pod-workload-start";

/// The first and the longest pause after a pod could not be made.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// How long a pod is let be whose state cannot be read.
const UNREADABLE: Duration = Duration::from_secs(1);

/// Becomes a supervisor, or starts one, when this process was executed to do so, and then never returns.
pub(crate) fn init(drivers: &Drivers) {
    let mut args = std::env::args_os();
    let name = args.next();
    let rest: Vec<_> = args.collect();
    match name.as_deref().and_then(|name| name.to_str()) {
        Some(STARTER) => exit(start(&rest)),
        Some(SUPERVISOR) => exit(supervise(&rest, drivers)),
        _ => {}
    }
}

/// Starts a supervisor in a session of its own.
fn start(args: &[OsString]) -> i32 {
    use std::os::unix::process::CommandExt as _;
    // The caller's terminal is none of a supervisor's business.
    let _ = setsid();
    let started = std::env::current_exe()
        .and_then(|program| Command::new(program).arg0(SUPERVISOR).args(args).spawn());
    i32::from(started.is_err())
}

fn supervise(args: &[OsString], drivers: &Drivers) -> i32 {
    let [root, kind, namespace, name] = args else { return 2 };
    let [kind, namespace, name] = [kind, namespace, name].map(|arg| arg.to_string_lossy());
    pod_runtime::log_to_stderr();
    let runtime = Runtime::open(root).map(|runtime| runtime.with_drivers(drivers.clone()));
    let ended = runtime.map_err(WorkloadError::from).and_then(|runtime| match &*kind {
        Deployment::KIND => run::<Deployment>(runtime, &namespace, &name),
        // Whoever starts a supervisor knows no third kind.
        _ => run::<Job>(runtime, &namespace, &name),
    });
    match ended {
        Ok(()) => 0,
        Err(error) => {
            tracing::error!("{}", chain(&error));
            1
        }
    }
}

fn run<T: Workload>(runtime: Runtime, namespace: &str, name: &str) -> Result<(), WorkloadError> {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let tokio = tokio.map_err(WorkloadError::io("start the event loop"))?;
    LocalSet::new().block_on(&tokio, async {
        while let Some(supervisor) = Supervisor::<T>::open(runtime.clone(), namespace, name)? {
            supervisor.run().await?;
            // Who asked for something while it ended has seen that there was one.
            if !needs_another::<T>(&runtime, namespace, name)? {
                break;
            }
        }
        Ok(())
    })
}

/// Whether there is something to do for an object whose supervisor has ended.
fn needs_another<T: Workload>(
    runtime: &Runtime,
    namespace: &str,
    name: &str,
) -> Result<bool, WorkloadError> {
    match runtime.objects::<T>().get(namespace, name) {
        Err(ObjectError::NotFound { .. }) => Ok(false),
        object => Ok(object?.needs_supervisor()),
    }
}

struct Supervisor<T: Workload> {
    runtime: Runtime,
    objects: Objects<T>,
    namespace: String,
    name: String,
    uid: String,
    dir: StateDir,
    state: State<T::Memory>,
    /// Who tells of a change of each pod, by the pod's id.
    followed: BTreeMap<String, JoinHandle<()>>,
    poke: mpsc::UnboundedSender<()>,
    poked: mpsc::UnboundedReceiver<()>,
    retry: Retry,
    _lock: lock::Held,
}

/// When a pod may be made again after one could not be.
#[derive(Debug, Default)]
struct Retry {
    failures: u32,
    at: Option<Time>,
}

impl Retry {
    fn failed(&mut self, now: Time) {
        let pause = PAUSES.0 * 2u32.pow(self.failures.min(8));
        self.at = Some(now + pause.min(PAUSES.1));
        self.failures += 1;
    }
}

/// What follows a look.
enum Next {
    /// Nothing before something changes, or this moment.
    Wait(Option<Time>),
    /// There is nothing left to look after.
    End,
}

impl<T: Workload> Supervisor<T> {
    /// Takes the workload on; `None` when somebody has, or it is gone.
    fn open(runtime: Runtime, namespace: &str, name: &str) -> Result<Option<Self>, WorkloadError> {
        let objects = runtime.objects::<T>();
        let object = match objects.get(namespace, name) {
            Err(ObjectError::NotFound { .. }) => return Ok(None),
            object => object?,
        };
        let uid = object.metadata().uid.clone().unwrap_or_default();
        let dir = StateDir::of(&runtime, &uid);
        let lock = lock::take(&dir.lock()).map_err(WorkloadError::io("take the lock"))?;
        let Some(lock) = lock else { return Ok(None) };
        let state = dir.read::<T::Memory>()?;
        let (poke, poked) = mpsc::unbounded_channel();
        Ok(Some(Self {
            runtime: runtime.with_network(state.network.clone()),
            objects,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            uid,
            dir,
            state,
            followed: BTreeMap::new(),
            poke,
            poked,
            retry: Retry::default(),
            _lock: lock,
        }))
    }

    async fn run(mut self) -> Result<(), WorkloadError> {
        let mut changes = self.objects.changes(&self.namespace)?;
        loop {
            let Next::Wait(until) = self.look().await? else { return Ok(()) };
            let pause = until.map(|until| until.since(now()));
            tokio::select! {
                changed = changes.next() => {
                    changed.map_err(WorkloadError::io("wait for a change"))?;
                }
                _ = self.poked.recv() => {}
                () = sleep(pause) => {}
            }
            while self.poked.try_recv().is_ok() {}
        }
    }

    /// Looks at the object and its pods, and does what is to be done.
    async fn look(&mut self) -> Result<Next, WorkloadError> {
        let object = match self.objects.get(&self.namespace, &self.name) {
            Err(ObjectError::NotFound { .. }) => return self.end(),
            object => object?,
        };
        if object.metadata().uid.as_deref() != Some(&self.uid) {
            return self.end();
        }
        let (pods, replicas) = self.pods(&object)?;
        if object.metadata().deletion_timestamp.is_some() {
            return self.wind_up(&pods, &replicas).await;
        }
        let before = self.state.clone();
        let mut plan = object.plan(&mut self.state.memory, &replicas, now());
        std::mem::take(&mut plan.events).into_iter().for_each(|event| self.record(event));
        // What is decided is noted before it is done.
        if self.state != before {
            self.dir.write(&self.state)?;
        }
        let status = plan.status.clone();
        self.objects.note(&self.namespace, &self.name, |object| object.set_status(status))?;
        self.carry_out(&object, &pods, plan).await
    }

    async fn carry_out(
        &mut self,
        object: &T,
        pods: &[PodHandle],
        mut plan: Plan<T::Status>,
    ) -> Result<Next, WorkloadError> {
        for pod in pods.iter().filter(|pod| plan.delete.iter().any(|name| name == pod.name())) {
            self.delete(pod).await;
        }
        if plan.expired {
            self.objects.note(&self.namespace, &self.name, |object| {
                object.metadata_mut().deletion_timestamp.get_or_insert_with(now);
            })?;
        } else if object.is_over() {
            return Ok(Next::End);
        }
        if !plan.create.is_empty() {
            self.create(object, &mut plan)?;
        }
        Ok(Next::Wait(plan.again))
    }

    /// Makes pods, or waits after one could not be made.
    fn create(&mut self, object: &T, plan: &mut Plan<T::Status>) -> Result<(), WorkloadError> {
        if let Some(retry) = self.retry.at.filter(|at| *at > now()) {
            plan.look_at(retry);
            return Ok(());
        }
        for index in std::mem::take(&mut plan.create) {
            match self.make(object, index) {
                Ok(pod) => {
                    self.retry = Retry::default();
                    self.record(normal("SuccessfulCreate", format!("Created pod: {}", pod.name())));
                    self.follow(&pod);
                }
                Err(error) => {
                    self.record(warning(
                        "FailedCreate",
                        format!("Error creating: {}", chain(&error)),
                    ));
                    self.retry.failed(now());
                    plan.look_at(self.retry.at.unwrap_or_default());
                    break;
                }
            }
        }
        self.dir.write(&self.state)
    }

    fn make(&self, object: &T, index: Option<u32>) -> Result<PodHandle, RuntimeError> {
        let mut pod = object.template().pod(&self.namespace, "");
        object.mark(index, &mut pod);
        pod.metadata.owner_references = vec![OwnerReference {
            api_version: T::API_VERSION.to_owned(),
            kind: T::KIND.to_owned(),
            name: self.name.clone(),
            uid: self.uid.clone(),
            controller: Some(true),
            block_owner_deletion: Some(true),
        }];
        self.runtime.run_blocking(pod.validate()?)
    }

    async fn delete(&self, pod: &PodHandle) {
        match pod.delete(None).await {
            Ok(()) | Err(RuntimeError::NotFound { .. }) => {}
            Err(error) => tracing::warn!("pod {}: {}", pod.name(), chain(&error)),
        }
    }

    /// Takes away the pods, and then the object.
    async fn wind_up(
        &mut self,
        pods: &[PodHandle],
        replicas: &[Replica],
    ) -> Result<Next, WorkloadError> {
        if pods.is_empty() {
            match self.objects.delete(&self.namespace, &self.name) {
                Ok(()) | Err(ObjectError::NotFound { .. }) => return self.end(),
                Err(error) => return Err(error.into()),
            }
        }
        let staying = |pod: &&PodHandle| replicas.iter().any(|r| r.uid == pod.uid() && !r.deleted);
        for pod in pods.iter().filter(staying) {
            self.delete(pod).await;
        }
        Ok(Next::Wait(None))
    }

    fn end(&self) -> Result<Next, WorkloadError> {
        self.dir.remove()?;
        Ok(Next::End)
    }

    /// The pods of the object, each followed from now on.
    fn pods(&mut self, object: &T) -> Result<(Vec<PodHandle>, Vec<Replica>), WorkloadError> {
        let mut pods = self.runtime.list(Some(&self.namespace))?;
        pods.retain(|pod| is_of(pod, object.metadata()));
        self.followed.retain(|uid, _| pods.iter().any(|pod| pod.uid() == uid));
        pods.iter().for_each(|pod| self.follow(pod));
        let mut replicas = Vec::new();
        for pod in &pods {
            replicas.extend(Replica::of(pod)?);
        }
        pods.retain(|pod| replicas.iter().any(|r| r.uid == pod.uid()));
        Ok((pods, replicas))
    }

    /// Has every change of a pod looked at.
    fn follow(&mut self, pod: &PodHandle) {
        if self.followed.get(pod.uid()).is_some_and(|task| !task.is_finished()) {
            return;
        }
        let (mut changes, poke) = (pod.changes(), self.poke.clone());
        let task = tokio::task::spawn_local(async move {
            loop {
                match changes.next().await {
                    Ok(Some(_)) => drop(poke.send(())),
                    Ok(None) => break,
                    Err(error) => {
                        tracing::warn!("{}", chain(&error));
                        tokio::time::sleep(UNREADABLE).await;
                        break;
                    }
                }
            }
            let _ = poke.send(());
        });
        self.followed.insert(pod.uid().to_owned(), task);
    }

    fn record(&mut self, event: PodEvent) {
        RecordedEvent::add(&mut self.state.events, now(), event);
    }
}

async fn sleep(pause: Option<Duration>) {
    match pause {
        Some(pause) => tokio::time::sleep(pause).await,
        None => std::future::pending().await,
    }
}
