//! A network for each test, as if it had a machine to itself.

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::process::Command;
use std::thread;

use nix::sched::{CloneFlags, setns, unshare};

/// Gives the calling thread, and what it starts from now on, a network of its own with nothing but loopback.
pub fn own_network() {
    unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace can be made");
    let namespace = File::open("/proc/thread-self/ns/net").expect("it is there");
    pod_network::bring_up_loopback(namespace.as_fd()).expect("loopback comes up");
}

/// Does something in the machine's own network, from which packages can be fetched.
pub fn outside<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            // That of the first thread, which stays where it is.
            let machine = File::open("/proc/self/ns/net").expect("it is there");
            setns(machine, CloneFlags::CLONE_NEWNET).expect("it can be entered");
            work()
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// What is there of the calling thread's network beside loopback: links, and tables of nftables.
pub fn leftovers() -> Vec<String> {
    let links = fs::read_to_string("/proc/thread-self/net/dev").unwrap_or_default();
    let names = links.lines().skip(2).filter_map(|line| line.split(':').next()).map(str::trim);
    let mut found: Vec<String> =
        names.filter(|name| *name != "lo").map(|name| format!("link {name}")).collect();
    let tables = crate::run(Command::new("nft").args(["list", "tables"]));
    found.extend(tables.lines().map(str::to_owned));
    found
}
