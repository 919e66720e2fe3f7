//! Deaths: of the pause process, the keeper, a container in the making, the companion.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pod_sandbox::{
    Companion, ContainerState, Process, RequestError, Sandbox, SandboxConfig, SandboxError,
    SandboxState,
};

use crate::harness::tests;
use crate::world::{PROBE, World, fifo, id, sh};

tests![
    a_sandbox_whose_pause_is_killed_is_lost,
    a_lost_sandbox_is_made_again,
    containers_die_with_the_keeper,
    containers_that_are_created_die_with_the_keeper,
    a_keeper_killed_at_any_moment_leaves_what_can_be_removed,
    a_container_that_is_killed_before_its_start_has_failed,
    a_container_that_is_killed_in_the_making_is_not_there,
    a_companion_is_started_again_and_the_old_one_is_fenced,
    a_companion_that_ends_well_is_not_started_again,
    a_forked_companion_is_started_again_and_the_old_one_is_fenced,
    a_forked_companion_that_ends_well_is_not_started_again,
    a_forked_companion_that_panics_is_started_again,
    a_companion_that_cannot_start_harms_nothing,
    the_keeper_s_log_tells_of_trouble,
];

fn kill_hard(pid: i32) {
    kill(Pid::from_raw(pid), Signal::SIGKILL).expect("kills");
}

fn children_of(pid: i32) -> Vec<(i32, String)> {
    let entries = fs::read_dir("/proc").expect("proc").flatten();
    let pids = entries.filter_map(|e| e.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(|p| {
        let text = fs::read_to_string(format!("/proc/{p}/status")).ok()?;
        let field = |name: &str| {
            text.lines().find_map(|l| l.strip_prefix(name)).map(|v| v.trim().to_owned())
        };
        (field("PPid:")? == pid.to_string()).then_some((p, field("Name:")?))
    })
    .collect()
}

fn a_sandbox_whose_pause_is_killed_is_lost(w: &World) {
    for share_pid in [false, true] {
        let s = w.sandbox_with(if share_pid { "b" } else { "a" }, |c| c.share_pid = share_pid);
        let first = w.idle(&s, "c1");
        s.create_container(&w.container(&s, "c2", sh("true"))).expect("creates");
        let SandboxState::Ready { pause } = s.status().expect("there").state else {
            panic!("not ready")
        };
        let mut watch = s.watch().expect("watches");
        kill_hard(pause);
        let exit = s.wait(&first).expect("ends");
        assert_eq!(exit.signal, Some(9));
        s.wait(&id("c2")).expect("ends too");
        let lost = |state: &SandboxState| matches!(state, SandboxState::Lost { message } if message.contains("signal 9"));
        while !lost(&watch.next().expect("changes").state) {}
        let refused =
            s.create_container(&w.container(&s, "c3", sh("true"))).expect_err("over").to_string();
        assert!(refused.contains("the sandbox is over"), "{refused}");
        s.remove().expect("goes");
    }
}

fn a_lost_sandbox_is_made_again(w: &World) {
    for share_pid in [false, true] {
        let s = w.sandbox_with(if share_pid { "b" } else { "a" }, |c| {
            c.share_pid = share_pid;
            c.hostname = "held".to_owned();
        });
        let first = w.idle(&s, "c1");
        w.exec_sh(&s, "c1", "echo old >/dev/shm/f");
        s.make_again().expect("changes nothing");
        assert_eq!(s.status().expect("there").attempt, 0);

        for attempt in 1..4 {
            // As long as it is held its number is not given to another one.
            let before = fs::File::from(s.network_namespace().expect("is there"));
            let number = before.metadata().expect("is there").ino();
            lose(&s);
            assert!(s.network_namespace().is_err(), "of another process at best");
            if attempt == 1 {
                s.wait(&first).expect("ends");
                let left = s.make_again().expect_err("is not empty").to_string();
                assert!(left.contains("container `c1` is left in it"), "{left}");
                s.remove_container(&first).expect("goes");
            }
            s.make_again().expect("is made");
            let status = s.status().expect("there");
            assert_eq!(status.attempt, attempt);
            assert!(matches!(status.state, SandboxState::Ready { .. }), "{status:?}");
            s.network_namespace().expect("is there");
            let script =
                "hostname; ls -A /dev/shm; readlink /proc/self/ns/net; echo new >/dev/shm/f";
            let seen = w.run(&s, &format!("again{attempt}"), script);
            let (name, namespace) = seen.out.split_once('\n').expect("two lines");
            assert_eq!(name, "held", "with an empty /dev/shm: {seen:?}");
            assert!(namespace.starts_with("net:["), "{seen:?}");
            assert_ne!(namespace.trim(), format!("net:[{number}]"));
            s.remove_container(&id(&format!("again{attempt}"))).expect("goes");
        }
        s.remove().expect("goes");
    }
}

/// Kills the pause process, and returns when the keeper has noted that.
fn lose(s: &Sandbox) {
    let mut watch = s.watch().expect("watches");
    if let SandboxState::Ready { pause } = watch.next().expect("there").state {
        kill_hard(pause);
    }
    while matches!(watch.next().expect("changes").state, SandboxState::Ready { .. }) {}
}

fn buried(w: &World, s: &Sandbox) {
    assert!(!w.runtime.is_alive(s.id()));
    assert!(matches!(w.runtime.sandbox(s.id()), Err(SandboxError::NotRunning { .. })));
    w.runtime.remove(s.id()).expect("goes");
    assert_eq!(w.runtime.list().expect("lists"), []);
    assert_eq!(fs::read_dir(w.dir.join("layers")).expect("reads").count(), 0);
}

fn containers_die_with_the_keeper(w: &World) {
    for share_pid in [false, true] {
        let s = w.sandbox_with("a", |c| c.share_pid = share_pid);
        w.idle(&s, "c1");
        let mut user = Process::new([PROBE, "probe", "wait"]);
        (user.uid, user.gid) = (1234, 1234);
        w.start(&s, &w.container(&s, "c2", user)).expect("starts");
        let executing = s.exec(&id("c1"), ["sleep", "1000"], false).expect("executes");
        let status = s.status().expect("there");
        kill_hard(status.keeper);
        assert!(matches!(executing.wait(), Err(SandboxError::NotRunning { .. })));
        // All of them come to this process now; one that lived would be waited for in vain.
        while nix::sys::wait::waitpid(None, None).is_ok() {}
        let journal = w.runtime.journal(s.id()).expect("reads").expect("there");
        assert_eq!(journal.containers, status.containers);
        buried(w, &s);
    }
}

fn containers_that_are_created_die_with_the_keeper(w: &World) {
    let s = w.sandbox("a");
    s.create_container(&w.container(&s, "c1", sh("true"))).expect("creates");
    kill_hard(s.status().expect("there").keeper);
    while nix::sys::wait::waitpid(None, None).is_ok() {}
    buried(w, &s);
}

fn a_keeper_killed_at_any_moment_leaves_what_can_be_removed(w: &World) {
    for n in 0..16 {
        let s = w.sandbox("a");
        let keeper = s.status().expect("there").keeper;
        let config = w.container(&s, "c1", Process::new([PROBE, "probe", "wait"]));
        let creation = s.begin_create(&config).expect("begins");
        let moment = std::time::Instant::now() + std::time::Duration::from_millis(n * 2);
        while std::time::Instant::now() < moment {
            std::hint::spin_loop();
        }
        kill_hard(keeper);
        drop(creation);
        while nix::sys::wait::waitpid(None, None).is_ok() {}
        buried(w, &s);
    }
}

fn a_container_that_is_killed_before_its_start_has_failed(w: &World) {
    for share_pid in [false, true] {
        let s = w.sandbox_with(if share_pid { "b" } else { "a" }, |c| c.share_pid = share_pid);
        s.create_container(&w.container(&s, "c1", sh("true"))).expect("creates");
        let status = s.status().expect("there");
        let ContainerState::Created { pid } = status.containers[0].state else {
            panic!("{status:?}")
        };
        kill_hard(pid);
        let exit = s.wait(&id("c1")).expect("ends");
        assert_eq!((exit.code, exit.started_at), (137, None), "{exit:?}");
        assert!(exit.start_error.is_some());
        s.remove_container(&id("c1")).expect("goes");
        assert_eq!(w.run(&s, "c1", "exit 2").exit.code, 2);
    }
}

fn a_container_that_is_killed_in_the_making_is_not_there(w: &World) {
    let s = w.sandbox("a");
    let keeper = s.status().expect("there").keeper;
    let (mut killed, mut made) = (0, 0);
    while killed == 0 {
        let creation = s.begin_create(&w.container(&s, "c1", sh("true"))).expect("begins");
        let found = loop {
            let mut children = children_of(keeper).into_iter();
            if let Some((pid, _)) = children.find(|(_, name)| name == "pod-container") {
                break pid;
            }
        };
        kill_hard(found);
        match creation.finish() {
            Ok(()) => {
                made += 1;
                assert!(made < 1000, "never killed in time");
                assert!(s.wait(&id("c1")).expect("ends").start_error.is_some());
                s.remove_container(&id("c1")).expect("goes");
            }
            Err(SandboxError::Request(RequestError::Create { message, .. })) => {
                killed += 1;
                assert!(message.contains("killed"), "{message}");
                assert_eq!(s.status().expect("there").containers, []);
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(w.run(&s, "c1", "exit 2").exit.code, 2);
}

/// The name of a companion that the keeper forks; all others it executes.
pub const FORKED: &str = "forked-companion";
const EXECUTED: &str = "companion";

fn companion(w: &World, name: &str, args: &[&str]) -> impl FnOnce(&mut SandboxConfig) {
    let program = fs::read_link("/proc/self/exe").expect("a link");
    let argv = [name].iter().chain(args).map(|a| (*a).to_owned()).collect();
    let log = w.dir.join("logs/companion.log");
    let env = BTreeMap::from([("A".to_owned(), "b".to_owned())]);
    move |c| c.companion = Some(Companion { program, argv, env, log })
}

fn a_companion_is_started_again_and_the_old_one_is_fenced(w: &World) {
    started_again_and_fenced(w, EXECUTED);
}

fn a_forked_companion_is_started_again_and_the_old_one_is_fenced(w: &World) {
    started_again_and_fenced(w, FORKED);
}

fn started_again_and_fenced(w: &World, name: &str) {
    let pipe = w.dir.join("shared/pipe");
    fifo(&pipe);
    let args = ["probe", "companion", pipe.to_str().expect("UTF-8")];
    let s = w.sandbox_with("a", companion(w, name, &args));
    // It is on the host in every generation, whatever its keeper has mounted for itself.
    let host = fs::read_link("/proc/self/ns/mnt").expect("a link");
    assert_eq!(fs::read_to_string(&pipe).expect("reads"), format!("1 {}", host.display()));
    let status = s.status().expect("there");
    assert_eq!(status.generation, 1);
    let first = s.clone().as_companion(1);
    first.create_container(&w.container(&s, "c1", sh("true"))).expect("in charge");
    kill_hard(status.companion.expect("runs"));
    assert_eq!(fs::read_to_string(&pipe).expect("reads"), format!("2 {}", host.display()));
    let refused = first.start(&id("c1"));
    assert!(
        matches!(
            refused,
            Err(SandboxError::Request(RequestError::Fenced { generation: 1, current: 2 }))
        ),
        "{refused:?}"
    );
    assert!(first.status().is_ok(), "it may look");
    s.clone().as_companion(2).start(&id("c1")).expect("in charge");
    let status = s.status().expect("there");
    let pid = status.companion.expect("runs");
    let cgroup = fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("reads");
    assert!(cgroup.contains("/pod/keepers") && !cgroup.contains(w.tag()), "{cgroup}");
    let shown = fs::read_to_string(format!("/proc/{pid}/cmdline")).expect("reads");
    assert!(shown.starts_with(&format!("{name}\0probe\0companion\0")), "{shown:?}");
    let comm = fs::read_to_string(format!("/proc/{pid}/comm")).expect("reads");
    assert_ne!(comm.trim_end(), "pod-keeper");
    // With the keeper dead, removal ends it.
    kill_hard(status.keeper);
    let journal = || w.runtime.journal(s.id()).expect("reads").expect("there");
    assert_eq!(journal().companion, Some(pid));
    w.runtime.remove(s.id()).expect("goes");
}

fn a_companion_that_ends_well_is_not_started_again(w: &World) {
    ends_well(w, EXECUTED);
}

fn a_forked_companion_that_ends_well_is_not_started_again(w: &World) {
    ends_well(w, FORKED);
}

fn a_forked_companion_that_panics_is_started_again(w: &World) {
    let s = w.sandbox_with("a", companion(w, FORKED, &["probe", "panic"]));
    let mut watch = s.watch().expect("watches");
    while watch.next().expect("changes").generation < 2 {}
    let log = fs::read_to_string(w.dir.join("logs/companion.log")).expect("reads");
    assert!(log.contains("as asked"), "{log}");
    assert_eq!(w.run(&s, "c1", "exit 2").exit.code, 2);
}

fn ends_well(w: &World, name: &str) {
    let s = w.sandbox_with("a", companion(w, name, &["probe", "descriptors"]));
    let mut watch = s.watch().expect("watches");
    while watch.next().expect("changes").companion.is_some() {}
    let log = fs::read_to_string(w.dir.join("logs/companion.log")).expect("reads");
    assert_eq!(log, "[0, 1, 2]\n");
    assert_eq!(s.status().expect("there").generation, 1);
}

fn a_companion_that_cannot_start_harms_nothing(w: &World) {
    let s = w.sandbox_with("a", |c| {
        let none = Path::new("/none").to_owned();
        let log = w.dir.join("logs/companion.log");
        c.companion =
            Some(Companion { program: none, argv: vec!["x".into()], env: BTreeMap::new(), log });
    });
    assert_eq!(w.run(&s, "c1", "exit 2").exit.code, 2);
    let mut watch = s.watch().expect("watches");
    while watch.next().expect("changes").generation < 2 {}
    let mut log = String::new();
    let mut file = s.keeper_log().expect("there");
    std::io::Read::read_to_string(&mut file, &mut log).expect("reads");
    assert!(log.contains("cannot start the companion") && log.contains("/none"), "{log}");
}

fn the_keeper_s_log_tells_of_trouble(w: &World) {
    let s = w.sandbox("a");
    let SandboxState::Ready { pause } = s.status().expect("there").state else {
        panic!("not ready")
    };
    kill_hard(pause);
    let mut watch = s.watch().expect("watches");
    while matches!(watch.next().expect("changes").state, SandboxState::Ready { .. }) {}
    let mut log = String::new();
    std::io::Read::read_to_string(&mut s.keeper_log().expect("there"), &mut log).expect("reads");
    let line = log
        .lines()
        .find(|l| l.contains("the pause process was ended by signal 9"))
        .expect("a line");
    assert!(line.contains(" WARN "), "{line}");
}
