//! A small HTTP server that a test tells what to answer.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use crate::content::{Content, digest};

#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    /// With the query.
    pub path: String,
    /// By their names in lower case.
    pub headers: HashMap<String, String>,
    pub body: String,
}

/// What a handler answers with; the connection is closed after it.
pub enum Reply {
    /// A status, headers, and a body, whose length is told.
    Whole(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// Whatever it writes. An error, such as that the client has gone, ends it.
    Raw(Box<Write>),
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self::Whole(status, Vec::new(), Vec::new())
    }

    pub fn raw(write: impl FnOnce(&mut TcpStream) -> io::Result<()> + Send + 'static) -> Self {
        Self::Raw(Box::new(write))
    }
}

type Write = dyn FnOnce(&mut TcpStream) -> io::Result<()> + Send;
type Handler = dyn Fn(&Request) -> Reply + Send + Sync;

pub struct Server {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    handler: Box<Handler>,
    requests: Mutex<Vec<Request>>,
    connections: Mutex<Vec<TcpStream>>,
    ended: AtomicBool,
}

impl Server {
    pub fn new(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            handler: Box::new(handler),
            requests: Mutex::default(),
            connections: Mutex::default(),
            ended: AtomicBool::new(false),
        });
        let accepting = thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        Self { address, shared, accepting: Some(accepting) }
    }

    /// A registry that behaves.
    pub fn of(content: Content) -> Self {
        Self::new(move |request| serve(&content, request))
    }

    /// The name of an image there.
    pub fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }

    /// What was asked for up to now.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// How often something with this in its path was fetched.
    pub fn count(&self, part: &str) -> usize {
        let gets = |request: &&Request| request.method == "GET" && request.path.contains(part);
        self.requests().iter().filter(gets).count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        for connection in self.shared.connections.lock().unwrap().iter() {
            let _ = connection.shutdown(Shutdown::Both);
        }
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
        self.accepting.take().unwrap().join().unwrap();
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut threads = Vec::new();
    for connection in listener.incoming() {
        if shared.ended.load(Ordering::SeqCst) {
            break;
        }
        let connection = connection.unwrap();
        shared.connections.lock().unwrap().push(connection.try_clone().unwrap());
        let shared = Arc::clone(shared);
        threads.push(thread::spawn(move || {
            // The client may go at any time.
            let _ = answer(connection, &shared);
        }));
    }
    for connection in shared.connections.lock().unwrap().iter() {
        let _ = connection.shutdown(Shutdown::Both);
    }
    for thread in threads {
        thread.join().unwrap();
    }
}

fn answer(mut connection: TcpStream, shared: &Shared) -> io::Result<()> {
    let Some(request) = read_request(&connection)? else {
        // Not HTTP, such as the start of TLS; a server without it says so.
        connection.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n")?;
        return connection.shutdown(Shutdown::Both);
    };
    shared.requests.lock().unwrap().push(request.clone());
    match (shared.handler)(&request) {
        Reply::Raw(write) => write(&mut connection)?,
        Reply::Whole(status, headers, body) => {
            let head: String =
                headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            let length = body.len();
            write!(
                connection,
                "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n{head}\r\n"
            )?;
            if request.method != "HEAD" {
                connection.write_all(&body)?;
            }
        }
    }
    // A half that is closed in order, so that what was sent is not lost by a reset.
    connection.shutdown(Shutdown::Write)
}

fn read_request(connection: &TcpStream) -> io::Result<Option<Request>> {
    let mut reader = BufReader::new(connection);
    let mut first = [0];
    if reader.read(&mut first)? == 0 || !first[0].is_ascii_uppercase() {
        return Ok(None);
    }
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let line = format!("{}{line}", char::from(first[0]));
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    let length = headers.get("content-length").and_then(|l| l.parse().ok()).unwrap_or(0);
    let mut body = String::new();
    reader.take(length).read_to_string(&mut body)?;
    Ok(Some(Request { method, path, headers, body }))
}

/// The answer of a registry that behaves.
pub fn serve(content: &Content, request: &Request) -> Reply {
    let name = request.path.rsplit('/').next().unwrap_or_default();
    if request.path.contains("/manifests/") {
        let Some((kind, text)) = content.documents.get(name) else { return Reply::status(404) };
        let headers =
            vec![("Content-Type", (*kind).to_owned()), ("Docker-Content-Digest", digest(text))];
        return Reply::Whole(200, headers, text.clone());
    }
    let Some(blob) = content.blobs.get(name) else { return Reply::status(404) };
    match offset(request) {
        0 => Reply::Whole(200, Vec::new(), blob.clone()),
        start => {
            let range = format!("bytes {start}-{}/{}", blob.len() - 1, blob.len());
            Reply::Whole(206, vec![("Content-Range", range)], blob[start..].to_vec())
        }
    }
}

/// Where the client wants to go on.
pub fn offset(request: &Request) -> usize {
    let range = request.headers.get("range").map_or("", String::as_str);
    range.strip_prefix("bytes=").and_then(|r| r.strip_suffix('-')?.parse().ok()).unwrap_or(0)
}
