//! Pulls that are killed, and the next ones, which go on with what is there.

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};
use std::{env, fs};

use pod_images::LayerState;

use crate::content::{Content, noise};
use crate::server::{Reply, Server, offset, serve};
use crate::world::{World, block_on, file_of, images, options, partial};

const SIZE: usize = 2_000_000;
const STEPS: usize = 10;
const DEADLINE: Duration = Duration::from_secs(60);

/// Lets bytes of a blob through up to a mark that the test moves.
#[derive(Default)]
struct Gate {
    open: Mutex<usize>,
    moved: Condvar,
}

impl Gate {
    fn open_to(&self, mark: usize) {
        *self.open.lock().unwrap() = mark;
        self.moved.notify_all();
    }

    /// Waits until more than `sent` bytes may be sent; all of them may when a test has failed and nobody opens it any more.
    fn wait(&self, sent: usize) -> usize {
        let open = self.open.lock().unwrap();
        let (open, waited) =
            self.moved.wait_timeout_while(open, 2 * DEADLINE, |open| *open <= sent).unwrap();
        if waited.timed_out() { usize::MAX } else { *open }
    }
}

/// A registry whose one layer comes through `gate`.
fn gated(gate: &Arc<Gate>) -> (Server, String) {
    let mut content = Content::default();
    let made = content.add_image(Some("1"), &[&[("a", &noise(SIZE, 3))]]);
    let (layer, gate) = (made.layers[0].clone(), Arc::clone(gate));
    let server = Server::new({
        let layer = layer.clone();
        move |request| {
            if !request.path.contains(&layer) {
                return serve(&content, request);
            }
            let (blob, start) = (content.blobs[&layer].clone(), offset(request));
            let gate = Arc::clone(&gate);
            Reply::raw(move |connection| {
                let total = blob.len();
                let (status, length) = (if start > 0 { 206 } else { 200 }, total - start);
                write!(
                    connection,
                    "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\
                     Content-Range: bytes {start}-{}/{total}\r\n\r\n",
                    total - 1
                )?;
                let mut sent = start;
                while sent < total {
                    let end = gate.wait(sent).min(total);
                    connection.write_all(&blob[sent..end])?;
                    sent = end;
                }
                Ok(())
            })
        }
    });
    (server, layer)
}

/// Looks again and again, with a deadline.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < DEADLINE, "{what}: not within {DEADLINE:?}");
        std::thread::yield_now();
    }
}

/// What the child of the test below does; by itself it does nothing.
#[test]
fn a_pull_in_a_child() {
    let (Some(dir), Ok(image)) = (env::var_os("PULL_DIR"), env::var("PULL_IMAGE")) else { return };
    let dir = PathBuf::from(dir);
    let images = images(&dir.join("store"));
    block_on(images.pull(&image.parse().unwrap(), &options(&dir))).unwrap();
}

/// A process that pulls as `world` does, with an environment that can be another.
pub fn pull_in_a_child(world: &World, image: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "resume::a_pull_in_a_child"])
        .env("PULL_DIR", world.path(""))
        .env("PULL_IMAGE", image)
        .stdout(Stdio::null());
    command
}

#[test]
fn two_processes_fetch_once() {
    let gate = Arc::new(Gate::default());
    let (server, layer) = gated(&gate);
    let world = World::new();
    let image = server.image("app:1");
    let children: Vec<_> =
        (0..2).map(|_| pull_in_a_child(&world, &image).spawn().unwrap()).collect();
    // Both have begun: each asks for the manifest itself, and one of them for the layer.
    until("both children", || server.count("/manifests/") == 2 && server.count(&layer) == 1);
    gate.open_to(usize::MAX);
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(server.count(&layer), 1);
    let pulled = world.pull(&image).unwrap();
    assert!(file_of(&pulled, "a").unwrap() == noise(SIZE, 3));
}

/// The machine's proxy is named by the environment, which only a new process can have another of.
#[test]
fn a_proxy_is_asked_when_the_environment_names_one() {
    let mut content = Content::default();
    content.add_image(Some("1"), &[&[("a", b"x")]]);
    let proxy = Server::of(content);
    let world = World::new();
    let registry = "[[registry]]\nlocation = 'registry.test'\ninsecure = true\n";
    world.set("containers/registries.conf", registry);
    let image = "registry.test/app:1";
    let child = pull_in_a_child(&world, image)
        .env("http_proxy", format!("http://{}", proxy.address))
        .env("HTTPS_PROXY", format!("http://{}", proxy.address))
        .spawn();
    assert!(child.unwrap().wait().unwrap().success());
    let methods: Vec<_> = proxy.requests().into_iter().map(|r| (r.method, r.path)).collect();
    assert_eq!(methods[0], ("CONNECT".to_owned(), "registry.test:443".to_owned()));
    let manifest = "http://registry.test/v2/app/manifests/1".to_owned();
    assert_eq!(methods[1], ("GET".to_owned(), manifest));
}

#[test]
fn a_killed_pull_is_gone_on_with() {
    let gate = Arc::new(Gate::default());
    let (server, layer) = gated(&gate);
    let world = World::new();
    let (store, image) = (world.path("store"), server.image("app:1"));
    for step in 1..=STEPS {
        let mark = SIZE * step / (STEPS + 1);
        gate.open_to(mark);
        let mut child = pull_in_a_child(&world, &image).spawn().unwrap();
        let wanted = mark as u64;
        until("the partial blob", || partial(&store) >= wanted);
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        assert!(partial(&store) >= wanted, "what was fetched is there");
        let reference = image.parse().unwrap();
        assert_eq!(world.images().progress(&reference).unwrap(), None, "nobody pulls");
    }
    gate.open_to(usize::MAX);
    let pulled = world.pull(&image).unwrap();
    assert!(file_of(&pulled, "a").unwrap() == noise(SIZE, 3));
    let starts: Vec<_> =
        server.requests().iter().filter(|r| r.path.contains(&layer)).map(offset).collect();
    assert_eq!(starts.len(), STEPS + 1);
    assert!(starts.is_sorted(), "{starts:?}");
    for (step, start) in starts.iter().enumerate() {
        assert!(*start >= SIZE * step / (STEPS + 1), "nothing is fetched twice: {starts:?}");
    }
    for dir in ["ingest", "tmp"] {
        let left: Vec<_> = fs::read_dir(store.join(dir)).unwrap().collect();
        assert!(left.is_empty(), "{dir}: {left:?}");
    }
}

#[test]
fn anybody_sees_how_far_a_pull_is() {
    let gate = Arc::new(Gate::default());
    let (server, layer) = gated(&gate);
    let world = Arc::new(World::new());
    let image = server.image("app:1");
    let reference = image.parse().unwrap();
    assert_eq!(world.images().progress(&reference).unwrap(), None);
    assert!(!world.path("store").exists(), "to look makes nothing");
    let pulls: Vec<_> = (0..2)
        .map(|_| {
            let (world, image) = (Arc::clone(&world), image.clone());
            std::thread::spawn(move || world.pull(&image).unwrap())
        })
        .collect();
    for mark in [SIZE / 4, SIZE / 2] {
        gate.open_to(mark);
        until("the progress", || {
            let Some(progress) = world.images().progress(&reference).unwrap() else { return false };
            let [seen] = &progress.layers[..] else { return false };
            assert_eq!(seen.digest.as_str(), layer);
            // The pull that tells may be the one that waits for the other.
            seen.state == LayerState::Waiting
                || (mark / 2..=SIZE).contains(&(seen.fetched as usize))
        });
    }
    gate.open_to(usize::MAX);
    for pull in pulls {
        pull.join().unwrap();
    }
    assert_eq!(world.images().progress(&reference).unwrap(), None);
    assert_eq!(server.count(&layer), 1);
}

#[test]
fn a_pull_that_nobody_waits_for_stops() {
    let gate = Arc::new(Gate::default());
    let (server, _) = gated(&gate);
    let world = World::new();
    let (images, options) = (world.images(), world.options.clone());
    let image = server.image("app:1");
    let reference = image.parse().unwrap();
    gate.open_to(SIZE / 2);
    block_on(async {
        let pull = images.pull(&reference, &options);
        let seen = async {
            while partial(&world.path("store")) < SIZE as u64 / 2 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            result = pull => panic!("{result:?}"),
            () = seen => {}
        }
    });
    // The lock goes with the pull, so that nobody tells its progress.
    until("the end", || world.images().progress(&reference).unwrap().is_none());
    gate.open_to(usize::MAX);
    assert!(world.pull(&image).is_ok());
}
