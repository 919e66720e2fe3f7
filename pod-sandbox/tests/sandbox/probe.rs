//! What this program does inside a container.

use std::fs;
use std::io::{Read, Write, stdout};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

pub fn print(line: impl std::fmt::Display) {
    let _ = writeln!(stdout(), "{line}");
    let _ = stdout().flush();
}

/// `probe COMMAND…` as arguments; returns when there are none such.
pub fn run_if_asked() {
    let args: Vec<String> = std::env::args().collect();
    if args.get(1).is_some_and(|word| word == "probe") {
        std::process::exit(run_as_companion(&args))
    }
}

/// The same in a process that was not executed with these arguments; returns the exit code.
pub fn run_as_companion(args: &[String]) -> i32 {
    let rest: Vec<&str> = args.iter().skip(2).map(String::as_str).collect();
    match rest.as_slice() {
        ["wait"] => loop {
            nix::unistd::pause();
        },
        ["listen", port] => {
            let listener = TcpListener::bind(format!("127.0.0.1:{port}")).expect("binds");
            print("ready");
            let (mut client, _) = listener.accept().expect("a client");
            client.write_all(b"hello").expect("writes");
        }
        ["connect", port] => {
            let mut text = String::new();
            let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).expect("connects");
            stream.read_to_string(&mut text).expect("reads");
            print(text);
        }
        ["descriptors"] => {
            // The directory that is read is the last.
            let mut found: Vec<u32> = fs::read_dir("/proc/self/fd")
                .expect("fd")
                .filter_map(|e| e.ok()?.file_name().to_str()?.parse().ok())
                .collect();
            found.sort_unstable();
            found.pop();
            print(format_args!("{found:?}"));
        }
        ["eat", mebibytes] => {
            let mut blocks = Vec::new();
            for _ in 0..mebibytes.parse().expect("a number") {
                blocks.push(vec![1u8; 1 << 20]);
            }
            print(blocks.iter().map(Vec::len).sum::<usize>());
        }
        ["lines", count, width] => {
            let width = width.parse().expect("a number");
            let mut out = std::io::BufWriter::new(stdout());
            for n in 0..count.parse::<u64>().expect("a number") {
                let _ = writeln!(out, "{n:0width$}");
            }
        }
        ["companion", pipe] => {
            let generation = std::env::var(pod_sandbox::GENERATION).expect("set");
            let namespace = fs::read_link("/proc/self/ns/mnt").expect("a namespace");
            fs::write(pipe, format!("{generation} {}", namespace.display())).expect("writes");
            std::thread::sleep(Duration::from_secs(60));
        }
        ["panic"] => panic!("as asked"),
        other => print(format_args!("unknown probe {other:?}")),
    }
    0
}
