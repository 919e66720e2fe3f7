//! Writes to the terminal from a thread of its own, so that a reader that stands still does not keep signals waiting.

use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd;
use std::thread;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::sync::{mpsc, oneshot};

/// How many pieces may wait to be written before whoever produces them waits too.
const WAITING: usize = 256;

enum Piece {
    Data(Vec<u8>),
    Message(String),
}

/// The thread that writes.
pub struct Printer {
    done: oneshot::Receiver<()>,
    /// Tells that nobody reads standard output any more.
    unread: oneshot::Receiver<()>,
}

/// A way to the printer.
#[derive(Clone)]
pub struct Voice(mpsc::Sender<Piece>);

impl Printer {
    pub fn start() -> (Self, Voice) {
        let (sender, receiver) = mpsc::channel(WAITING);
        let (finished, done) = oneshot::channel();
        thread::spawn(move || {
            // An error says that nobody reads us any more, which is noticed elsewhere.
            let _ = print(receiver);
            let _ = finished.send(());
        });
        let (left, unread) = oneshot::channel();
        thread::spawn(move || {
            wait_unread();
            let _ = left.send(());
        });
        (Self { done, unread }, Voice(sender))
    }

    /// Waits until nobody reads standard output any more. A file is always read.
    pub async fn unread(&mut self) {
        let _ = (&mut self.unread).await;
    }

    /// Waits until everything is written, once all voices are gone.
    pub async fn finish(self) {
        let _ = self.done.await;
    }
}

impl Voice {
    /// Writes data to standard output.
    pub async fn data(&self, bytes: Vec<u8>) {
        let _ = self.0.send(Piece::Data(bytes)).await;
    }

    /// Writes messages to standard error, soon.
    pub fn messages(&self, texts: Vec<String>) {
        let sender = self.0.clone();
        tokio::task::spawn_local(async move {
            for text in texts {
                let _ = sender.send(Piece::Message(text)).await;
            }
        });
    }
}

/// Waits until the reader of standard output is gone, which a pipe and a terminal tell and a file never does.
fn wait_unread() {
    let out = io::stdout();
    loop {
        let mut fds = [PollFd::new(out.as_fd(), PollFlags::empty())];
        match poll(&mut fds, PollTimeout::NONE) {
            Err(Errno::EINTR) => {}
            Err(_) | Ok(_) => return,
        }
    }
}

fn print(mut pieces: mpsc::Receiver<Piece>) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout());
    while let Some(piece) = pieces.blocking_recv() {
        say(&mut out, piece)?;
        while let Ok(piece) = pieces.try_recv() {
            say(&mut out, piece)?;
        }
        out.flush()?;
    }
    Ok(())
}

fn say(out: &mut impl Write, piece: Piece) -> io::Result<()> {
    match piece {
        Piece::Data(bytes) => out.write_all(&bytes),
        Piece::Message(text) => {
            out.flush()?;
            crate::output::message(&text);
            Ok(())
        }
    }
}
