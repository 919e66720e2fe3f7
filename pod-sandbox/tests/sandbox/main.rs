//! Sandboxes on the running kernel. Needs root; without it every test is reported as ignored.
//!
//! Each test runs in a process of its own, with a mount and a network namespace as its host, and fails when anything
//! is left after it: see `leaks`.

mod execute;
mod failure;
mod harness;
mod hostile;
mod isolation;
mod leaks;
mod lifecycle;
mod mounts;
mod probe;
mod process;
mod resources;
mod rootfs;
mod terminal;
mod users;
mod world;

fn main() -> std::process::ExitCode {
    pod_sandbox::init_with(failure::FORKED, probe::run_as_companion);
    probe::run_if_asked();
    harness::main(&[
        isolation::TESTS,
        process::TESTS,
        execute::TESTS,
        rootfs::TESTS,
        terminal::TESTS,
        users::TESTS,
        mounts::TESTS,
        resources::TESTS,
        lifecycle::TESTS,
        failure::TESTS,
        hostile::TESTS,
    ])
}
