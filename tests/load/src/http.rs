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

/// Connections that a request is tried on: the one that was kept, which the gateway may be closing just then, and new ones.
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

    /// A connection, to each replica in turn. It is opened for its first request: the gateway does not wait for long for
    /// the first head, and answers 408 to a connection that says nothing.
    pub fn connection(&self) -> Result<Connection, BuildError> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.authorities.len().max(1);
        let authority = self.authorities.get(turn).ok_or("no URL of a gateway")?.clone();
        let host = HeaderValue::from_str(&authority)?;
        Ok(Connection { authority, host, authorization: self.authorization.clone(), kept: None })
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
    /// Open, and has answered already.
    kept: Option<SendRequest<Full<Bytes>>>,
}

impl Connection {
    /// Asks and waits for the whole answer. A kept connection that closes instead of answering says nothing of the request,
    /// which is then repeated under its key, as clients do; a new one that does is an error.
    pub async fn send(&mut self, ask: Ask) -> Result<Answer, BuildError> {
        let request = self.request(ask)?;
        for _ in 0..TRIES {
            let kept = self.kept.take();
            let may_be_closing = kept.is_some();
            let mut sender = match kept {
                Some(sender) => sender,
                None => open(&self.authority).await?,
            };
            match answer(&mut sender, request.clone()).await {
                Ok(answer) => {
                    self.kept = Some(sender);
                    return Ok(answer);
                }
                // Canceled: of which nothing has gone out.
                Err(error) if !may_be_closing && !error.is_canceled() => return Err(error.into()),
                Err(_) => {}
            }
        }
        Err("the gateway closes every connection".into())
    }

    fn request(&self, ask: Ask) -> http::Result<Request<Full<Bytes>>> {
        let request = Request::builder()
            .method(ask.method)
            .uri(ask.path)
            .header(header::HOST, &self.host)
            .header(header::AUTHORIZATION, &self.authorization);
        match ask.posted {
            Some((body, key)) => request
                .header(header::CONTENT_TYPE, "application/json")
                .header("idempotency-key", key)
                .body(Full::new(body)),
            None => request.body(Full::default()),
        }
    }
}

async fn answer(
    sender: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> hyper::Result<Answer> {
    sender.ready().await?;
    let response = sender.send_request(request).await?;
    Ok(Answer {
        status: response.status(),
        says_when: response.headers().contains_key(header::RETRY_AFTER),
        body: response.into_body().collect().await?.to_bytes(),
    })
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

    /// A server that answers so many requests on each of its connections, and closes it at the next.
    async fn server(answers: Vec<usize>) -> (Connection, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move {
            for count in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = [0; 4096];
                for _ in 0..count {
                    assert_ne!(stream.read(&mut head).await.unwrap(), 0);
                    stream.write_all(ANSWER).await.unwrap();
                }
                let _ = stream.read(&mut head).await;
            }
        });
        (Gateway::new(&[url], "key").unwrap().connection().unwrap(), serving)
    }

    #[tokio::test]
    async fn a_kept_connection_that_closes_is_opened_again() {
        let (mut connection, serving) = server(vec![1, 1]).await;
        for _ in 0..2 {
            assert_eq!(connection.send(Ask::get("/")).await.unwrap().status, StatusCode::OK);
        }
        drop(connection);
        serving.await.unwrap();
    }

    #[tokio::test]
    async fn a_new_connection_that_does_not_answer_is_an_error() {
        let (mut connection, _) = server(vec![0, 1]).await;
        assert!(connection.send(Ask::get("/")).await.is_err());
    }

    #[tokio::test]
    async fn nothing_is_opened_before_the_first_request() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let _connection = Gateway::new(&[url], "key").unwrap().connection().unwrap();
        let met = tokio::time::timeout(std::time::Duration::from_millis(50), listener.accept()).await;
        assert!(met.is_err(), "it was opened");
    }
}
