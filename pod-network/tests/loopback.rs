//! Brings up loopback in namespaces that the tests make themselves. Needs root.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs::{self, File};
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};
use pod_network::{NetworkError, bring_up_loopback};

fn own_namespace() -> PathBuf {
    fs::read_link("/proc/thread-self/ns/net").unwrap()
}

fn new_namespace() -> File {
    thread::spawn(|| {
        unshare(CloneFlags::CLONE_NEWNET).expect("making a network namespace needs root");
        File::open("/proc/thread-self/ns/net").unwrap()
    })
    .join()
    .unwrap()
}

fn inside<T: Send>(namespace: &File, work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        scope
            .spawn(|| {
                nix::sched::setns(namespace, CloneFlags::CLONE_NEWNET).unwrap();
                work()
            })
            .join()
            .unwrap()
    })
}

#[test]
fn loopback_connects_inside_and_the_caller_stays_where_it_was() {
    let before = own_namespace();
    let namespace = new_namespace();
    let error = inside(&namespace, || TcpStream::connect("127.0.0.1:9")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NetworkUnreachable);

    bring_up_loopback(namespace.as_fd()).unwrap();
    bring_up_loopback(namespace.as_fd()).expect("a second time changes nothing");

    inside(&namespace, || {
        assert_ne!(own_namespace(), before);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    });
    assert_eq!(own_namespace(), before);
    // A thread that has been joined, or is the other test's, may be there a moment longer.
    let deadline = Instant::now() + Duration::from_secs(60);
    while !all_threads_are_in(&before) {
        assert!(Instant::now() < deadline, "a thread has stayed elsewhere");
        thread::yield_now();
    }
}

fn all_threads_are_in(namespace: &Path) -> bool {
    let is_elsewhere = |task: fs::DirEntry| {
        fs::read_link(task.path().join("ns/net")).is_ok_and(|found| found != namespace)
    };
    !fs::read_dir("/proc/self/task").unwrap().any(|task| is_elsewhere(task.unwrap()))
}

#[test]
fn what_is_not_a_namespace_is_refused() {
    let file = File::open("/dev/null").unwrap();
    assert!(matches!(bring_up_loopback(file.as_fd()), Err(NetworkError::Enter(_))));
    let other_kind = File::open("/proc/self/ns/mnt").unwrap();
    assert!(matches!(bring_up_loopback(other_kind.as_fd()), Err(NetworkError::Enter(_))));
}
