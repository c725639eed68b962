//! A webhook receiver: plain HTTP on loopback, answering as it is told.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU16, Ordering},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::watch,
};

#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) id: String,
    pub(crate) timestamp: i64,
    pub(crate) signature: String,
    pub(crate) body: String,
}

pub(crate) struct Receiver {
    pub(crate) url: String,
    pub(crate) answer: Arc<AtomicU16>,
    /// While false, it takes requests and does not answer.
    pub(crate) answers: watch::Sender<bool>,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (answer, requests) = (Arc::new(AtomicU16::new(200)), Arc::new(Mutex::new(Vec::new())));
        let (status, seen) = (answer.clone(), requests.clone());
        let answers = watch::Sender::new(true);
        let is_open = answers.subscribe();
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let (status, seen, mut is_open) = (status.clone(), seen.clone(), is_open.clone());
                tokio::spawn(async move {
                    let mut text = String::new();
                    let mut buffer = [0; 4096];
                    loop {
                        let count = socket.read(&mut buffer).await.unwrap_or(0);
                        text.push_str(&String::from_utf8_lossy(&buffer[..count]));
                        if let Some(request) = parse(&text) {
                            seen.lock().unwrap().push(request);
                            break;
                        }
                        if count == 0 {
                            return;
                        }
                    }
                    if is_open.wait_for(|is_open| *is_open).await.is_err() {
                        return;
                    }
                    let status = status.load(Ordering::SeqCst);
                    let answer =
                        format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                    let _ = socket.write_all(answer.as_bytes()).await;
                });
            }
        });
        Self { url, answer, answers, requests }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

/// The request, once all of it is there.
fn parse(text: &str) -> Option<Request> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let header = |name: &str| {
        head.lines()
            .find_map(|line| line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name)))
            .map(|(_, value)| value.to_owned())
    };
    let length: usize = header("content-length")?.parse().ok()?;
    (body.len() >= length).then(|| Request {
        id: header("webhook-id").unwrap_or_default(),
        timestamp: header("webhook-timestamp").and_then(|text| text.parse().ok()).unwrap_or_default(),
        signature: header("webhook-signature").unwrap_or_default(),
        body: body.to_owned(),
    })
}
