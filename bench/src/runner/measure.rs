//! The rounds, and what they record.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use super::memory::{private_kb, processes};
use super::subject::Subject;

/// How many containers the measured pods have.
pub(super) const CONTAINERS: [usize; 3] = [1, 2, 5];

/// How many pods the memory is measured over.
pub(super) const MEMORY_PODS: usize = 10;

/// How long the machine is left alone before each measurement: the kernel takes down
/// namespaces and cgroups after their end, which the next subject would pay for.
const SETTLE: Duration = Duration::from_millis(200);

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    /// From the start of the command.
    Up,
    /// The same, but for the floor, which leaves the start of its process out.
    UpFromWithin,
    Exec,
    Down,
}

impl What {
    pub(super) const ALL: [Self; 4] = [Self::Up, Self::UpFromWithin, Self::Exec, Self::Down];
}

/// What one subject did.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: &'static str,
    /// The version, or why there is nothing to measure any more.
    pub(super) state: Result<String, String>,
    times: BTreeMap<(What, usize), Vec<Duration>>,
    /// kB per pod.
    pub(super) memory: Option<u64>,
}

impl Column {
    /// The median of what was timed, in microseconds.
    pub(super) fn median(&self, what: What, containers: usize) -> Option<u128> {
        let mut times = self.times.get(&(what, containers))?.clone();
        times.sort();
        times.get(times.len() / 2).map(Duration::as_micros)
    }
}

/// What all subjects did, in their order.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) columns: Vec<Column>,
}

impl Record {
    pub(super) fn new(subjects: Vec<(&'static str, Result<String, String>)>) -> Self {
        let column = |(name, state)| Column { name, state, times: BTreeMap::new(), memory: None };
        Self { columns: subjects.into_iter().map(column).collect() }
    }
}

/// Takes every subject that still works through one pod of each size.
pub(super) fn round(subjects: &mut [Box<dyn Subject>], record: &mut Record, round: usize) {
    for containers in CONTAINERS {
        for (subject, column) in subjects.iter_mut().zip(&mut record.columns) {
            if column.state.is_err() {
                continue;
            }
            thread::sleep(SETTLE);
            let name = format!("bench-{round}-{containers}");
            match subject.measure(&name, containers) {
                Ok(times) => {
                    for (what, time) in What::ALL.into_iter().zip(times) {
                        column.times.entry((what, containers)).or_default().push(time);
                    }
                }
                Err(error) => column.state = Err(error),
            }
        }
    }
}

/// Measures the memory of the helper processes of pods that run side by side.
pub(super) fn memory(subjects: &mut [Box<dyn Subject>], record: &mut Record) {
    for (subject, column) in subjects.iter_mut().zip(&mut record.columns) {
        if column.state.is_err() || subject.helpers().is_empty() {
            continue;
        }
        let before = processes();
        let names: Vec<_> = (0..MEMORY_PODS).map(|index| format!("bench-m-{index}")).collect();
        let started = names.iter().try_for_each(|name| subject.up(name, 1).map(drop));
        let new = processes().into_iter().filter(|pid| !before.contains(pid));
        let total = private_kb(new, subject.helpers());
        for name in &names {
            let ended = subject.down(name, 1);
            if let (Ok(()), Err(error)) = (&started, ended) {
                column.state = Err(error);
            }
        }
        match started {
            Ok(()) => column.memory = Some(total / MEMORY_PODS as u64),
            Err(error) => column.state = Err(error),
        }
    }
}
