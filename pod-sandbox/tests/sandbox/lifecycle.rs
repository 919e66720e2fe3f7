//! Sandboxes and containers from making to removal, in every state.

use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use pod_sandbox::{
    ContainerState, Process, RequestError, RootFs, Runtime, SandboxError, SandboxId, SandboxState,
};

use crate::harness::tests;
use crate::world::{PROBE, World, id, sh};

tests![
    states_follow_each_other,
    creates_run_side_by_side,
    a_start_may_be_asked_for_before_the_container_is_there,
    a_container_is_removed_in_every_state,
    a_container_that_exists_is_not_made_again,
    what_does_not_fit_the_state_is_refused,
    removal_is_idempotent,
    a_sandbox_is_removed_while_a_container_is_created,
    a_hundred_sandboxes_leave_nothing,
    a_sandbox_that_exists_is_not_made_again,
    a_sandbox_that_cannot_be_made_leaves_nothing,
    a_sandbox_that_is_given_up_leaves_nothing,
    a_sandbox_is_made_as_it_was_prepared,
    a_long_root_path_is_no_obstacle,
    a_helper_program_can_be_the_keeper,
    a_handle_is_found_again_by_name,
    the_image_of_a_container_is_told_without_its_caller,
    signals_reach_the_first_process,
    a_container_is_stopped_by_its_own_signal,
    standard_input_is_empty_or_stays_open,
    a_created_container_that_is_killed_never_ran,
];

fn states_follow_each_other(w: &World) {
    let s = w.sandbox("a");
    let mut watch = s.watch().expect("watches");
    let config = w.container(&s, "c1", sh("exit 7"));
    s.create_container(&config).expect("creates");
    s.start(&config.id).expect("starts");
    let exit = s.wait(&config.id).expect("ends");
    assert_eq!((exit.code, exit.signal, exit.oom_killed), (7, None, false));
    assert!(exit.started_at.is_some_and(|at| at <= exit.finished_at));
    s.remove_container(&config.id).expect("goes");
    let mut seen: Vec<&str> = Vec::new();
    let mut revision = 0;
    loop {
        let status = watch.next().expect("follows");
        assert!(status.revision >= revision);
        revision = status.revision;
        let Some(container) = status.container(&config.id) else {
            if seen.is_empty() { continue } else { break }
        };
        if seen.last() != Some(&container.state.name()) {
            seen.push(container.state.name());
        }
    }
    assert_eq!(seen, ["being created", "created", "running", "exited"]);
    assert!(w.runtime.journal(s.id()).expect("reads").is_some_and(|j| j.containers.is_empty()));
}

fn creates_run_side_by_side(w: &World) {
    let s = w.sandbox("a");
    let configs =
        ["c1", "c2", "c3"].map(|n| w.container(&s, n, Process::new([PROBE, "probe", "wait"])));
    let mut calls: Vec<_> = configs.iter().map(|c| s.begin_create(c).expect("begins")).collect();
    // All three are on their way before the first is waited for.
    let states: Vec<_> =
        s.status().expect("there").containers.into_iter().map(|c| c.state).collect();
    assert_eq!(states.len(), 3);
    for call in &mut calls {
        while call.try_finish().expect("creates").is_none() {
            let mut fds = [PollFd::new(std::os::fd::AsFd::as_fd(call), PollFlags::POLLIN)];
            poll(&mut fds, PollTimeout::NONE).expect("waits");
        }
    }
    let starts: Vec<_> = configs.iter().map(|c| s.begin_start(&c.id).expect("begins")).collect();
    starts.into_iter().for_each(|call| call.finish().expect("starts"));
    assert!(
        s.status()
            .expect("there")
            .containers
            .iter()
            .all(|c| matches!(c.state, ContainerState::Running { .. }))
    );
}

fn a_start_may_be_asked_for_before_the_container_is_there(w: &World) {
    let s = w.sandbox("a");
    // Too much for the keeper to read it at once.
    let mut process = sh("exit 3");
    process.env = (0..2000).map(|n| format!("VARIABLE{n}=with some value")).collect();
    let config = w.container(&s, "c1", process);
    let (mut call, start) = s.begin_create_to_start(&config).expect("begins");
    start.ask().expect("asks");
    let mut answers = 0;
    while answers < 2 {
        let mut fds = [PollFd::new(std::os::fd::AsFd::as_fd(&call), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::NONE).expect("waits");
        while call.try_finish().expect("is created, and started").is_some() {
            answers += 1;
        }
    }
    assert_eq!(s.wait(&config.id).expect("ends").code, 3);
    s.remove_container(&config.id).expect("goes");

    // One that cannot be created is not started, and goes before its start was heard of.
    let mut broken = w.container(&s, "c2", sh("true"));
    broken.rootfs = RootFs::Directory("/none".into());
    let (call, start) = s.begin_create_to_start(&broken).expect("begins");
    start.ask().expect("asks");
    let error = call.finish().expect_err("fails").to_string();
    assert!(error.contains("c2"), "{error}");
    assert_eq!(s.status().expect("there").containers, []);

    // Asked for twice, it is refused once.
    let config = w.container(&s, "c3", Process::new([PROBE, "probe", "wait"]));
    let (call, start) = s.begin_create_to_start(&config).expect("begins");
    start.ask().expect("asks");
    let refused = s.start(&config.id).expect_err("has been asked for");
    assert!(
        matches!(refused, SandboxError::Request(RequestError::WrongState { .. })),
        "{refused:?}"
    );
    call.finish().expect("creates");
    s.remove_container(&config.id).expect("goes");
}

fn a_container_is_removed_in_every_state(w: &World) {
    for share_pid in [false, true] {
        let s = w.sandbox_with(if share_pid { "b" } else { "a" }, |c| c.share_pid = share_pid);
        let config = w.container(&s, "c1", Process::new([PROBE, "probe", "wait"]));
        let gone = |what: &str| {
            assert_eq!(s.status().expect("there").containers, [], "{what}");
            assert!(!w.layer(&s, "c1").exists(), "{what}");
        };
        let creation = s.begin_create(&config).expect("begins");
        s.remove_container(&config.id).expect("goes while it is created");
        creation
            .finish()
            .err()
            .into_iter()
            .for_each(|e| assert!(e.to_string().contains("c1"), "{e}"));
        gone("creating");
        let (_call, start) = s.begin_create_to_start(&config).expect("begins");
        start.ask().expect("asks");
        s.remove_container(&config.id).expect("goes while it is created, to be started");
        gone("creating, to be started");
        s.create_container(&config).expect("creates");
        s.remove_container(&config.id).expect("goes before it is started");
        gone("created");
        s.create_container(&config).expect("creates");
        let start = s.begin_start(&config.id).expect("begins");
        s.remove_container(&config.id).expect("goes while it is started");
        start.finish().err().into_iter().for_each(|e| assert!(e.to_string().contains("c1"), "{e}"));
        gone("starting");
        w.start(&s, &config).expect("starts");
        s.remove_container(&config.id).expect("goes while it runs");
        gone("running");
        w.run(&s, "c1", "true");
        s.remove_container(&config.id).expect("goes after its end");
        gone("exited");
        assert_eq!(w.run(&s, "c1", "exit 4").exit.code, 4, "the name is free");
    }
}

fn a_container_that_exists_is_not_made_again(w: &World) {
    let s = w.sandbox("a");
    w.idle(&s, "c1");
    let again = s.create_container(&w.container(&s, "c1", sh("true")));
    assert!(matches!(again, Err(SandboxError::Request(RequestError::Exists { .. }))), "{again:?}");
    assert_eq!(w.exec_sh(&s, "c1", "echo on").out, "on\n");
}

fn what_does_not_fit_the_state_is_refused(w: &World) {
    let s = w.sandbox("a");
    let none = id("none");
    for result in [s.start(&none), s.signal(&none, 15), s.wait(&none).map(drop)] {
        assert!(
            matches!(result, Err(SandboxError::Request(RequestError::NotFound { .. }))),
            "{result:?}"
        );
    }
    w.run(&s, "c1", "true");
    for (result, words) in
        [(s.start(&id("c1")), "cannot start it"), (s.signal(&id("c1"), 15), "cannot signal it")]
    {
        let error = result.expect_err("exited").to_string();
        assert!(error.contains("is exited") && error.contains(words), "{error}");
    }
    let running = w.idle(&s, "c2");
    assert!(s.start(&running).expect_err("runs").to_string().contains("is running"));
}

fn removal_is_idempotent(w: &World) {
    let s = w.sandbox("a");
    s.remove_container(&id("none")).expect("nothing to do");
    s.remove().expect("goes");
    assert!(matches!(s.remove(), Err(SandboxError::NotRunning { .. })));
    w.runtime.remove(s.id()).expect("nothing to do");
    assert!(!w.runtime.is_alive(s.id()) && w.runtime.journal(s.id()).expect("reads").is_none());
    w.sandbox("a");
}

fn a_sandbox_is_removed_while_a_container_is_created(w: &World) {
    // At various moments of the creation.
    for n in 0..12 {
        let s = w.sandbox("a");
        let configs =
            ["c1", "c2"].map(|c| w.container(&s, c, Process::new([PROBE, "probe", "wait"])));
        let calls = configs.each_ref().map(|c| s.begin_create(c).expect("begins"));
        let moment = Instant::now() + Duration::from_millis(n * 3);
        while Instant::now() < moment {
            std::hint::spin_loop();
        }
        s.remove().expect("goes");
        for call in calls {
            if let Err(error) = call.finish() {
                assert!(matches!(error, SandboxError::NotRunning { .. }), "{error}");
            }
        }
        assert!(configs.iter().all(|c| !w.layer(&s, c.id.as_str()).exists()));
    }
}

fn a_hundred_sandboxes_leave_nothing(w: &World) {
    for n in 0..100 {
        let s = w.runtime.create(&w.config("a")).expect("a sandbox");
        if n % 10 == 0 {
            w.run(&s, "c1", "true");
        }
        s.remove().expect("goes");
    }
    assert_eq!(w.runtime.list().expect("lists"), []);
}

fn a_sandbox_that_exists_is_not_made_again(w: &World) {
    let s = w.sandbox("a");
    assert!(matches!(w.runtime.create(&w.config("a")), Err(SandboxError::Exists { .. })));
    assert!(matches!(s.status().expect("there").state, SandboxState::Ready { .. }));
    assert_eq!(w.runtime.list().expect("lists"), [s.id().clone()]);
}

fn a_sandbox_that_is_given_up_leaves_nothing(w: &World) {
    let config = w.config("a");
    let preparation = w.runtime.prepare(&config.id).expect("begins");
    // Others find nothing of it.
    assert_eq!(w.runtime.list().expect("lists"), []);
    drop(preparation);
    let other = w.runtime.prepare(&config.id).expect("begins again").create(&w.config("b"));
    assert!(matches!(other, Err(SandboxError::Setup { .. })), "{other:?}");
    assert_eq!(w.runtime.list().expect("lists"), []);
    let late = w.runtime.prepare(&config.id).expect("begins once more");
    let s = w.runtime.create(&config).expect("was not made yet");
    assert!(matches!(late.create(&config), Err(SandboxError::Exists { .. })));
    assert_eq!(w.run(&s, "c1", "exit 3").exit.code, 3);
    s.remove().expect("goes");
    // The keepers come to this process; one that lived would be waited for in vain.
    while nix::sys::wait::waitpid(None, None).is_ok() {}
}

fn a_sandbox_is_made_as_it_was_prepared(w: &World) {
    let mut config = w.config("a");
    let preparation = w.runtime.prepare(&config.id).expect("begins");
    config.hostname = "prepared".to_owned();
    let s = preparation.create(&config).expect("makes");
    assert_eq!(w.run(&s, "c1", "uname -n").out, "prepared\n");
}

fn a_sandbox_that_cannot_be_made_leaves_nothing(w: &World) {
    let mut bad_name = w.config("a");
    bad_name.hostname = "x".repeat(65);
    let mut bad_tmpfs = w.config("b");
    bad_tmpfs.tmpfs.push(pod_sandbox::Tmpfs {
        path: w.dir.join("none"),
        size: None,
        mode: 0o755,
        group: None,
        page_size: None,
    });
    let mut bad_cgroup = w.config("c");
    bad_cgroup.cgroup = "/elsewhere".into();
    let mut host_cgroup = w.config("d");
    host_cgroup.cgroup = "/pod/../x".into();
    let mut no_memory = w.config("e");
    no_memory.resources.pids = Some(0);
    for (config, words) in [
        (bad_name, "pause"),
        (bad_tmpfs, "none"),
        (bad_cgroup, "/elsewhere is not below /pod"),
        (host_cgroup, "is not below /pod"),
    ] {
        let error = w.runtime.create(&config).expect_err("cannot").to_string();
        assert!(error.contains(words), "{error}");
        assert!(error.contains(&format!("cannot make sandbox `{}`: ", config.id)), "{error}");
    }
    let mut good = w.config("a");
    good.hostname = "x".repeat(64);
    w.runtime.create(&good).expect("the name is free");
}

fn a_long_root_path_is_no_obstacle(w: &World) {
    let root = w.dir.join("run").join("long".repeat(30)).join("path".repeat(30));
    let runtime = Runtime::open(&root).expect("opens");
    let s = runtime.create(&w.config("a")).expect("a sandbox");
    assert_eq!(w.run(&s, "c1", "exit 3").exit.code, 3);
    w.idle(&s, "c2");
    assert_eq!(w.exec_sh(&s, "c2", "echo in").out, "in\n");
    runtime.remove(s.id()).expect("goes");
    std::fs::remove_dir_all(w.dir.join("run").join("long".repeat(30))).expect("removes");
}

fn a_helper_program_can_be_the_keeper(w: &World) {
    // Beside the test program in a payload, else where cargo puts it.
    let beside = std::env::current_exe().expect("a path").with_file_name("pod-keeper");
    let helper = if beside.exists() { beside } else { env!("CARGO_BIN_EXE_pod-keeper").into() };
    let runtime = w.runtime.clone().with_helper(helper);
    let s = runtime.create(&w.config("a")).expect("a sandbox");
    assert_eq!(w.run(&s, "c1", "exit 3").exit.code, 3);
    let wrong =
        w.runtime.clone().with_helper("/bin/true").create(&w.config("b")).expect_err("no keeper");
    assert!(wrong.to_string().contains("ended without a word"), "{wrong}");
    let none =
        w.runtime.clone().with_helper("/none").create(&w.config("b")).expect_err("no program");
    assert!(none.to_string().contains("start the keeper"), "{none}");
}

fn a_handle_is_found_again_by_name(w: &World) {
    let s = w.sandbox("a");
    w.idle(&s, "c1");
    drop(s);
    let again = w.runtime.sandbox(&SandboxId::new("a").expect("valid")).expect("lives");
    assert_eq!(w.exec_sh(&again, "c1", "echo on").out, "on\n");
    let none = w.runtime.sandbox(&SandboxId::new("none").expect("valid"));
    assert!(matches!(none, Err(SandboxError::NotRunning { .. })));
}

fn the_image_of_a_container_is_told_without_its_caller(w: &World) {
    let s = w.sandbox("a");
    let mut config = w.container(&s, "c1", Process::new([PROBE, "probe", "wait"]));
    config.image_ref = "registry.example/app@sha256:1".to_owned();
    w.start(&s, &config).expect("starts");
    let told = s.status().expect("there");
    let noted = w.runtime.journal(s.id()).expect("reads").expect("there");
    for status in [told, noted] {
        assert_eq!(status.containers[0].image_ref, config.image_ref);
    }
}

fn signals_reach_the_first_process(w: &World) {
    let s = w.sandbox("a");
    let config = w.container(
        &s,
        "c1",
        sh("trap 'echo got; exit 9' TERM; echo ready; while :; do sleep 1000 & wait; done"),
    );
    w.start(&s, &config).expect("starts");
    // The shell has set its trap when its line is in the log.
    while !std::fs::read_to_string(w.log(&s, "c1")).is_ok_and(|t| t.contains("ready")) {
        std::thread::yield_now();
    }
    s.signal(&config.id, 15).expect("sends");
    assert_eq!(s.wait(&config.id).expect("ends").code, 9);
    // As pid 1 of its namespace, one without a handler does not end on TERM, but always on KILL.
    let other = w.idle(&s, "c2");
    s.signal(&other, 15).expect("sends");
    s.signal(&other, 9).expect("sends");
    assert_eq!(s.wait(&other).expect("ends").signal, Some(9));
    let invalid = s.signal(&w.idle(&s, "c3"), 999).expect_err("no signal").to_string();
    assert!(invalid.contains("signal"), "{invalid}");
}

fn a_container_is_stopped_by_its_own_signal(w: &World) {
    let s = w.sandbox("a");
    let script = "trap 'exit 7' USR1; echo ready; while :; do sleep 1000 & wait; done";
    let mut config = w.container(&s, "c1", sh(script));
    config.stop_signal = nix::libc::SIGUSR1;
    w.start(&s, &config).expect("starts");
    while !std::fs::read_to_string(w.log(&s, "c1")).is_ok_and(|t| t.contains("ready")) {
        std::thread::yield_now();
    }
    s.stop(&config.id).expect("sends");
    assert_eq!(s.wait(&config.id).expect("ends").code, 7);
}

fn standard_input_is_empty_or_stays_open(w: &World) {
    let s = w.sandbox("a");
    let mut config = w.container(&s, "c1", sh("readlink /proc/self/fd/0; cat; echo ended"));
    assert_eq!(w.run_config(&s, &config).out, "/dev/null\nended\n");
    config = w.container(&s, "c2", sh("readlink /proc/self/fd/0; exec cat"));
    config.stdin = true;
    w.start(&s, &config).expect("starts");
    let log = || std::fs::read_to_string(w.log(&s, "c2")).unwrap_or_default();
    while !log().contains("pipe:") {
        std::thread::yield_now();
    }
    s.signal(&config.id, 9).expect("it still reads");
    assert_eq!(s.wait(&config.id).expect("ends").signal, Some(9));
}

fn a_created_container_that_is_killed_never_ran(w: &World) {
    let s = w.sandbox("a");
    let config = w.container(&s, "c1", sh("echo ran"));
    s.create_container(&config).expect("creates");
    s.signal(&config.id, 9).expect("sends");
    let exit = s.wait(&config.id).expect("ends");
    assert_eq!((exit.code, exit.started_at), (137, None));
    assert!(exit.start_error.is_some_and(|e| e.contains("before it was started")));
    assert!(s.start(&config.id).is_err());
    assert_eq!(std::fs::read_to_string(w.log(&s, "c1")).expect("reads"), "");
    s.remove_container(&config.id).expect("goes");
}
