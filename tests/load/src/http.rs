//! The gateway over connections that stay open. One request at a time on each, as HTTP/1.1 has it.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use qm_runtime::BuildError;
use tokio::net::TcpStream;

/// Where requests go, and in whose name.
#[derive(Debug, Clone)]
pub struct Gateway {
    authority: String,
    authorization: HeaderValue,
}

impl Gateway {
    /// The gateway at `http://HOST:PORT`.
    pub fn new(url: &str, key: &str) -> Result<Self, BuildError> {
        let uri: Uri = url.parse()?;
        let authority = uri.authority().ok_or("the URL has no host")?.to_string();
        Ok(Self { authority, authorization: format!("Bearer {key}").parse()? })
    }

    /// Opens a connection.
    pub async fn connect(&self) -> Result<Connection, BuildError> {
        let stream = TcpStream::connect(&self.authority).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Its errors reach whoever uses the sender.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Connection { gateway: self.clone(), sender })
    }
}

/// An open connection.
pub struct Connection {
    gateway: Gateway,
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    /// True when it can still be used.
    pub fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Places an order.
    pub async fn post(
        &mut self,
        path: &str,
        key: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), BuildError> {
        let request = self
            .request(Method::POST, path)
            .header(header::CONTENT_TYPE, "application/json")
            .header("idempotency-key", key)
            .body(Full::new(body))?;
        self.send(request).await
    }

    /// Reads a resource.
    pub async fn get(&mut self, path: &str) -> Result<(StatusCode, Bytes), BuildError> {
        let request = self.request(Method::GET, path).body(Full::default())?;
        self.send(request).await
    }

    fn request(&self, method: Method, path: &str) -> http::request::Builder {
        Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.gateway.authority.as_str())
            .header(header::AUTHORIZATION, &self.gateway.authorization)
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), BuildError> {
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }
}
