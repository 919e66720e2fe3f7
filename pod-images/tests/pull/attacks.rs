//! Registries that do what none should.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::content::{Content, INDEX, noise};
use crate::server::{Reply, Server, serve};
use crate::world::World;

fn content() -> Content {
    let mut content = Content::default();
    content.add_image(Some("1"), &[&[("a", &noise(100_000, 1))]]);
    content
}

/// Sends 100 MB, and counts what was taken of it.
fn flood(status: u16, sent: Arc<AtomicUsize>) -> Reply {
    Reply::raw(move |connection: &mut TcpStream| {
        write!(connection, "HTTP/1.1 {status} X\r\nConnection: close\r\n\r\n")?;
        let part = [b' '; 100_000];
        for _ in 0..1000 {
            connection.write_all(&part)?;
            sent.fetch_add(part.len(), Ordering::SeqCst);
        }
        Ok(())
    })
}

#[test]
fn floods_are_not_swallowed() {
    type Choose = fn(&str) -> Option<u16>;
    let cases: [(&str, Choose, &str); 3] = [
        (
            "manifest",
            |path| path.contains("/manifests/").then_some(200),
            "it is longer than the 4194304 bytes that it may have",
        ),
        ("error", |path| path.contains("/manifests/").then_some(404), "the registry has none"),
        (
            "token",
            |path| path.starts_with("/token").then_some(200),
            "longer than the 1048576 bytes",
        ),
    ];
    for (name, choose, expected) in cases {
        let sent = Arc::new(AtomicUsize::new(0));
        let server = Server::new({
            let sent = Arc::clone(&sent);
            move |request| match choose(&request.path) {
                Some(status) => flood(status, Arc::clone(&sent)),
                None => {
                    let host = &request.headers["host"];
                    let challenge = format!("Bearer realm=\"http://{host}/token\"");
                    Reply::Whole(401, vec![("WWW-Authenticate", challenge)], Vec::new())
                }
            }
        });
        let error = World::new().failure(&server.image("app:1"));
        assert!(error.contains(expected), "{name}: {error}");
        drop(server);
        // What the kernel holds for a connection comes on top of the bound.
        let sent = sent.load(Ordering::SeqCst);
        assert!(sent < 30_000_000, "{name}: {sent} bytes were taken");
    }
}

#[test]
fn content_that_is_not_what_its_digest_says_is_refused() {
    let good = content();
    let digest = crate::content::digest(&good.documents["1"].1);
    let layer = good.blobs.keys().find(|key| good.blobs[*key].len() > 50_000).unwrap().clone();
    let mut other = good.clone();
    for name in ["1", &digest] {
        let (_, text) = other.documents.get_mut(name).unwrap();
        text.push(b' ');
    }
    let server = Server::of(other);
    let image = server.image(&format!("app@{digest}"));
    let error = World::new().failure(&image);
    assert!(error.contains("its digest is sha256:") && error.contains(&digest), "{error}");

    let mut lying = good.clone();
    lying.blobs.get_mut(&layer).unwrap()[500] ^= 1;
    let server = Server::of(lying);
    let world = World::new();
    let error = world.failure(&server.image("app:1"));
    assert!(error.contains(&format!("blob {layer} is in truth sha256:")), "{error}");
    assert_eq!(world.partial(), 0, "nothing of it is kept");
    assert!(world.images().resolve(&server.image("app:1").parse().unwrap()).is_err());

    let server = Server::new(move |request| match serve(&good, request) {
        Reply::Whole(200, mut headers, body) if request.path.contains("/manifests/") => {
            headers[1].1 = format!("sha256:{}", "0".repeat(64));
            Reply::Whole(200, headers, body)
        }
        other => other,
    });
    let error = World::new().failure(&server.image("app:1"));
    assert!(error.contains("its digest is"), "{error}");
}

#[test]
fn blobs_of_another_length_are_refused() {
    let good = content();
    for chunked in [false, true] {
        for change in [-1, 1] {
            let good = good.clone();
            let server = Server::new(move |request| {
                let name = request.path.rsplit('/').next().unwrap();
                let Some(blob) = good.blobs.get(name) else { return serve(&good, request) };
                let mut body = blob.clone();
                body.resize(blob.len().saturating_add_signed(change), 0);
                if !chunked {
                    return Reply::Whole(200, Vec::new(), body);
                }
                Reply::raw(move |connection| {
                    connection.write_all(b"HTTP/1.1 200 X\r\nConnection: close\r\n\r\n")?;
                    connection.write_all(&body)
                })
            });
            let error = World::new().failure(&server.image("app:1"));
            let expected = match (chunked, change) {
                (false, _) => "the blob has another length there than in the manifest",
                (true, 1) => "is longer than the",
                (true, _) => "the answer ended before it was whole",
            };
            assert!(error.contains(expected), "{chunked} {change}: {error}");
        }
    }
}

#[test]
fn an_index_that_holds_itself_ends() {
    // No text can hold its own digest; the registry answers every digest with the same text
    // and another length of spaces, so that it would go on for ever.
    let server = Server::new(|request| {
        if !request.path.contains("/manifests/") {
            return Reply::status(404);
        }
        let entry = json!({
            "mediaType": INDEX, "digest": format!("sha256:{}", "ab".repeat(32)), "size": 300,
            "platform": {"os": "linux", "architecture": crate::content::architecture()},
        });
        let text = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]});
        Reply::Whole(200, vec![("Content-Type", INDEX.to_owned())], text.to_string().into())
    });
    let error = World::new().failure(&server.image("app:1"));
    assert!(error.contains("its digest is"), "{error}");

    // One that is deep.
    let mut content = Content::default();
    let mut inner = content.add_image(None, &[&[("a", b"x")]]);
    for depth in 0..6 {
        inner =
            content.add_index(&format!("d{depth}"), &[(&inner, crate::content::architecture())]);
    }
    let server = Server::of(content);
    assert!(World::new().pull(&server.image("app:d3")).is_ok());
    let error = World::new().failure(&server.image("app:d5"));
    assert!(error.contains("stands in too many others"), "{error}");
}

#[test]
fn silence_is_not_waited_for() {
    for part in ["/manifests/", "/blobs/"] {
        let content = content();
        let server = Server::new(move |request| {
            if !request.path.contains(part) {
                return serve(&content, request);
            }
            Reply::raw(|connection| {
                connection.write_all(b"HTTP/1.1 200 X\r\nContent-Type: x\r\n\r\nab")?;
                // Until the client, or the test, has had enough.
                io::copy(connection, &mut io::sink()).map(drop)
            })
        });
        let mut world = World::new();
        world.options.timing.silence = Duration::from_millis(60);
        world.options.timing.attempts = 2;
        let error = world.failure(&server.image("app:1"));
        assert!(error.contains("the answer did not come within 0.06 s"), "{part}: {error}");
        assert_eq!(server.count(part), 2, "{part}");
    }
}

#[test]
fn a_manifest_in_drops_is_not_waited_for() {
    let server = Server::new(|_| {
        Reply::raw(|connection| {
            connection.write_all(b"HTTP/1.1 200 X\r\nContent-Type: x\r\n\r\n")?;
            connection.set_read_timeout(Some(Duration::from_millis(10)))?;
            loop {
                connection.write_all(b" ")?;
                // The pause; and it ends when the client does.
                match connection.read(&mut [0]) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    _ => return Ok(()),
                }
            }
        })
    });
    let mut world = World::new();
    world.options.timing.silence = Duration::from_millis(50);
    world.options.timing.attempts = 1;
    let error = world.failure(&server.image("app:1"));
    assert!(error.contains("the answer did not come within 0.1 s"), "{error}");
}

#[test]
fn a_redirect_in_circles_ends() {
    let server = Server::new(|request| {
        let place = format!("http://{}{}", request.headers["host"], request.path);
        Reply::Whole(302, vec![("Location", place)], Vec::new())
    });
    let error = World::new().failure(&server.image("app:1"));
    assert!(error.contains("it was redirected from https to http, or too often"), "{error}");
    assert!(server.requests().len() < 30);
}
