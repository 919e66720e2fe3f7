//! The program that the keeper keeps alive.

use std::convert::Infallible;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns};
use nix::unistd::{Pid, execve};

use super::entry;
use crate::config;
use crate::sys::{self, Fork};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// One that has run for this long is started again without a pause.
const PROVEN: Duration = Duration::from_secs(60);

/// The environment variable that holds a companion's generation.
pub const GENERATION: &str = "POD_SANDBOX_GENERATION";

/// A companion and its restarts.
#[derive(Debug)]
pub(super) struct Companion {
    config: config::Companion,
    /// The host's mount namespace: the keeper leaves it after the first start.
    host: OwnedFd,
    pub generation: u64,
    pause: Duration,
    state: State,
}

#[derive(Debug)]
enum State {
    Running {
        pid: Pid,
        pidfd: OwnedFd,
        since: Instant,
    },
    Waiting {
        until: Instant,
    },
    /// It ended with code 0: its work is done.
    Done,
}

impl Companion {
    /// To be called in the mount namespace in which it shall run.
    pub fn new(config: config::Companion) -> io::Result<Self> {
        let host = File::open("/proc/self/ns/mnt")?.into();
        let state = State::Waiting { until: Instant::now() };
        Ok(Self { config, host, generation: 0, pause: FIRST_PAUSE, state })
    }

    /// Starts it when it is time to.
    pub fn start_if_due(&mut self) {
        let State::Waiting { until } = self.state else { return };
        if Instant::now() < until {
            return;
        }
        self.generation += 1;
        match self.spawn() {
            Ok((pid, pidfd)) => self.state = State::Running { pid, pidfd, since: Instant::now() },
            Err(error) => {
                self.warn(&error);
                self.wait();
            }
        }
    }

    /// Forks it, and does not wait for its execution: one that fails is one that ends at once.
    fn spawn(&self) -> io::Result<(Pid, OwnedFd)> {
        let log =
            OpenOptions::new().create(true).append(true).mode(0o600).open(&self.config.log)?;
        let (null, log) = (File::open("/dev/null")?.into(), log.into());
        match sys::fork(CloneFlags::empty(), None, false)? {
            Fork::Parent { pid, pidfd } => Ok((pid, pidfd)),
            Fork::Child => {
                let Err(error) = self.execute(&null, &log);
                self.warn(&error);
                sys::exit_now(127)
            }
        }
    }

    fn execute(&self, null: &OwnedFd, log: &OwnedFd) -> io::Result<Infallible> {
        let env = self.config.env.iter().map(|(name, value)| format!("{name}={value}"));
        let env: Vec<_> = env.chain([format!("{GENERATION}={}", self.generation)]).collect();
        let strings = |list: &[String]| list.iter().map(sys::c_string).collect::<Vec<_>>();
        entry::reset_signals()?;
        setns(&self.host, CloneFlags::CLONE_NEWNS)?;
        entry::set_stdio(null, log, log)?;
        let program = sys::c_string(self.config.program.as_os_str().as_encoded_bytes());
        Ok(execve(&program, &strings(&self.config.argv), &strings(&env))?)
    }

    fn warn(&self, error: &io::Error) {
        let program = self.config.program.display();
        tracing::warn!(%error, %program, "cannot start the companion");
    }

    /// It has ended, with this code.
    pub fn ended(&mut self, code: i32) {
        if code == 0 {
            self.state = State::Done;
            return;
        }
        if let State::Running { since, .. } = self.state
            && since.elapsed() > PROVEN
        {
            self.pause = FIRST_PAUSE;
        }
        self.wait();
    }

    fn wait(&mut self) {
        self.state = State::Waiting { until: Instant::now() + self.pause };
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }

    /// When [`start_if_due`](Self::start_if_due) wants to be called.
    pub fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Waiting { until } => Some(until),
            State::Running { .. } | State::Done => None,
        }
    }

    /// Readable when it has ended.
    pub fn pidfd(&self) -> Option<BorrowedFd<'_>> {
        match &self.state {
            State::Running { pidfd, .. } => Some(pidfd.as_fd()),
            State::Waiting { .. } | State::Done => None,
        }
    }

    pub fn pid(&self) -> Option<Pid> {
        match self.state {
            State::Running { pid, .. } => Some(pid),
            State::Waiting { .. } | State::Done => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn companion() -> Companion {
        let program = "/none".into();
        let log = "/dev/null".into();
        let config =
            config::Companion { program, argv: vec!["x".into()], env: BTreeMap::new(), log };
        Companion::new(config).expect("opens")
    }

    #[test]
    fn pauses_grow_to_a_limit() {
        let mut companion = companion();
        let mut pauses = Vec::new();
        for _ in 0..12 {
            let before = Instant::now();
            companion.ended(1);
            let until = companion.deadline().expect("waits");
            pauses.push((until - before).as_millis() / 100);
        }
        assert_eq!(pauses[..4], [1, 2, 4, 8]);
        assert_eq!(pauses[11], 300);
    }

    #[test]
    fn one_that_ended_well_is_not_started_again() {
        let mut companion = companion();
        companion.ended(0);
        assert_eq!(companion.deadline(), None);
        companion.start_if_due();
        assert_eq!(companion.generation, 0);
    }
}
