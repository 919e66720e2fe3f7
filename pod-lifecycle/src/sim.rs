//! A world for tests: it carries the machine's actions out on containers that follow a script, in virtual time, and
//! checks what has to hold whatever happens.
//!
//! With choices it also delays and reorders what it tells the machine, and lets the engine crash: before it saved the
//! state, or after it and any number of the actions.

mod check;
mod script;
mod world;

use std::time::Duration;

use pod_spec::Time;
use pod_spec::status::{ContainerStatus, PodPhase, PodStatus};

pub(crate) use script::{Choices, HookPlay, OnTerm, Play, Script, Vitals, pod, probe, seconds};
use world::World;

use crate::{Action, Event, Exit, GraceSeconds, LifecycleTable, PodMachine};

/// A machine in its world.
pub(crate) struct Sim {
    pub machine: PodMachine,
    pub world: World,
    table: LifecycleTable,
    choices: Choices,
    checks: check::Checks,
    /// What is asked of the pod, and when.
    orders: Vec<(Time, Event)>,
    /// `<seconds> <what>`, in the order it happened.
    pub log: Vec<String>,
}

/// More steps than any pod of these tests needs; a machine that takes them runs in circles.
const MANY_STEPS: usize = 20_000;

impl Sim {
    pub(crate) fn new(table: LifecycleTable, scripts: Vec<Script>) -> Self {
        Self::with_choices(table, scripts, Choices::default())
    }

    pub(crate) fn with_choices(
        table: LifecycleTable,
        scripts: Vec<Script>,
        choices: Choices,
    ) -> Self {
        let (machine, actions) = PodMachine::new(table.clone(), Time::default());
        let world = World::new(&table, scripts);
        let checks = check::Checks::default();
        let mut sim =
            Self { machine, world, table, choices, checks, orders: Vec::new(), log: Vec::new() };
        sim.carry_out(&actions);
        sim
    }

    /// Asks the pod to go, at this second.
    pub(crate) fn delete(&mut self, at: u64, grace: Option<u32>) {
        self.order(at, Event::Delete { grace: grace.map(GraceSeconds::new) });
    }

    /// Gives a container another image, at this second.
    pub(crate) fn update_image(&mut self, at: u64, container: &str, image: &str) {
        let mut table = self.table.clone();
        let rules = table.containers.iter_mut().find(|rules| rules.name == container).unwrap();
        rules.image = image.to_owned();
        self.update(at, table);
    }

    /// Changes the pod's rules, at this second.
    pub(crate) fn update(&mut self, at: u64, table: LifecycleTable) {
        self.order(at, Event::Update { table: Box::new(table) });
    }

    /// Tells the machine something at this second that did not come from the world.
    pub(crate) fn order(&mut self, at: u64, event: Event) {
        self.orders.push((seconds(at), event));
    }

    /// Plays on until nothing more can happen. Returns the last status.
    pub(crate) fn run(&mut self) -> PodStatus {
        self.run_until(u64::MAX / 4_000_000_000)
    }

    /// Plays everything that happens up to and including this second. Returns the status then.
    pub(crate) fn run_until(&mut self, end: u64) -> PodStatus {
        let end = seconds(end);
        for _ in 0..MANY_STEPS {
            let order = self.orders.iter().map(|o| o.0).min();
            let next = [self.world.next(), order, self.machine.next_deadline()]
                .into_iter()
                .flatten()
                .min();
            let Some(at) = next.filter(|at| *at <= end) else { return self.machine.status() };
            self.world.now = self.world.now.max(at);
            if self.world.happen(&mut self.choices, &mut self.log) {
                continue;
            }
            match self.take_order().or_else(|| self.world.mail()) {
                Some(event) => self.deliver(event),
                None => self.deliver(Event::Tick),
            }
        }
        panic!(
            "no end after {MANY_STEPS} steps; last:\n{}",
            self.log[self.log.len() - 30..].join("\n")
        );
    }

    /// The end of an attempt at this second, as the machine is told of it.
    pub(crate) fn exit_of(&self, container: &str, attempt: u32, code: i32, at: u64) -> Event {
        Event::Exited {
            container: container.to_owned(),
            attempt,
            exit: Exit::with_code(code),
            started_at: self.world.now,
            finished_at: seconds(at),
            message: None,
        }
    }

    fn take_order(&mut self) -> Option<Event> {
        let due = self.orders.iter().position(|o| o.0 <= self.world.now)?;
        Some(self.orders.swap_remove(due).1)
    }

    fn deliver(&mut self, event: Event) {
        if self.choices.crash() {
            // Lost before it was noted; who gave an order gives it again, and a changed manifest lies there already.
            match event {
                Event::Delete { .. } => self.orders.push((self.world.now, event)),
                Event::Update { table } if self.machine.state().pod.is_active() => {
                    self.table = *table;
                }
                _ => {}
            }
            return self.crash();
        }
        if let Event::Update { table } = &event
            && self.machine.state().pod.is_active()
        {
            self.table.clone_from(table);
        }
        let actions = self.machine.handle(self.world.now, event);
        self.check();
        if self.choices.crash() {
            let done = self.choices.below(actions.len() + 1);
            self.carry_out(&actions[..done]);
            return self.crash();
        }
        self.carry_out(&actions);
    }

    /// The engine dies, and another one goes on with what was saved and what is to be seen.
    fn crash(&mut self) {
        let saved = serde_json::to_string(self.machine.state()).unwrap();
        self.world.settle(&mut self.choices, &mut self.log);
        self.log.push(format!("{} crash", self.world.clock()));
        let state = serde_json::from_str(&saved).unwrap();
        let observed = self.world.observe();
        let (machine, actions) =
            PodMachine::resume(self.table.clone(), state, observed, self.world.now);
        self.machine = machine;
        self.check();
        self.carry_out(&actions);
    }

    fn check(&mut self) {
        self.checks.status(&self.machine, self.world.now);
    }

    fn carry_out(&mut self, actions: &[Action]) {
        for action in actions {
            self.checks.action(&self.machine, &self.table, &self.world, action);
            self.world.perform(action, &mut self.choices, &mut self.log);
        }
    }

    /// The lines of the log that contain one of the words.
    pub(crate) fn lines(&self, words: &[&str]) -> Vec<&str> {
        self.log
            .iter()
            .map(String::as_str)
            .filter(|l| words.iter().any(|w| l.contains(w)))
            .collect()
    }

    /// The seconds at which something happened.
    pub(crate) fn times(&self, what: &str) -> Vec<u64> {
        let lines = self.log.iter().filter(|line| line.contains(what));
        lines.map(|line| line.split('.').next().unwrap().parse().unwrap()).collect()
    }
}

/// The status of one container.
pub(crate) fn of<'a>(status: &'a PodStatus, name: &str) -> &'a ContainerStatus {
    let all = status.init_container_statuses.iter().chain(&status.container_statuses);
    let mut all = all.chain(&status.ephemeral_container_statuses);
    all.find(|c| c.name == name).unwrap()
}

/// The reason a container gives for what it does, or `Running`.
pub(crate) fn reason(status: &PodStatus, name: &str) -> String {
    let state = &of(status, name).state;
    let waiting = state.waiting.as_ref().and_then(|w| w.reason.clone());
    let terminated = state.terminated.as_ref().and_then(|t| t.reason.clone());
    waiting.or(terminated).unwrap_or_else(|| "Running".to_owned())
}

/// A condition as `Value/Reason/Message`.
pub(crate) fn condition(status: &PodStatus, kind: &str) -> String {
    let c = status.conditions.iter().find(|c| c.kind == kind).unwrap();
    let words = [c.reason.clone().unwrap_or_default(), c.message.clone().unwrap_or_default()];
    format!("{:?}/{}", c.status, words.join("/"))
}

/// The end of a pod that is over.
pub(crate) fn ended(sim: &mut Sim) -> PodPhase {
    let status = sim.run();
    assert!(sim.machine.is_finished(), "{:#?}\n{}", sim.machine.state(), sim.log.join("\n"));
    status.phase
}

/// A short span of the world's time.
pub(crate) const MOMENT: Duration = Duration::from_millis(100);
