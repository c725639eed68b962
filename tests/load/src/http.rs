//! The gateway over connections that stay open. One request at a time on each, as HTTP/1.1 has it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use qm_runtime::BuildError;
use tokio::net::TcpStream;

/// Connections that are opened for a request of which nothing has gone out.
const TRIES: usize = 3;

/// Where requests go, and in whose name.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// Its replicas, used in turn.
    authorities: Arc<[String]>,
    turn: Arc<AtomicUsize>,
    authorization: HeaderValue,
}

/// A request.
#[derive(Debug, Clone)]
pub struct Ask {
    method: Method,
    path: String,
    /// The body and its idempotency key.
    posted: Option<(Bytes, String)>,
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Whether it says when to ask again.
    pub says_when: bool,
    /// Its body.
    pub body: Bytes,
}

impl Ask {
    /// Reads a resource.
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), posted: None }
    }

    /// Posts JSON, once however often it is sent under this key.
    pub fn post(path: impl Into<String>, key: String, body: Bytes) -> Self {
        Self { method: Method::POST, path: path.into(), posted: Some((body, key)) }
    }
}

impl Answer {
    /// The status and a problem's type and detail.
    pub fn kind(&self) -> String {
        let problem: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let text = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
        let when = if self.is_shed() && !self.says_when { " without Retry-After" } else { "" };
        format!("{}{when} {} {}", self.status.as_u16(), text("type"), text("detail"))
    }

    /// True when the system had too much to do and says so.
    pub fn is_shed(&self) -> bool {
        matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
    }
}

impl Gateway {
    /// The gateway's replicas at `http://HOST:PORT`, one at least.
    pub fn new(urls: &[String], key: &str) -> Result<Self, BuildError> {
        let authority = |url: &String| {
            let uri: Uri = url.parse()?;
            Ok::<_, BuildError>(uri.authority().ok_or("the URL has no host")?.to_string())
        };
        let authorities = urls.iter().map(authority).collect::<Result<Arc<[_]>, _>>()?;
        Ok(Self { authorities, turn: Arc::default(), authorization: format!("Bearer {key}").parse()? })
    }

    /// Opens a connection, to each replica in turn.
    pub async fn connect(&self) -> Result<Connection, BuildError> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.authorities.len().max(1);
        let authority = self.authorities.get(turn).ok_or("no URL of a gateway")?.clone();
        let sender = open(&authority).await?;
        let host = HeaderValue::from_str(&authority)?;
        Ok(Connection { authority, host, authorization: self.authorization.clone(), sender })
    }
}

async fn open(authority: &str) -> Result<SendRequest<Full<Bytes>>, BuildError> {
    let stream = TcpStream::connect(authority).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Its errors reach whoever uses the sender.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

/// A connection that is kept open, and opened again when the gateway has closed it meanwhile.
pub struct Connection {
    authority: String,
    host: HeaderValue,
    authorization: HeaderValue,
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    /// Asks and waits for the whole answer.
    pub async fn send(&mut self, ask: Ask) -> Result<Answer, BuildError> {
        let request = Request::builder()
            .method(ask.method)
            .uri(ask.path)
            .header(header::HOST, &self.host)
            .header(header::AUTHORIZATION, &self.authorization);
        let mut request = match ask.posted {
            Some((body, key)) => request
                .header(header::CONTENT_TYPE, "application/json")
                .header("idempotency-key", key)
                .body(Full::new(body))?,
            None => request.body(Full::default())?,
        };
        if self.sender.ready().await.is_err() {
            self.sender = open(&self.authority).await?;
        }
        for _ in 0..TRIES {
            match self.sender.try_send_request(request).await {
                Ok(response) => {
                    return Ok(Answer {
                        status: response.status(),
                        says_when: response.headers().contains_key(header::RETRY_AFTER),
                        body: response.into_body().collect().await?.to_bytes(),
                    });
                }
                Err(mut error) => match error.take_message() {
                    // It was closed before anything of the request went out, as a server may do with one that rests.
                    Some(unsent) => request = unsent,
                    None => return Err(error.into_error().into()),
                },
            }
            self.sender = open(&self.authority).await?;
        }
        Err("the gateway closes every connection".into())
    }
}
