//! An engine that is held after one of its requests to the keeper, so that a test can act between two of its steps.
//!
//! The helper stops itself before it becomes an engine where a test asks for it; then it is traced, and every message
//! that it sends to the keeper counts.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::{Host, wait_until};

/// Where a test says that engines are to be held, beside the directory of the runtime.
pub(crate) const HOLD: &str = "own/hold";

/// Stops this process when it is to become an engine of a test that holds its engines.
pub fn stop_if_held() {
    let args: Vec<String> = std::env::args().collect();
    let [role, root, ..] = args.as_slice() else { return };
    let hold = Path::new(root).parent().map(|test| test.join(HOLD));
    if role == "pod-supervise" && hold.is_some_and(|hold| hold.exists()) {
        nix::sys::signal::raise(Signal::SIGSTOP).expect("can stop itself");
    }
}

/// Has all engines of a test hold before their first step.
pub fn hold(host: &Host) {
    host.dir("hold");
}

/// An engine that runs up to a step.
#[derive(Debug)]
pub struct Paced {
    pid: Pid,
    given_up: Arc<AtomicBool>,
    reached: Option<mpsc::Receiver<()>>,
    go_on: mpsc::Sender<()>,
    tracer: JoinHandle<()>,
}

impl Paced {
    /// Lets the engine of the test's one pod run until it has sent `messages` messages.
    pub fn run(host: &Host, messages: usize) -> Self {
        let pid = wait_until("the engine", || stopped_engine(&host.root().join("pods")));
        let given_up = Arc::new(AtomicBool::new(false));
        let (told, reached) = mpsc::channel();
        let (go_on, wait) = mpsc::channel();
        let flag = Arc::clone(&given_up);
        let tracer = std::thread::spawn(move || trace(pid, messages, &flag, &told, &wait));
        Self { pid, given_up, reached: Some(reached), go_on, tracer }
    }

    /// Waits until it is there, and held.
    pub async fn held(&mut self) {
        let reached = self.reached.take().expect("is asked once");
        let waited = tokio::task::spawn_blocking(move || reached.recv().is_ok()).await;
        if !waited.expect("waits") {
            // It was given up, or is gone.
            std::future::pending::<()>().await;
        }
    }

    /// Lets it go on, from wherever it is.
    pub fn release(self) {
        self.given_up.store(true, Ordering::SeqCst);
        let _ = self.go_on.send(());
        // Where it waits for something to happen, this happens.
        let _ = kill(self.pid, Signal::SIGSTOP);
        self.tracer.join().expect("traces");
        let _ = kill(self.pid, Signal::SIGCONT);
    }
}

fn stopped_engine(root: &Path) -> Option<Pid> {
    let root = root.to_string_lossy();
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let engine = pids.find(|pid| {
        let read = |name: &str| std::fs::read_to_string(format!("/proc/{pid}/{name}"));
        let command = read("cmdline").unwrap_or_default();
        let is_engine = command.starts_with("pod-supervise\0") && command.contains(&*root);
        is_engine && read("stat").is_ok_and(|stat| stat.contains(") T "))
    });
    engine.map(Pid::from_raw)
}

/// Runs in a thread of its own, since a process is traced by one thread.
fn trace(
    pid: Pid,
    messages: usize,
    given_up: &AtomicBool,
    told: &mpsc::Sender<()>,
    wait: &mpsc::Receiver<()>,
) {
    ptrace::seize(pid, Options::PTRACE_O_TRACESYSGOOD).expect("can be traced");
    kill(pid, Signal::SIGCONT).expect("is there");
    let mut sent = 0;
    loop {
        let signal = match waitpid(pid, Some(WaitPidFlag::__WALL)) {
            Ok(WaitStatus::PtraceSyscall(_)) => {
                sent += usize::from(has_sent(pid));
                None
            }
            Ok(WaitStatus::Stopped(_, signal)) => Some(signal).filter(|s| *s != Signal::SIGSTOP),
            Ok(WaitStatus::PtraceEvent(..)) => None,
            // Gone.
            Ok(_) | Err(_) => return,
        };
        if sent == messages && !given_up.load(Ordering::SeqCst) {
            let _ = told.send(());
            let _ = wait.recv();
        }
        if given_up.load(Ordering::SeqCst) {
            let _ = ptrace::detach(pid, signal);
            return;
        }
        match ptrace::syscall(pid, signal) {
            Err(Errno::ESRCH) => return,
            result => result.expect("goes on"),
        }
    }
}

/// Whether the process has just made a call of `sendmsg`, which is how requests reach the keeper.
fn has_sent(pid: Pid) -> bool {
    let returned =
        ptrace::syscall_info(pid).is_ok_and(|info| info.op == nix::libc::PTRACE_SYSCALL_INFO_EXIT);
    let call = std::fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default();
    let number = call.split(' ').next().and_then(|n| n.parse::<i64>().ok());
    returned && number == Some(nix::libc::SYS_sendmsg)
}
