//! Runs tests side by side, each in a process of its own.

use std::io::{Write, stdout};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use nix::unistd::{alarm, geteuid};

use crate::leaks::Leaks;
use crate::world::World;

/// A test's name and what it does.
pub type Test = (&'static str, fn(&World));

/// Names tests by their module and function.
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        pub const TESTS: &[$crate::harness::Test] =
            &[$((concat!(module_path!(), "::", stringify!($name)), $name as fn(&$crate::world::World))),*];
    };
}
pub(crate) use tests;

/// A test that takes longer has failed; one waits for events without a deadline of its own. An emulated machine needs
/// a hundred times as long as a real one.
const DEADLINE_S: u32 = 240;
/// Says in which test a process is.
const ONE: &str = "--one";
/// The exit code of a test that cannot run here.
const IGNORED: i32 = 77;

/// Ends the test as ignored.
#[derive(Debug)]
pub struct Ignore(pub String);

pub fn main(groups: &[&[Test]]) -> ExitCode {
    let tests: Vec<Test> = groups.concat();
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let Some(name) = args.iter().skip_while(|a| *a != ONE).nth(1) {
        let test = tests.iter().find(|t| t.0 == name).expect("named by the harness");
        return ExitCode::from(run_here(test) as u8);
    }
    let filters: Vec<&String> = args.iter().filter(|a| !a.starts_with("--")).collect();
    let chosen: Vec<&Test> = tests
        .iter()
        .filter(|t| filters.is_empty() || filters.iter().any(|f| t.0.contains(f.as_str())))
        .collect();
    if args.iter().any(|a| a == "--list") {
        chosen.iter().for_each(|t| say(format_args!("{}: test", short(t.0))));
        return ExitCode::SUCCESS;
    }
    run_all(&chosen)
}

fn say(line: impl std::fmt::Display) {
    let _ = writeln!(stdout(), "{line}");
}

fn short(name: &str) -> &str {
    name.split_once("::").map_or(name, |(_, rest)| rest)
}

fn run_all(tests: &[&Test]) -> ExitCode {
    let began = Instant::now();
    say(format_args!("\nrunning {} tests", tests.len()));
    let next = AtomicUsize::new(0);
    let failures: Mutex<Vec<&str>> = Mutex::default();
    let ignored = AtomicUsize::new(0);
    let root = geteuid().is_root();
    let worker = || {
        while let Some(test) = tests.get(next.fetch_add(1, Ordering::Relaxed)) {
            let name = short(test.0);
            if !root {
                ignored.fetch_add(1, Ordering::Relaxed);
                say(format_args!("test {name} ... ignored, needs root"));
                continue;
            }
            let began = Instant::now();
            let mut command = Command::new("/proc/self/exe");
            command
                .args([ONE, test.0])
                .env("RUST_BACKTRACE", "0")
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            let child = command.spawn().expect("runs");
            let pid = child.id();
            let output = child.wait_with_output().expect("ends");
            if output.status.code().is_none() {
                World::of(pid, name).clear();
            }
            let text =
                String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
            let took = began.elapsed().as_millis();
            match output.status.code() {
                Some(0) => say(format_args!("test {name} ... ok ({took} ms)")),
                Some(IGNORED) => {
                    ignored.fetch_add(1, Ordering::Relaxed);
                    let said = String::from_utf8_lossy(&output.stdout);
                    let reason = said.lines().last().unwrap_or("no reason");
                    say(format_args!("test {name} ... ignored, {reason}"));
                }
                _ => {
                    // Told at once: whoever runs this may not wait for the end.
                    let status = output.status;
                    say(format_args!("test {name} ... FAILED ({took} ms)\n{text}{status}\n"));
                    failures.lock().expect("no panic holds it").push(name);
                }
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 4);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(worker))));
    let failures = failures.into_inner().expect("no panic holds it");
    if !failures.is_empty() {
        say(format_args!("\nfailures: {}", failures.join(", ")));
    }
    let ignored = ignored.into_inner();
    let passed = tests.len() - failures.len() - ignored;
    let verdict = if failures.is_empty() { "ok" } else { "FAILED" };
    say(format_args!(
        "\ntest result: {verdict}. {passed} passed; {} failed; {ignored} ignored; finished in {:.2?}\n",
        failures.len(),
        began.elapsed()
    ));
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(101) }
}

/// In the test's own process.
fn run_here((name, test): &Test) -> i32 {
    alarm::set(DEADLINE_S);
    let name = short(name);
    let leaks = Leaks::begin();
    let world = World::of(std::process::id(), name);
    let result = catch_unwind(AssertUnwindSafe(|| test(&world)));
    // A test that failed leaves what it was at; only its processes are ended.
    let left = match &result {
        Ok(()) => leaks.check(world),
        Err(_) => {
            world.clear();
            Vec::new()
        }
    };
    left.iter().for_each(|l| say(format_args!("left: {l}")));
    match result {
        Ok(()) if left.is_empty() => 0,
        Ok(()) => 1,
        Err(payload) => match payload.downcast_ref::<Ignore>() {
            Some(Ignore(reason)) => {
                say(reason);
                IGNORED
            }
            None => 101,
        },
    }
}
