//! A server of gRPC's health service: `health PORT DIR`.
//!
//! The file of a service's name in the directory, `server` for the server as a whole, holds the answer: the number of a
//! response, `wait` for none, or `code N` for an error.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use h2::server::SendResponse;
use http::{HeaderMap, Request, Response};

/// What is answered.
enum Answer {
    Response(u8),
    Error(u16, &'static str),
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let args: Vec<String> = std::env::args().collect();
    let [_, port, dir] = args.as_slice() else { panic!("a port and a directory are missing") };
    let listener = tokio::net::TcpListener::bind(format!("0.0.0.0:{port}")).await.expect("listens");
    let dir = PathBuf::from(dir);
    loop {
        let (stream, _) = listener.accept().await.expect("accepts");
        let dir = dir.clone();
        tokio::spawn(async move {
            let Ok(mut connection) = h2::server::handshake(stream).await else { return };
            while let Some(Ok((request, respond))) = connection.accept().await {
                tokio::spawn(serve(request, respond, dir.clone()));
            }
        });
    }
}

async fn serve(request: Request<h2::RecvStream>, respond: SendResponse<Bytes>, dir: PathBuf) {
    let answer = answer(request, dir).await;
    // A client that has gone needs none.
    let _ = send(respond, answer);
}

fn send(mut respond: SendResponse<Bytes>, answer: Answer) -> Result<(), h2::Error> {
    let response = || Response::builder().header("content-type", "application/grpc");
    match answer {
        Answer::Response(number) => {
            let head = response().body(()).expect("is well formed");
            let mut body = respond.send_response(head, false)?;
            body.send_data(Bytes::from(vec![0, 0, 0, 0, 2, 8, number]), false)?;
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", 0.into());
            body.send_trailers(trailers)
        }
        Answer::Error(code, message) => {
            let head = response().header("grpc-status", code).header("grpc-message", message);
            respond.send_response(head.body(()).expect("is well formed"), true).map(|_| ())
        }
    }
}

async fn answer(request: Request<h2::RecvStream>, dir: PathBuf) -> Answer {
    let header = |name| request.headers().get(name).and_then(|h| h.to_str().ok()).unwrap_or("");
    if request.uri().path() != "/grpc.health.v1.Health/Check" {
        return Answer::Error(12, "unknown method");
    }
    let agent = header("user-agent").starts_with("kube-probe/1.");
    if !agent || header("content-type") != "application/grpc" || header("te") != "trailers" {
        return Answer::Error(3, "not asked as a kubelet asks");
    }
    let mut body = request.into_body();
    let mut message = Vec::new();
    while let Some(Ok(chunk)) = body.data().await {
        message.extend_from_slice(&chunk);
    }
    // The five bytes before a message, then the key and the length of a text of less than 128 bytes.
    let service = message.get(7..).filter(|name| !name.is_empty()).unwrap_or(b"server");
    let file = dir.join(String::from_utf8_lossy(service).into_owned());
    let Ok(held) = std::fs::read_to_string(file) else {
        return Answer::Error(5, "unknown%20service");
    };
    match held.trim().split_once(' ') {
        Some(("code", code)) => Answer::Error(code.parse().expect("a number"), "as%20told"),
        None if held.trim() == "wait" => {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            Answer::Response(0)
        }
        _ => Answer::Response(held.trim().parse().expect("a number")),
    }
}
