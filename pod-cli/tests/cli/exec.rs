//! Programs executed in a container.

use std::process::Stdio;

use crate::host::{Host, end, run, server};

fn shell(host: &Host, script: &str, input: Option<&[u8]>) -> crate::host::Ran {
    let mut command = host.command(["exec", "web", "--", "sh", "-c", script]);
    if input.is_some() {
        command.stdin(Stdio::piped());
    }
    run(&mut command, input.unwrap_or_default())
}

#[test]
fn everything_passes_through() {
    let host = Host::new();
    assert_eq!(host.pod_on("apply", &server()).code, 0);
    let ran = shell(&host, "cat; echo bad >&2; exit 7", Some(b"good\n"));
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (7, "good\n", "bad\n"));
    let nothing = shell(&host, "cat; echo end", None);
    assert_eq!((nothing.code, nothing.out.as_str()), (0, "end\n"));
    let large = vec![b'x'; 3 << 20];
    let ran = shell(&host, "wc -c", Some(&large));
    assert_eq!(ran.out.trim(), large.len().to_string());
    let killed = shell(&host, "kill -9 $$", None);
    assert_eq!(killed.code, 137, "{killed:?}");
    assert_eq!(host.pod("delete web --force").code, 0);
}

#[test]
fn what_a_program_leaves_running_is_not_waited_for() {
    let host = Host::new();
    assert_eq!(host.pod_on("apply", &server()).code, 0);
    let ran = shell(&host, "sleep 1000 & seq 100000 | tail -1", None);
    assert_eq!((ran.code, ran.out.as_str()), (0, "100000\n"));
    assert_eq!(host.pod("delete web --force").code, 0);
}

#[test]
fn a_program_that_cannot_be_executed_has_the_code_of_a_shell() {
    let host = Host::new();
    assert_eq!(host.pod_on("apply", &server()).code, 0);
    for (program, code) in [("no-such-program", 127), ("/etc/passwd", 126)] {
        let ran = host.pod(&format!("exec web -- {program}"));
        assert_eq!(ran.code, code, "{ran:?}");
        assert!(ran.err.starts_with("error: ") && ran.err.contains(program), "{}", ran.err);
    }
    assert_eq!(host.pod("exec web -c other -- ls").code, 4);
    assert_eq!(host.pod("delete web --force").code, 0);
}

#[test]
fn a_reader_that_leaves_ends_the_program() {
    let host = Host::new();
    assert_eq!(host.pod_on("apply", &server()).code, 0);
    let mut child = host
        .command(["exec", "web", "--", "yes"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    drop(child.stdout.take());
    let ran = end(child);
    assert!(ran.code != 0 && !ran.err.contains("error: cannot"), "{ran:?}");
    assert_eq!(host.pod("delete web --force").code, 0);
}
