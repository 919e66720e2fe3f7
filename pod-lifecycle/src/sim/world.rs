//! The sandbox and the containers, as a keeper process would hold them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use pod_spec::Time;

use super::script::{Choices, HookPlay, OnTerm, Play, Script};
use super::{MOMENT, seconds};
use crate::{
    Action, Addresses, Event, Exit, HookKind, LifecycleTable, Observed, ObservedContainer,
    ObservedSandbox, ObservedState, ProbeKind, ProbeResult,
};

/// Everything outside the machine.
pub(crate) struct World {
    pub now: Time,
    scripts: BTreeMap<String, Script>,
    pub sandbox: Sandbox,
    /// So often the sandbox cannot be made.
    pub sandbox_failures: u32,
    pub instances: BTreeMap<(String, u32), Instance>,
    /// Who ever ran.
    pub ever_alive: BTreeSet<(String, u32)>,
    /// Whose startup probe ever succeeded.
    pub ever_up: BTreeSet<(String, u32)>,
    /// Whose `postStart` hook ever did.
    pub ever_hooked: BTreeSet<(String, u32)>,
    /// What this engine has done.
    pub done: Done,
    agenda: Vec<(Time, Occurrence)>,
    mail: Vec<(Time, Event)>,
    ready: Addresses,
}

/// What one engine has done, and when.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// Probes, by when the last one of each began, and whether it is answered.
    pub probes: BTreeMap<(String, u32, ProbeKind), (Time, bool)>,
    /// Hooks, and whether they are over.
    pub hooks: BTreeMap<(String, u32, HookKind), bool>,
    /// Stop signals.
    pub signals: BTreeMap<(String, u32), Time>,
    /// Whether another engine was there before.
    pub resumed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Sandbox {
    Absent,
    Ready,
    Lost,
    /// With whoever could make it again.
    Gone,
}

#[derive(Debug, Clone)]
pub(crate) enum Instance {
    Coming,
    Created,
    Alive { since: Time },
    Over { since: Time, at: Time, exit: Exit },
}

impl Instance {
    pub(crate) fn is_live(&self) -> bool {
        matches!(self, Self::Coming | Self::Created | Self::Alive { .. })
    }
}

/// Something that will happen in the world by itself.
#[derive(Debug, Clone)]
enum Occurrence {
    SandboxUp,
    SandboxGone,
    SandboxDies { becomes: Sandbox },
    Arrives { key: (String, u32) },
    Ends { key: (String, u32), exit: Exit },
    Probed { key: (String, u32), probe: ProbeKind },
    HookEnds { key: (String, u32), hook: HookKind },
}

const KILLED: Exit = Exit { code: 137, signal: Some(9), oom_killed: false };

impl World {
    pub(crate) fn new(table: &LifecycleTable, scripts: Vec<Script>) -> Self {
        assert_eq!(table.containers.len(), scripts.len());
        Self {
            now: Time::default(),
            scripts: table.containers.iter().map(|c| c.name.clone()).zip(scripts).collect(),
            sandbox: Sandbox::Absent,
            sandbox_failures: 0,
            instances: BTreeMap::new(),
            ever_alive: BTreeSet::new(),
            ever_up: BTreeSet::new(),
            ever_hooked: BTreeSet::new(),
            done: Done::default(),
            agenda: Vec::new(),
            mail: Vec::new(),
            ready: Addresses {
                pod: vec![Ipv4Addr::new(10, 0, 0, 2).into()],
                host: vec![Ipv4Addr::new(192, 0, 2, 1).into()],
            },
        }
    }

    /// The pause process dies at this second, and all containers with it.
    pub(crate) fn lose_sandbox(&mut self, at: u64) {
        self.agenda.push((seconds(at), Occurrence::SandboxDies { becomes: Sandbox::Lost }));
    }

    /// As [`lose_sandbox`](Self::lose_sandbox), and nobody is left to make it again.
    pub(crate) fn lose_all(&mut self, at: u64) {
        self.agenda.push((seconds(at), Occurrence::SandboxDies { becomes: Sandbox::Gone }));
    }

    pub(crate) fn clock(&self) -> String {
        format!(
            "{}.{}",
            self.now.as_nanos() / 1_000_000_000,
            self.now.as_nanos() / 100_000_000 % 10
        )
    }

    pub(crate) fn next(&self) -> Option<Time> {
        let agenda = self.agenda.iter().map(|(at, _)| *at);
        agenda.chain(self.mail.iter().map(|(at, _)| *at)).min()
    }

    /// Lets the first thing happen that is due, if there is one.
    pub(crate) fn happen(&mut self, choices: &mut Choices, log: &mut Vec<String>) -> bool {
        let Some(due) = self.agenda.iter().map(|(at, _)| *at).min().filter(|at| *at <= self.now)
        else {
            return false;
        };
        let index = self.agenda.iter().position(|(at, _)| *at == due).unwrap();
        let (_, occurrence) = self.agenda.remove(index);
        self.occur(occurrence, choices, log);
        true
    }

    /// The next thing the machine is told.
    pub(crate) fn mail(&mut self) -> Option<Event> {
        let due = self.mail.iter().map(|(at, _)| *at).min().filter(|at| *at <= self.now)?;
        let index = self.mail.iter().position(|(at, _)| *at == due)?;
        Some(self.mail.remove(index).1)
    }

    fn tell(&mut self, event: Event, choices: &mut Choices) {
        let at = self.now + MOMENT * u32::try_from(choices.below(4)).unwrap();
        self.mail.push((at, event));
    }

    fn occur(&mut self, occurrence: Occurrence, choices: &mut Choices, log: &mut Vec<String>) {
        match occurrence {
            Occurrence::SandboxUp if self.sandbox_failures > 0 => {
                self.sandbox_failures -= 1;
                let (reason, message) =
                    ("CreatePodSandboxError".to_owned(), "no address".to_owned());
                self.tell(Event::SandboxFailed { reason, message }, choices);
            }
            Occurrence::SandboxUp => {
                self.sandbox = Sandbox::Ready;
                let addresses = self.ready.clone();
                self.tell(Event::SandboxReady { addresses }, choices);
            }
            Occurrence::SandboxGone => {
                self.sandbox = Sandbox::Absent;
                self.instances.retain(|_, instance| matches!(instance, Instance::Over { .. }));
                self.tell(Event::SandboxRemoved, choices);
            }
            Occurrence::SandboxDies { becomes } if self.sandbox == Sandbox::Ready => {
                self.sandbox = becomes;
                log.push(format!("{} sandbox dies", self.clock()));
                self.instances.retain(|_, instance| !matches!(instance, Instance::Created));
                let message = "pause ended".to_owned();
                let event = match becomes {
                    Sandbox::Gone => Event::SandboxGone { message },
                    Sandbox::Absent | Sandbox::Ready | Sandbox::Lost => {
                        Event::SandboxLost { message }
                    }
                };
                self.tell(event, choices);
                let keys: Vec<_> = self.instances.keys().cloned().collect();
                keys.into_iter().for_each(|key| self.end(key, KILLED, choices, log));
            }
            Occurrence::SandboxDies { .. } => {}
            Occurrence::Arrives { key } => self.arrive(key, choices, log),
            Occurrence::Ends { key, exit } => self.end(key, exit, choices, log),
            Occurrence::Probed { key, probe } => self.probed(key, probe, choices),
            Occurrence::HookEnds { key, hook } => self.hook_ends(key, hook, choices),
        }
    }

    fn probed(&mut self, key: (String, u32), probe: ProbeKind, choices: &mut Choices) {
        let vitals = self.scripts[&key.0].vitals;
        let result = match self.instances.get(&key) {
            Some(Instance::Alive { since }) if vitals.passes(probe, self.now.since(*since)) => {
                ProbeResult::Success
            }
            Some(_) => ProbeResult::Failure("ill".to_owned()),
            None => ProbeResult::Unknown("gone".to_owned()),
        };
        if probe == ProbeKind::Startup && result == ProbeResult::Success {
            self.ever_up.insert(key.clone());
        }
        let (container, attempt) = key;
        if let Some((_, answered)) = self.done.probes.get_mut(&(container.clone(), attempt, probe))
        {
            *answered = true;
        }
        self.tell(Event::Probed { container, attempt, probe, result }, choices);
    }

    fn hook_ends(&mut self, key: (String, u32), hook: HookKind, choices: &mut Choices) {
        let play = self.hook(&key.0, hook);
        let alive = matches!(self.instances.get(&key), Some(Instance::Alive { .. }));
        let result =
            if alive && play.succeeds { Ok(()) } else { Err("it does not work".to_owned()) };
        if hook == HookKind::PostStart && result.is_ok() {
            self.ever_hooked.insert(key.clone());
        }
        let (container, attempt) = key;
        self.done.hooks.insert((container.clone(), attempt, hook), true);
        self.tell(Event::HookEnded { container, attempt, hook, result }, choices);
    }

    fn hook(&self, container: &str, hook: HookKind) -> HookPlay {
        let script = &self.scripts[container];
        match hook {
            HookKind::PostStart => script.post_start,
            HookKind::PreStop => script.pre_stop,
        }
    }

    fn arrive(&mut self, key: (String, u32), choices: &mut Choices, log: &mut Vec<String>) {
        if !matches!(self.instances.get(&key), Some(Instance::Coming)) {
            return;
        }
        if matches!(self.sandbox, Sandbox::Lost | Sandbox::Gone) {
            return self.fail_start(key, "CreateContainerError", choices);
        }
        let (now, (container, attempt)) = (self.now, key.clone());
        let script = self.scripts.get_mut(&container).unwrap();
        if script.create_failures > 0 {
            script.create_failures -= 1;
            return self.fail_start(key, "ErrImagePull", choices);
        }
        let (after, exit) = match script.play(attempt) {
            Play::StartError => return self.fail_start(key, "StartError", choices),
            Play::Forever => (None, KILLED),
            Play::Exit { after, code } => (Some(after), Exit::with_code(code)),
            Play::OutOfMemory { after, code } => {
                (Some(after), Exit { code, signal: Some(9), oom_killed: true })
            }
        };
        self.instances.insert(key.clone(), Instance::Alive { since: now });
        self.ever_alive.insert(key.clone());
        log.push(format!("{} {container}#{attempt} runs", self.clock()));
        let (id, image_id) = (id(&key), "sha256:1".to_owned());
        let volume_images = Default::default();
        let started = Event::Started { container, attempt, id, image_id, volume_images, at: now };
        self.tell(started, choices);
        if let Some(after) = after {
            self.agenda.push((now + Duration::from_secs(after), Occurrence::Ends { key, exit }));
        }
    }

    fn fail_start(&mut self, key: (String, u32), reason: &str, choices: &mut Choices) {
        self.instances.remove(&key);
        let (container, attempt) = key;
        let (reason, message, at) = (reason.to_owned(), "no such thing".to_owned(), self.now);
        let image = None;
        self.tell(Event::StartFailed { container, attempt, reason, message, image, at }, choices);
    }

    fn end(
        &mut self,
        key: (String, u32),
        exit: Exit,
        choices: &mut Choices,
        log: &mut Vec<String>,
    ) {
        let Some(Instance::Alive { since }) = self.instances.get(&key) else { return };
        let (started_at, finished_at) = (*since, self.now);
        log.push(format!("{} {}#{} ends {}", self.clock(), key.0, key.1, exit.code));
        self.instances
            .insert(key.clone(), Instance::Over { since: started_at, at: finished_at, exit });
        let (container, attempt) = key;
        let message = None;
        self.tell(
            Event::Exited { container, attempt, exit, started_at, finished_at, message },
            choices,
        );
    }

    pub(crate) fn perform(
        &mut self,
        action: &Action,
        choices: &mut Choices,
        log: &mut Vec<String>,
    ) {
        match action {
            Action::CreateSandbox => {
                log.push(format!("{} make sandbox", self.clock()));
                self.agenda.push((self.now, Occurrence::SandboxUp));
            }
            Action::StartContainer { container, attempt } => {
                log.push(format!("{} start {container}#{attempt}", self.clock()));
                let key = (container.clone(), *attempt);
                // One that was given up before it ran has had a signal under this number.
                self.done.signals.remove(&key);
                self.instances.insert(key.clone(), Instance::Coming);
                let latency = MOMENT * u32::try_from(choices.below(30)).unwrap();
                self.agenda.push((self.now + latency, Occurrence::Arrives { key }));
            }
            Action::Terminate { container, attempt } => {
                log.push(format!("{} term {container}#{attempt}", self.clock()));
                let key = (container.clone(), *attempt);
                self.done.signals.entry(key.clone()).or_insert(self.now);
                match (self.instances.get(&key), self.scripts[container].on_term) {
                    // The signal may come too early for a container that is just coming to life.
                    (Some(Instance::Coming), _) if choices.below(2) == 0 => {
                        self.fail_start(key, "CreateContainerError", choices);
                    }
                    (Some(Instance::Alive { .. }), OnTerm::Exit { after, code }) => {
                        let at = self.now + Duration::from_secs(after);
                        self.agenda
                            .push((at, Occurrence::Ends { key, exit: Exit::with_code(code) }));
                    }
                    (_, OnTerm::Exit { .. } | OnTerm::Ignore) => {}
                }
            }
            Action::Kill { container, attempt } => {
                log.push(format!("{} kill {container}#{attempt}", self.clock()));
                let key = (container.clone(), *attempt);
                if matches!(self.instances.get(&key), Some(Instance::Coming)) {
                    self.fail_start(key, "CreateContainerError", choices);
                } else {
                    self.end(key, KILLED, choices, log);
                }
            }
            Action::Probe { container, attempt, probe } => {
                log.push(format!("{} probe {probe:?} {container}#{attempt}", self.clock()));
                let key = (container.clone(), *attempt);
                self.done.probes.insert((key.0.clone(), key.1, *probe), (self.now, false));
                let latency = MOMENT * u32::try_from(choices.below(80)).unwrap();
                self.agenda.push((self.now + latency, Occurrence::Probed { key, probe: *probe }));
            }
            Action::RunHook { container, attempt, hook } => {
                log.push(format!("{} hook {hook:?} {container}#{attempt}", self.clock()));
                let key = (container.clone(), *attempt);
                self.done.hooks.insert((key.0.clone(), key.1, *hook), false);
                let takes = Duration::from_secs(self.hook(container, *hook).takes);
                self.agenda.push((self.now + takes, Occurrence::HookEnds { key, hook: *hook }));
            }
            Action::RemoveSandbox => {
                log.push(format!("{} remove sandbox", self.clock()));
                self.agenda.push((self.now, Occurrence::SandboxGone));
            }
            Action::Record(event) => log.push(format!(
                "{} {:?} {}: {}",
                self.clock(),
                event.kind,
                event.reason,
                event.message
            )),
        }
    }

    /// The engine is gone: nobody gets the mail, and what was under way comes to rest.
    pub(crate) fn settle(&mut self, choices: &mut Choices, log: &mut Vec<String>) {
        let under_way =
            |o: &Occurrence| matches!(o, Occurrence::SandboxUp | Occurrence::SandboxGone);
        let (rest, later) =
            std::mem::take(&mut self.agenda).into_iter().partition(|(_, o)| under_way(o));
        self.agenda = later;
        let of_engine =
            |o: &Occurrence| matches!(o, Occurrence::Probed { .. } | Occurrence::HookEnds { .. });
        self.agenda.retain(|(_, occurrence)| !of_engine(occurrence));
        self.done = Done { resumed: true, ..Done::default() };
        let rest: Vec<(Time, Occurrence)> = rest;
        rest.into_iter().for_each(|(_, occurrence)| self.occur(occurrence, choices, log));
        let coming: Vec<(String, u32)> = self.instances.keys().cloned().collect();
        for key in coming {
            let coming = matches!(self.instances[&key], Instance::Coming);
            if choices.below(2) == 1 && coming && self.sandbox == Sandbox::Ready {
                self.instances.insert(key, Instance::Created);
            } else {
                self.arrive(key, choices, log);
            }
        }
        self.mail.clear();
    }

    pub(crate) fn observe(&self) -> Observed {
        let addresses = self.ready.clone();
        let sandbox = match self.sandbox {
            Sandbox::Absent => ObservedSandbox::Absent,
            Sandbox::Ready => ObservedSandbox::Ready { addresses },
            Sandbox::Lost => ObservedSandbox::Lost,
            Sandbox::Gone => ObservedSandbox::Gone,
        };
        let containers = self.instances.iter().map(|(key, instance)| {
            let (id, image_id) = (id(key), "sha256:1".to_owned());
            let state = match *instance {
                Instance::Coming | Instance::Created => ObservedState::Created,
                Instance::Alive { since } => {
                    ObservedState::Running { id, image_id, started_at: since }
                }
                Instance::Over { since, at, exit } => ObservedState::Exited {
                    id,
                    image_id,
                    exit,
                    started_at: since,
                    finished_at: at,
                    message: None,
                },
            };
            ObservedContainer { name: key.0.clone(), attempt: key.1, state }
        });
        Observed { sandbox, containers: containers.collect() }
    }
}

fn id(key: &(String, u32)) -> String {
    format!("{}-{}", key.0, key.1)
}
