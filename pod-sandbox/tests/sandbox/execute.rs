//! Programs executed in running containers, and programs that cannot be executed.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use pod_sandbox::{ContainerState, Mount, Process, RequestError, SandboxError};

use crate::harness::tests;
use crate::world::{World, id, read, sh};

tests![
    an_executed_process_gets_exactly_what_the_first_one_has,
    its_output_and_code_come_back,
    its_input_goes_in_and_ends,
    it_goes_on_when_nobody_listens,
    a_signal_that_ends_it_is_told,
    it_ends_with_its_container,
    what_cannot_be_executed_says_why,
    a_first_process_that_cannot_be_executed_is_a_start_error,
    only_a_running_container_takes_one,
    many_at_once,
];

/// What a process can tell about itself, without what differs by nature.
const SELF: &str = "grep -vE '^(State|Pid|PPid|NSpid|Tgid|Ngid|NStgid|NSpgid|NSsid|Vm|Rss|Hugetlb|.*ctxt|Cpus_|Mems_|SigQ|FDSize|THP|Core|Untag|Speculation|SigCgt|SigBlk|x86)' \
    /proc/$$/status; cat /proc/$$/limits /proc/$$/cgroup /proc/$$/oom_score_adj; readlink /proc/$$/ns/* /proc/$$/root /proc/$$/cwd; \
    env | sort; umask; id; ulimit -a; cat /proc/$$/mountinfo";

fn an_executed_process_gets_exactly_what_the_first_one_has(w: &World) {
    for (name, share_pid, uid) in [("a", false, 0), ("b", true, 1234)] {
        let s = w.sandbox_with(name, |c| c.share_pid = share_pid);
        let pipe = w.dir.join("shared").join(name);
        crate::world::fifo(&pipe);
        let mut process = sh(&format!("{{ {SELF}; }} >/data/{name} 2>&1; exec sleep 1000"));
        (process.uid, process.gid, process.groups) = (uid, uid, vec![5]);
        process.no_new_privileges = share_pid;
        process.oom_score_adj = 500;
        process.cwd = "/var".into();
        process.env.push("X=y".into());
        let mut config = w.container(&s, "c1", process);
        config.mounts.push(Mount {
            source: w.dir.join("shared"),
            destination: "/data".into(),
            readonly: false,
            ..Mount::default()
        });
        w.start(&s, &config).expect("starts");
        let first = fs::read_to_string(&pipe).expect("reads");
        let executed = w.exec_sh(&s, "c1", &format!("{{ {SELF}; }} 2>&1")).out;
        assert!(first.lines().count() > 60, "{first}");
        for (a, b) in first.lines().zip(executed.lines()) {
            assert_eq!(a, b);
        }
        assert_eq!(first.lines().count(), executed.lines().count());
    }
}

fn its_output_and_code_come_back(w: &World) {
    let s = w.sandbox("a");
    w.idle(&s, "c1");
    let done = w.exec_sh(&s, "c1", "echo out; echo err >&2; exit 3");
    assert_eq!((done.out.as_str(), done.err.as_str(), done.exit.code), ("out\n", "err\n", 3));
    assert!(done.exit.started_at.is_some() && done.exit.signal.is_none());
    // More than a pipe holds.
    assert_eq!(w.exec_sh(&s, "c1", "head -c 1000000 /dev/zero | tr '\\0' x").out.len(), 1_000_000);
}

fn its_input_goes_in_and_ends(w: &World) {
    let s = w.sandbox("a");
    w.idle(&s, "c1");
    let mut executing = s.exec(&id("c1"), ["sh", "-c", "cat; echo end"], true).expect("executes");
    let mut input = fs::File::from(executing.stdin.take().expect("asked for"));
    input.write_all(b"given\n").expect("writes");
    drop(input);
    assert_eq!(read(&mut executing.stdout), "given\nend\n");
    assert_eq!(executing.wait().expect("ends").code, 0);
    // Without one it reads nothing, and does not wait.
    assert_eq!(w.exec_sh(&s, "c1", "cat; echo end").out, "end\n");
}

fn it_goes_on_when_nobody_listens(w: &World) {
    let s = w.sandbox("a");
    let pipe = w.dir.join("shared/pipe");
    crate::world::fifo(&pipe);
    let mut config = w.container(&s, "c1", Process::new(["sleep", "1000"]));
    config.mounts.push(Mount {
        source: w.dir.join("shared"),
        destination: "/data".into(),
        readonly: false,
        ..Mount::default()
    });
    w.start(&s, &config).expect("starts");
    drop(
        s.exec(&id("c1"), ["sh", "-c", "trap '' PIPE; echo lost; echo done >/data/pipe"], false)
            .expect("executes"),
    );
    assert_eq!(fs::read_to_string(&pipe).expect("reads"), "done\n");
    assert_eq!(w.exec_sh(&s, "c1", "echo on").out, "on\n");
}

fn a_signal_that_ends_it_is_told(w: &World) {
    let s = w.sandbox("a");
    w.idle(&s, "c1");
    let exit = w.exec_sh(&s, "c1", "kill -USR1 $$").exit;
    assert_eq!((exit.code, exit.signal), (128 + 10, Some(10)));
}

fn it_ends_with_its_container(w: &World) {
    for (name, share_pid) in [("a", false), ("b", true)] {
        let s = w.sandbox_with(name, |c| c.share_pid = share_pid);
        let first = w.idle(&s, "c1");
        let executing = s.exec(&first, ["sleep", "1000"], false).expect("executes");
        s.signal(&first, 9).expect("sends");
        let exit = executing.wait().expect("ends");
        assert_eq!((exit.code, exit.signal), (137, Some(9)), "shared: {share_pid}");
    }
}

/// A command and the code and words of its error.
fn bad_commands(w: &World) -> Vec<(&'static str, i32, &'static str)> {
    let dir = w.dir.join("shared");
    for (name, text, mode) in
        [("plain", "text", 0o644), ("script", "echo x", 0o755), ("bang", "#!/none\n", 0o755)]
    {
        fs::write(dir.join(name), text).expect("writes");
        fs::set_permissions(dir.join(name), fs::Permissions::from_mode(mode)).expect("sets");
    }
    vec![
        ("no-such-program", 127, "executable file `no-such-program` not found in $PATH"),
        ("/no/such/program", 127, "`/no/such/program`: no such file"),
        ("/data/plain", 126, "permission denied"),
        ("/data/script", 126, "exec format error"),
        ("/data/bang", 127, "its interpreter is missing"),
        ("/data", 126, "permission denied"),
        ("", 127, "no command"),
    ]
}

fn what_cannot_be_executed_says_why(w: &World) {
    let s = w.sandbox("a");
    let mut config = w.container(&s, "c1", Process::new(["sleep", "1000"]));
    config.mounts.push(Mount {
        source: w.dir.join("shared"),
        destination: "/data".into(),
        readonly: true,
        ..Mount::default()
    });
    w.start(&s, &config).expect("starts");
    for (program, expected, words) in bad_commands(w) {
        match s.exec(&id("c1"), [program], false) {
            Err(SandboxError::Request(RequestError::Exec { message, code, .. })) => {
                assert!(code == expected && message.contains(words), "{program}: {code} {message}");
            }
            other => panic!("{program}: {other:?}"),
        }
    }
}

fn a_first_process_that_cannot_be_executed_is_a_start_error(w: &World) {
    let s = w.sandbox_with("a", |c| c.share_pid = true);
    for (n, (program, expected, words)) in bad_commands(w).into_iter().enumerate() {
        let mut config = w.container(&s, &format!("c{n}"), Process::new([program]));
        config.mounts.push(Mount {
            source: w.dir.join("shared"),
            destination: "/data".into(),
            readonly: true,
            ..Mount::default()
        });
        s.create_container(&config).expect("creates");
        match s.start(&config.id) {
            Err(SandboxError::Request(RequestError::Start { message, .. })) => {
                assert!(message.contains(words), "{program}: {message}");
            }
            other => panic!("{program}: {other:?}"),
        }
        let exit = s.wait(&config.id).expect("exited");
        assert_eq!(exit.code, expected, "{program}");
        assert!(exit.start_error.is_some_and(|e| e.contains(words)) && exit.started_at.is_none());
        s.remove_container(&config.id).expect("goes");
    }
}

fn only_a_running_container_takes_one(w: &World) {
    let s = w.sandbox("a");
    let config = w.container(&s, "c1", sh("true"));
    let refusal = |state: &str| match s.exec(&id("c1"), ["true"], false) {
        Err(SandboxError::Request(e)) => assert!(e.to_string().contains(state), "{e}"),
        other => panic!("{other:?}"),
    };
    refusal("there is no container");
    s.create_container(&config).expect("creates");
    refusal("is created, cannot execute in it");
    s.start(&config.id).expect("starts");
    s.wait(&config.id).expect("ends");
    refusal("is exited, cannot execute in it");
}

fn many_at_once(w: &World) {
    let s = w.sandbox("a");
    w.idle(&s, "c1");
    let all: Vec<_> = (0..20)
        .map(|n| s.exec(&id("c1"), ["sh".to_owned(), "-c".into(), format!("exit {n}")], false))
        .collect();
    for (n, executing) in all.into_iter().enumerate() {
        assert_eq!(executing.expect("executes").wait().expect("ends").code, n as i32);
    }
    assert!(matches!(
        s.status().expect("there").containers[0].state,
        ContainerState::Running { .. }
    ));
}
