//! The program that the keeper keeps alive.

use std::convert::Infallible;
use std::ffi::CString;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns};
use nix::unistd::{Pid, execve};

use super::{entry, trace};
use crate::config;
use crate::sys::{self, Fork};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// One that has run for this long is started again without a pause.
const PROVEN: Duration = Duration::from_secs(60);

/// The exit code of a Rust program that has panicked.
const PANICKED: i32 = 101;

/// The environment variable that holds a companion's generation.
pub const GENERATION: &str = "POD_SANDBOX_GENERATION";

/// What a companion does: from its arguments to its exit code.
type Run = dyn Fn(&[String]) -> i32;

/// The code of a companion that is a part of the keeper's own program.
#[derive(Clone)]
pub(crate) struct Role {
    /// Its `argv[0]`.
    pub name: &'static str,
    pub run: Rc<Run>,
}

impl fmt::Debug for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Role").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A companion and its restarts.
#[derive(Debug)]
pub(super) struct Companion {
    config: config::Companion,
    /// What need not be executed anew.
    role: Option<Role>,
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
    pub fn new(config: config::Companion, role: Option<Role>) -> io::Result<Self> {
        let host = File::open("/proc/self/ns/mnt")?.into();
        let state = State::Waiting { until: Instant::now() };
        let role = role.filter(|role| config.argv.first().is_some_and(|name| name == role.name));
        Ok(Self { config, role, host, generation: 0, pause: FIRST_PAUSE, state })
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
        let config::Companion { program, argv, env, .. } = &self.config;
        let generation = (GENERATION.to_owned(), self.generation.to_string());
        let env = env.clone().into_iter().chain([generation]);
        entry::reset_signals()?;
        setns(&self.host, CloneFlags::CLONE_NEWNS)?;
        entry::set_stdio(null, log, log)?;
        if let Some(role) = self.role.as_ref().filter(|_| is_own_program(program)) {
            return become_role(role, argv, env);
        }
        let program = sys::c_string(program.as_os_str().as_encoded_bytes());
        let argv: Vec<CString> = argv.iter().map(sys::c_string).collect();
        let env: Vec<CString> =
            env.map(|(name, value)| sys::c_string(format!("{name}={value}"))).collect();
        Ok(execve(&program, &argv, &env)?)
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

/// What executing the program anew would do, and its exit. Nothing of the keeper runs in this process any more, whatever
/// happens.
fn become_role(
    role: &Role,
    argv: &[String],
    env: impl IntoIterator<Item = (String, String)>,
) -> io::Result<Infallible> {
    trace::stop();
    sys::close_from(3)?;
    sys::ignore_broken_pipes()?;
    sys::set_environment(env);
    // What others are shown is of no consequence to it; a kernel may be hardened against that.
    let _ = sys::set_name(&sys::c_string(role.name));
    let _ = show_arguments(argv);
    let code = catch_unwind(AssertUnwindSafe(|| (role.run)(argv)));
    sys::exit_now(code.unwrap_or(PANICKED))
}

/// Whether this process is already of the program at `path`. It may have been replaced by another version.
fn is_own_program(path: &Path) -> bool {
    let id = |path: &Path| fs::metadata(path).map(|file| (file.dev(), file.ino()));
    matches!((id(path), id(Path::new("/proc/self/exe"))), (Ok(a), Ok(b)) if a == b)
}

/// Shows these arguments to those who look at a list of processes, as far as there was room for the old ones.
fn show_arguments(argv: &[String]) -> io::Result<()> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // Behind the name, which ends with the last parenthesis, the 46th and 47th field: where the arguments begin and end.
    let mut fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(45);
    let mut address = || fields.next().and_then(|field| field.parse::<u64>().ok());
    let (Some(start), Some(end)) = (address(), address()) else { return Ok(()) };
    let mut text: Vec<u8> = argv.iter().flat_map(|arg| arg.bytes().chain([0])).collect();
    let room = usize::try_from(end.saturating_sub(start)).unwrap_or(0);
    text.resize(room, 0);
    if let Some(last) = text.last_mut() {
        *last = 0;
    }
    File::options().write(true).open("/proc/self/mem")?.write_all_at(&text, start)
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
        Companion::new(config, None).expect("opens")
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
