//! Clients that do what they should not.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use pod_sandbox::{Process, Sandbox};

use crate::harness::tests;
use crate::world::{PROBE, World, id};

tests![
    garbage_is_refused,
    a_client_that_does_not_read_is_dropped,
    a_client_that_floods_holds_nobody_up,
    many_clients_at_once
];

fn connect(w: &World, s: &Sandbox) -> UnixStream {
    let socket = w.dir.join("run").join(s.id().as_str()).join("keeper.sock");
    // The path may be too long for a socket's address.
    std::env::set_current_dir(socket.parent().expect("a directory")).expect("enters");
    let stream = UnixStream::connect("keeper.sock").expect("connects");
    std::env::set_current_dir("/").expect("leaves");
    stream
}

fn message(text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).expect("short");
    [&length.to_le_bytes(), text.as_bytes()].concat()
}

fn still_works(w: &World, s: &Sandbox) {
    assert_eq!(w.exec_sh(s, "c1", "echo on").out, "on\n");
}

fn garbage_is_refused(w: &World) {
    let s = w.sandbox("a");
    w.idle(&s, "c1");
    let bad: [Vec<u8>; 7] = [
        vec![0xff; 64],
        u32::MAX.to_le_bytes().to_vec(),
        message("not json"),
        message("{\"Start\":{\"id\":\"../../etc\"}}"),
        message("{\"Unknown\":{}}"),
        message(""),
        [&message("\"Status\"")[..], &[1, 2, 3, 4, 5]].concat(),
    ];
    for bytes in bad {
        let mut stream = connect(w, &s);
        // It may be dropped before all of it is written.
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        still_works(w, &s);
    }
    // Half a message, and no more.
    let mut half = connect(w, &s);
    half.write_all(&message("\"Status\"")[..5]).expect("writes");
    still_works(w, &s);
    drop(half);
    still_works(w, &s);
}

fn a_client_that_does_not_read_is_dropped(w: &World) {
    let s = w.sandbox("a");
    w.idle(&s, "c1");
    let mut stream = connect(w, &s);
    let request = message("\"Status\"");
    let many: Vec<u8> = request.iter().copied().cycle().take(request.len() * 1000).collect();
    let mut dropped = false;
    for _ in 0..1000 {
        if stream.write_all(&many).is_err() {
            dropped = true;
            break;
        }
    }
    assert!(dropped);
    still_works(w, &s);
}

fn a_client_that_floods_holds_nobody_up(w: &World) {
    let s = w.sandbox("a");
    w.idle(&s, "c1");
    let stop = std::sync::atomic::AtomicBool::new(false);
    let mut stream = connect(w, &s);
    let mut reader = stream.try_clone().expect("a copy");
    std::thread::scope(|scope| {
        // One that reads, so that it is never dropped.
        scope.spawn(|| {
            let mut sink = vec![0; 1 << 16];
            while matches!(reader.read(&mut sink), Ok(n) if n > 0) {}
        });
        scope.spawn(|| {
            let many: Vec<u8> = message("\"Status\"").repeat(5000);
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                if stream.write_all(&many).is_err() {
                    break;
                }
            }
            let _ = stream.shutdown(std::net::Shutdown::Both);
        });
        for _ in 0..5 {
            still_works(w, &s);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    still_works(w, &s);
}

fn many_clients_at_once(w: &World) {
    let s = w.sandbox("a");
    w.idle(&s, "c1");
    let clients: Vec<UnixStream> = (0..400).map(|_| connect(w, &s)).collect();
    drop(clients);
    still_works(w, &s);
    let watches: Vec<_> = (0..50).map(|_| s.watch().expect("watches")).collect();
    let config = w.container(&s, "c2", Process::new([PROBE, "probe", "wait"]));
    w.start(&s, &config).expect("starts");
    s.remove_container(&id("c2")).expect("goes");
    for mut watch in watches {
        while watch.next().expect("follows").containers.len() != 2 {}
    }
}
