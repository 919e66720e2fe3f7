//! Registries that fail and come back, and connections that break.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::content::{Content, noise};
use crate::server::{Reply, Server, offset, serve};
use crate::world::{World, file_of};

const SIZE: usize = 400_000;

fn content() -> (Content, String) {
    let mut content = Content::default();
    let made = content.add_image(Some("1"), &[&[("a", &noise(SIZE, 7))]]);
    (content, made.layers[0].clone())
}

/// A server that answers the first requests in another way.
fn failing_first(times: usize, fail: impl Fn() -> Reply + Send + Sync + 'static) -> Server {
    let (content, _) = content();
    let count = AtomicUsize::new(0);
    Server::new(move |request| {
        if count.fetch_add(1, Ordering::SeqCst) < times { fail() } else { serve(&content, request) }
    })
}

#[test]
fn what_may_pass_is_tried_again_and_what_does_not_is_not() {
    let busy = || Reply::Whole(429, vec![("Retry-After", "0".to_owned())], Vec::new());
    type Fail = Box<dyn Fn() -> Reply + Send + Sync>;
    let cases: [(&str, usize, Fail, usize); 4] = [
        ("503", 4, Box::new(|| Reply::status(503)), 5),
        ("429", 4, Box::new(busy), 5),
        ("reset", 1, Box::new(|| Reply::raw(|_| Ok(()))), 2),
        ("none", 0, Box::new(|| Reply::status(500)), 1),
    ];
    for (name, times, fail, asked) in cases {
        let server = failing_first(times, fail);
        assert!(World::new().pull(&server.image("app:1")).is_ok(), "{name}");
        assert_eq!(server.count("/manifests/"), asked, "{name}");
    }
    for (status, asked) in [(404, 1), (400, 1), (403, 1), (500, 5), (502, 5)] {
        let server = failing_first(99, move || Reply::status(status));
        assert!(World::new().pull(&server.image("app:1")).is_err());
        assert_eq!(server.count("/manifests/"), asked, "{status}");
    }
}

#[test]
fn a_registry_says_how_long_it_wants_to_be_left_alone() {
    let after = |seconds: &'static str| {
        move || Reply::Whole(429, vec![("Retry-After", seconds.to_owned())], Vec::new())
    };
    let server = failing_first(1, after("1"));
    let start = Instant::now();
    assert!(World::new().pull(&server.image("app:1")).is_ok());
    assert!(start.elapsed() >= Duration::from_secs(1));

    let server = failing_first(1, after("3600"));
    let error = World::new().failure(&server.image("app:1"));
    assert!(error.contains("it was asked too often; again in 3600 s"), "{error}");
}

/// A server whose connections break after `piece` bytes of a blob.
fn breaking(piece: usize, ranges: bool) -> (Server, String) {
    let (content, layer) = content();
    let server = Server::new(move |request| {
        if !request.path.contains("/blobs/") {
            return serve(&content, request);
        }
        let blob = &content.blobs[request.path.rsplit('/').next().unwrap()];
        let start = if ranges { offset(request) } else { 0 };
        let total = blob.len();
        let rest = blob[start..].to_vec();
        Reply::raw(move |connection| {
            let (status, range) = match start {
                0 => (200, String::new()),
                _ => (206, format!("Content-Range: bytes {start}-{}/{total}\r\n", total - 1)),
            };
            let length = rest.len();
            write!(connection, "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n{range}\r\n")?;
            connection.write_all(&rest[..piece.min(rest.len())])
        })
    });
    (server, layer)
}

#[test]
fn a_connection_that_breaks_is_gone_on_with() {
    let (server, layer) = breaking(30_000, true);
    let world = World::new();
    let image = world.pull(&server.image("app:1")).unwrap();
    assert!(file_of(&image, "a").unwrap() == noise(SIZE, 7));
    let starts: Vec<_> =
        server.requests().iter().filter(|r| r.path.contains(&layer)).map(offset).collect();
    assert!(starts.len() > 10 && starts.is_sorted(), "{starts:?}");
}

#[test]
fn a_server_without_ranges_is_asked_from_the_start_and_given_up_in_the_end() {
    let (server, layer) = breaking(30_000, false);
    let error = World::new().failure(&server.image("app:1"));
    assert!(error.contains("the connection broke"), "{error}");
    // The first brought something, and the others nothing more.
    assert_eq!(server.count(&layer), 5);

    // One that breaks once only.
    let (content, layer) = content();
    let broken = AtomicUsize::new(0);
    let server = Server::new(move |request| match serve(&content, request) {
        Reply::Whole(_, _, body) if request.path.contains(&layer) => {
            let whole = content.blobs[&layer].clone();
            if broken.fetch_add(1, Ordering::SeqCst) > 0 {
                return Reply::Whole(200, Vec::new(), whole);
            }
            Reply::raw(move |connection| {
                write!(connection, "HTTP/1.1 200 X\r\nContent-Length: {}\r\n\r\n", body.len())?;
                connection.write_all(&body[..1000])
            })
        }
        other => other,
    });
    let world = World::new();
    let image = world.pull(&server.image("app:1")).unwrap();
    assert!(file_of(&image, "a").unwrap() == noise(SIZE, 7));
}

#[test]
fn a_part_that_was_not_asked_for_is_refused() {
    let (content, layer) = content();
    let first = AtomicUsize::new(0);
    let server = Server::new(move |request| {
        if request.path.contains(&layer) {
            let blob = content.blobs[&layer].clone();
            if first.fetch_add(1, Ordering::SeqCst) == 0 {
                return Reply::raw(move |connection| {
                    write!(connection, "HTTP/1.1 200 X\r\nContent-Length: {}\r\n\r\n", blob.len())?;
                    connection.write_all(&blob[..1000])
                });
            }
            let range = format!("bytes 7-{}/{}", blob.len() - 1, blob.len());
            return Reply::Whole(206, vec![("Content-Range", range)], blob[7..].to_vec());
        }
        serve(&content, request)
    });
    let error = World::new().failure(&server.image("app:1"));
    assert!(error.contains("another part of the blob than asked for"), "{error}");
}

#[test]
fn a_part_of_something_else_is_thrown_away() {
    let (content, layer) = content();
    let server = Server::of(content);
    let world = World::new();
    let ingest = world.path("store/ingest");
    std::fs::create_dir_all(&ingest).unwrap();
    std::fs::write(ingest.join(layer.replace(':', "-")), vec![7; 5000]).unwrap();
    let image = world.pull(&server.image("app:1")).unwrap();
    assert!(file_of(&image, "a").unwrap() == noise(SIZE, 7));
    assert_eq!(server.count(&layer), 2, "once to go on, once from the start");
}

#[test]
fn pulls_at_the_same_time_fetch_once() {
    let (content, layer) = content();
    let server = Arc::new(Server::of(content));
    let world = Arc::new(World::new());
    let pulls: Vec<_> = (0..4)
        .map(|_| {
            let (server, world) = (Arc::clone(&server), Arc::clone(&world));
            std::thread::spawn(move || world.pull(&server.image("app:1")).unwrap())
        })
        .collect();
    let images: Vec<_> = pulls.into_iter().map(|pull| pull.join().unwrap()).collect();
    assert!(images.iter().all(|image| *image == images[0]));
    assert_eq!(server.count(&layer), 1);
}
