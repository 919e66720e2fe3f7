//! The life of one container.
//!
//! ```text
//! NotStarted ──> Starting ──> Running ──> Exited ──> (Starting | BackOff), when it is to be restarted
//!                 │  ▲  │        │          ▲
//!      no program │  │  │        ▼          │
//!        was made ▼  │  │     Stopping ─────┤
//!              Retrying │        ▲          │        BackOff ──> Starting, when its pause is over
//!                       ▼        │          │
//!                    Aborting ───┴──────────┘
//! ```
//!
//! `Exited` is where a life ends, and where the pod decides whether it goes on. `Aborting` is a start that was under
//! way when the container was told to stop. When the pod begins anew, each goes back to `NotStarted`.

use std::collections::BTreeMap;
use std::mem;
use std::time::Duration;

use pod_spec::Time;
use serde::{Deserialize, Serialize};

use crate::backoff::BackoffEntry;
use crate::health::Health;
use crate::{ContainerKind, ContainerRules, Exit, ExitAction, LifecycleTable, RestartPolicy};

/// What is remembered of one container.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ContainerRecord {
    pub name: String,
    /// The image that it was last started with, or is to be started with.
    pub image: String,
    /// The images of volumes that it was last started with, as found, by the volume's name; only shown.
    #[serde(default)]
    pub volume_images: BTreeMap<String, String>,
    pub life: ContainerLife,
    /// The run before the one that `life` speaks of.
    pub previous: Option<Run>,
    /// The highest attempt that came to a run, or is the next one's since the pod has begun anew. It never falls.
    pub restarts: u32,
    pub backoff: Option<BackoffEntry>,
}

/// Where a container is in its life.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum ContainerLife {
    NotStarted,
    Starting { attempt: u32, from: Beginning },
    Retrying { attempt: u32, until: Time, run: Option<Run>, failed: FailedStart },
    Running { instance: Instance, health: Health },
    Stopping { instance: Instance, health: Health, stop: Stop },
    Aborting { attempt: u32, from: Beginning, stop: Stop },
    BackOff { run: Run, delay: Duration, until: Time },
    Exited { run: Run },
}

/// What was before the start that is under way; it goes on being shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Beginning {
    First,
    Restart { run: Run },
    CrashLoop { run: Run, delay: Duration },
    Retry { run: Option<Run>, failed: FailedStart },
}

impl Beginning {
    pub(crate) fn into_run(self) -> Option<Run> {
        match self {
            Self::First => None,
            Self::Restart { run } | Self::CrashLoop { run, delay: _ } => Some(run),
            Self::Retry { run, failed: _ } => run,
        }
    }

    pub(crate) fn failures(&self) -> u32 {
        match self {
            Self::Retry { failed, run: _ } => failed.failures,
            Self::First | Self::Restart { .. } | Self::CrashLoop { .. } => 0,
        }
    }
}

/// A start that did not come to a program, counted since the last one that did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FailedStart {
    pub failures: u32,
    pub reason: String,
    pub message: String,
    /// The image that it is about, when that is not the container's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

/// Why a start did not come to a program.
#[derive(Debug)]
pub(crate) struct StartFailure {
    pub reason: String,
    pub message: String,
    pub image: Option<String>,
}

/// A program that was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Instance {
    pub attempt: u32,
    pub id: String,
    pub image_id: String,
    pub started_at: Time,
}

/// How a container is being stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stop {
    pub cause: StopCause,
    /// When its grace period is over.
    pub deadline: Time,
    pub step: StopStep,
}

/// Why a container is being stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum StopCause {
    /// The pod comes to its end.
    Pod,
    /// It failed a probe.
    Probe,
    /// Its `postStart` hook failed.
    PostStart { message: String },
    /// All containers are restarted.
    RestartAll,
    /// The pod's sandbox is lost, and is made again.
    SandboxLost,
    /// Its image was changed.
    Update,
}

/// How far the stopping of a container has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum StopStep {
    /// Nothing has been done yet.
    Begun,
    /// Its `preStop` hook runs.
    Hook,
    /// It waits until it is its turn.
    Waiting,
    /// It has been asked to end, at this time.
    Asked { since: Time },
    /// It has been killed.
    Killed,
}

impl Stop {
    pub(crate) fn new(cause: StopCause, deadline: Time) -> Self {
        Self { cause, deadline, step: StopStep::Begun }
    }
}

/// A run that is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Run {
    pub attempt: u32,
    /// Missing when the program was over before anybody told that it ran.
    pub id: Option<String>,
    pub image_id: String,
    pub started_at: Time,
    pub finished_at: Time,
    pub end: RunEnd,
    pub message: Option<String>,
    /// Why it was stopped, if it was.
    pub stopped: Option<StopCause>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RunEnd {
    Exit(Exit),
    /// The program could not be executed.
    NoProgram {
        reason: String,
    },
    /// It ran, and is gone without an exit code.
    Lost,
    /// It was put away when all containers were restarted.
    PutAway,
}

/// The exit code of a program that could not be executed.
const CODE_NO_PROGRAM: i32 = 128;
/// The exit code of a program that nobody saw end, or whose end does not matter any more.
const CODE_LOST: i32 = 137;
/// What is said of a container that was put away when all containers were restarted.
pub(crate) const PUT_AWAY: &str = "The container is removed because RestartAllContainers in place";

impl Run {
    pub(crate) fn exit_code(&self) -> i32 {
        match &self.end {
            RunEnd::Exit(exit) => exit.code,
            RunEnd::NoProgram { .. } => CODE_NO_PROGRAM,
            RunEnd::Lost | RunEnd::PutAway => CODE_LOST,
        }
    }

    pub(crate) fn signal(&self) -> Option<i32> {
        match &self.end {
            RunEnd::Exit(exit) => exit.signal,
            RunEnd::NoProgram { .. } | RunEnd::Lost | RunEnd::PutAway => None,
        }
    }

    pub(crate) fn reason(&self) -> &str {
        match &self.end {
            RunEnd::Exit(Exit { oom_killed: true, .. }) => "OOMKilled",
            RunEnd::Exit(Exit { code: 0, .. }) => "Completed",
            RunEnd::Exit(_) => "Error",
            RunEnd::NoProgram { reason } => reason,
            RunEnd::Lost => "ContainerStatusUnknown",
            RunEnd::PutAway => "RestartingAllContainers",
        }
    }

    /// Whether an init container that ended so has done its work.
    pub(crate) fn completes_init(&self) -> bool {
        self.reason() == "Completed"
    }
}

/// What follows when a container has ended while its pod lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sequel {
    Nothing,
    Restart,
    RestartAll,
}

impl LifecycleTable {
    /// What follows this end of the container at `index`. Its rules come first, but for one that failed a probe. One
    /// that was stopped to run another image is started in any case.
    pub(crate) fn sequel(&self, index: usize, run: &Run) -> Sequel {
        if run.stopped == Some(StopCause::Update) {
            return Sequel::Restart;
        }
        let rules = &self.containers[index];
        let of_probe = run.stopped == Some(StopCause::Probe);
        let said = rules.restarts.action(run.exit_code()).filter(|_| !of_probe);
        match said {
            Some(ExitAction::RestartAllContainers) => Sequel::RestartAll,
            // An init container that has done its work has done it.
            Some(ExitAction::Restart)
                if rules.kind != ContainerKind::Init || !run.completes_init() =>
            {
                Sequel::Restart
            }
            _ if restarts_by_policy(run, rules.kind, self.policy(rules)) => Sequel::Restart,
            _ => Sequel::Nothing,
        }
    }
}

fn restarts_by_policy(run: &Run, kind: ContainerKind, policy: RestartPolicy) -> bool {
    if run.stopped == Some(StopCause::Probe) && policy != RestartPolicy::Never {
        return true;
    }
    match (kind, policy) {
        (ContainerKind::Sidecar, _) | (ContainerKind::Main, RestartPolicy::Always) => true,
        (ContainerKind::Init, RestartPolicy::Always | RestartPolicy::OnFailure) => {
            !run.completes_init()
        }
        (ContainerKind::Main, RestartPolicy::OnFailure) => run.exit_code() != 0,
        (ContainerKind::Init | ContainerKind::Main, RestartPolicy::Never)
        | (ContainerKind::Ephemeral, _) => false,
    }
}

impl ContainerRecord {
    pub(crate) fn new(rules: &ContainerRules) -> Self {
        Self {
            name: rules.name.clone(),
            image: rules.image.clone(),
            volume_images: BTreeMap::new(),
            life: ContainerLife::NotStarted,
            previous: None,
            restarts: 0,
            backoff: None,
        }
    }

    /// The attempt that is running or may come to run.
    pub(crate) fn live_attempt(&self) -> Option<u32> {
        match &self.life {
            ContainerLife::Starting { attempt, .. } | ContainerLife::Aborting { attempt, .. } => {
                Some(*attempt)
            }
            ContainerLife::Running { instance, .. } | ContainerLife::Stopping { instance, .. } => {
                Some(instance.attempt)
            }
            ContainerLife::NotStarted
            | ContainerLife::Retrying { .. }
            | ContainerLife::BackOff { .. }
            | ContainerLife::Exited { .. } => None,
        }
    }

    pub(crate) fn is_live(&self) -> bool {
        self.live_attempt().is_some()
    }

    /// The run that ended last, while no other one runs.
    pub(crate) fn ended_run(&self) -> Option<&Run> {
        match &self.life {
            ContainerLife::Exited { run } | ContainerLife::BackOff { run, .. } => Some(run),
            ContainerLife::Retrying { run, .. } => run.as_ref(),
            ContainerLife::Starting { from, .. } | ContainerLife::Aborting { from, .. } => {
                match from {
                    Beginning::First => None,
                    Beginning::Restart { run } | Beginning::CrashLoop { run, .. } => Some(run),
                    Beginning::Retry { run, .. } => run.as_ref(),
                }
            }
            ContainerLife::NotStarted
            | ContainerLife::Running { .. }
            | ContainerLife::Stopping { .. } => None,
        }
    }

    /// The program that runs, and what is known of its health.
    pub(crate) fn running(&self) -> Option<(&Instance, &Health)> {
        match &self.life {
            ContainerLife::Running { instance, health }
            | ContainerLife::Stopping { instance, health, .. } => Some((instance, health)),
            ContainerLife::NotStarted
            | ContainerLife::Starting { .. }
            | ContainerLife::Retrying { .. }
            | ContainerLife::Aborting { .. }
            | ContainerLife::BackOff { .. }
            | ContainerLife::Exited { .. } => None,
        }
    }

    /// As [`running`](Self::running), to note what was found.
    pub(crate) fn running_mut(&mut self) -> Option<(&Instance, &mut Health)> {
        match &mut self.life {
            ContainerLife::Running { instance, health }
            | ContainerLife::Stopping { instance, health, .. } => Some((instance, health)),
            ContainerLife::NotStarted
            | ContainerLife::Starting { .. }
            | ContainerLife::Retrying { .. }
            | ContainerLife::Aborting { .. }
            | ContainerLife::BackOff { .. }
            | ContainerLife::Exited { .. } => None,
        }
    }

    /// Whether it runs and lets the next container start.
    pub(crate) fn is_started(&self) -> bool {
        self.running().is_some_and(|(_, health)| health.is_started())
    }

    /// Whether it runs and counts for the pod's readiness.
    pub(crate) fn is_ready(&self) -> bool {
        self.running().is_some_and(|(_, health)| health.is_ready())
    }

    /// How it is being stopped.
    pub(crate) fn stop(&self) -> Option<&Stop> {
        match &self.life {
            ContainerLife::Stopping { stop, .. } | ContainerLife::Aborting { stop, .. } => {
                Some(stop)
            }
            ContainerLife::NotStarted
            | ContainerLife::Starting { .. }
            | ContainerLife::Retrying { .. }
            | ContainerLife::Running { .. }
            | ContainerLife::BackOff { .. }
            | ContainerLife::Exited { .. } => None,
        }
    }

    /// As [`stop`](Self::stop), to go on with it.
    pub(crate) fn stop_mut(&mut self) -> Option<&mut Stop> {
        match &mut self.life {
            ContainerLife::Stopping { stop, .. } | ContainerLife::Aborting { stop, .. } => {
                Some(stop)
            }
            ContainerLife::NotStarted
            | ContainerLife::Starting { .. }
            | ContainerLife::Retrying { .. }
            | ContainerLife::Running { .. }
            | ContainerLife::BackOff { .. }
            | ContainerLife::Exited { .. } => None,
        }
    }

    /// Whether a program of this container runs or ever ran.
    pub(crate) fn has_run(&self) -> bool {
        self.ended_run().or(self.previous.as_ref()).is_some() || self.running().is_some()
    }

    /// Whether this is an init container's life that has done its work.
    pub(crate) fn init_is_done(&self) -> bool {
        matches!(&self.life, ContainerLife::Exited { run } if run.completes_init())
    }

    /// The program runs. Returns whether that is news.
    pub(crate) fn started(&mut self, instance: Instance, health: Health) -> bool {
        let attempt = instance.attempt;
        let (from, life) = match self.take_life() {
            ContainerLife::Starting { from, .. } => {
                (from, ContainerLife::Running { instance, health })
            }
            ContainerLife::Aborting { from, mut stop, .. } => {
                // It may have come to life only after the signal: it gets its time to react from here.
                if let StopStep::Asked { since } = &mut stop.step {
                    *since = instance.started_at.max(*since);
                }
                (from, ContainerLife::Stopping { instance, health, stop })
            }
            known @ (ContainerLife::NotStarted
            | ContainerLife::Retrying { .. }
            | ContainerLife::Running { .. }
            | ContainerLife::Stopping { .. }
            | ContainerLife::BackOff { .. }
            | ContainerLife::Exited { .. }) => {
                self.life = known;
                return false;
            }
        };
        self.previous = from.into_run().or(self.previous.take());
        self.restarts = self.restarts.max(attempt);
        self.life = life;
        true
    }

    /// The live attempt is over.
    pub(crate) fn ended(&mut self, run: Run) {
        match self.take_life() {
            ContainerLife::Starting { from, .. } | ContainerLife::Aborting { from, .. } => {
                self.previous = from.into_run().or(self.previous.take());
            }
            ContainerLife::Running { .. }
            | ContainerLife::Stopping { .. }
            | ContainerLife::NotStarted
            | ContainerLife::Retrying { .. }
            | ContainerLife::BackOff { .. }
            | ContainerLife::Exited { .. } => {}
        }
        self.restarts = self.restarts.max(run.attempt);
        self.life = ContainerLife::Exited { run };
    }

    /// The running program is gone and nobody saw how.
    pub(crate) fn lost(&mut self, now: Time) {
        let stopped = self.stop().map(|stop| stop.cause.clone());
        match self.take_life() {
            ContainerLife::Running { instance, .. } | ContainerLife::Stopping { instance, .. } => {
                self.ended(Run {
                    stopped,
                    attempt: instance.attempt,
                    id: Some(instance.id),
                    image_id: instance.image_id,
                    started_at: instance.started_at,
                    finished_at: now,
                    end: RunEnd::Lost,
                    message: Some(
                        "The container is gone and left no exit code. It used to be Running"
                            .to_owned(),
                    ),
                });
            }
            known @ (ContainerLife::NotStarted
            | ContainerLife::Starting { .. }
            | ContainerLife::Retrying { .. }
            | ContainerLife::Aborting { .. }
            | ContainerLife::BackOff { .. }
            | ContainerLife::Exited { .. }) => self.life = known,
        }
    }

    /// The start under way came to nothing; `until` says when to try again after so many failures in a row.
    pub(crate) fn start_failed(&mut self, why: StartFailure, until: impl FnOnce(u32) -> Time) {
        match self.take_life() {
            ContainerLife::Starting { attempt, from } => {
                let failures = from.failures().saturating_add(1);
                let StartFailure { reason, message, image } = why;
                let failed = FailedStart { failures, reason, message, image };
                self.life = ContainerLife::Retrying {
                    attempt,
                    until: until(failures),
                    run: from.into_run(),
                    failed,
                };
            }
            known @ (ContainerLife::NotStarted
            | ContainerLife::Retrying { .. }
            | ContainerLife::Running { .. }
            | ContainerLife::Stopping { .. }
            | ContainerLife::Aborting { .. }
            | ContainerLife::BackOff { .. }
            | ContainerLife::Exited { .. }) => self.life = known,
        }
    }

    /// It will not be started any more: a pause, and a start that is being abandoned, are over.
    pub(crate) fn give_up(&mut self) {
        self.life = match self.take_life() {
            ContainerLife::BackOff { run, .. } | ContainerLife::Retrying { run: Some(run), .. } => {
                ContainerLife::Exited { run }
            }
            ContainerLife::Starting { from, .. } | ContainerLife::Aborting { from, .. } => {
                match from.into_run() {
                    Some(run) => ContainerLife::Exited { run },
                    None => ContainerLife::NotStarted,
                }
            }
            known @ (ContainerLife::NotStarted
            | ContainerLife::Retrying { run: None, .. }
            | ContainerLife::Running { .. }
            | ContainerLife::Stopping { .. }
            | ContainerLife::Exited { .. }) => known,
        };
    }

    /// What has ended is put away: the next start is a first one again.
    pub(crate) fn put_away(&mut self) {
        let (end, message) = (RunEnd::PutAway, Some(PUT_AWAY.to_owned()));
        self.begin_anew(|run| Some(Run { end, message, ..run }));
    }

    /// The next start is a first one again; of the run that has ended this is kept.
    pub(crate) fn begin_anew(&mut self, kept: impl FnOnce(Run) -> Option<Run>) {
        match self.take_life() {
            ContainerLife::Exited { run }
            | ContainerLife::BackOff { run, .. }
            | ContainerLife::Retrying { run: Some(run), .. } => {
                self.previous = kept(run);
                self.restarts = self.restarts.saturating_add(1);
            }
            ContainerLife::NotStarted | ContainerLife::Retrying { run: None, .. } => {}
            alive @ (ContainerLife::Starting { .. }
            | ContainerLife::Running { .. }
            | ContainerLife::Stopping { .. }
            | ContainerLife::Aborting { .. }) => self.life = alive,
        }
    }

    /// Takes the life out to make another one of it; the caller puts one back.
    pub(crate) fn take_life(&mut self) -> ContainerLife {
        mem::replace(&mut self.life, ContainerLife::NotStarted)
    }
}
