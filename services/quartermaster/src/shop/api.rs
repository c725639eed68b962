//! A client of the public HTTP API, as a shop or a warehouse would write one.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use reqwest::{Method, Response, StatusCode, header};
use serde_json::Value;

/// Times that one request is sent.
const MAX_TRIES: u32 = 8;
/// First pause before a request is sent again; doubles. The server's own Retry-After comes first.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(30);

/// The API with a key. Clones share connections.
#[derive(Debug, Clone)]
pub struct Api {
    client: reqwest::Client,
    base_url: Arc<str>,
    key: Arc<str>,
    retries: Arc<AtomicU64>,
}

/// Why a request had no effect.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The API said no.
    #[error("{what}: {detail} ({status})")]
    Refused {
        /// Method and path.
        what: String,
        /// What it was answered with.
        status: StatusCode,
        /// The problem's field and detail.
        detail: String,
    },
    /// No answer.
    #[error("{what}: no answer")]
    Unreachable {
        /// Method and path.
        what: String,
        /// Why.
        source: reqwest::Error,
    },
}

impl ApiError {
    /// True when what was asked is not possible in the present state.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused { status: StatusCode::CONFLICT, .. })
    }
}

impl Api {
    /// Speaks to the API at `http://HOST:PORT` with a key.
    pub fn new(base_url: &str, key: &str) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder().no_proxy().connect_timeout(Duration::from_secs(5)).build()?;
        Ok(Self { client, base_url: base_url.into(), key: key.into(), retries: Arc::default() })
    }

    /// Requests that were sent again because the API was busy.
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    /// Reads a resource.
    pub async fn get(&self, path: &str) -> Result<Value, ApiError> {
        self.send(Method::GET, path, None, None).await
    }

    /// Puts a resource in its place.
    pub async fn put(&self, path: &str, body: &Value) -> Result<Value, ApiError> {
        self.send(Method::PUT, path, Some(body), None).await
    }

    /// `once` makes a request that is sent again count once.
    pub async fn post(&self, path: &str, body: &Value, once: &str) -> Result<Value, ApiError> {
        self.send(Method::POST, path, Some(body), Some(once)).await
    }

    /// Every entry of a list, a page at a time; at most `max`.
    pub async fn list(&self, path: &str, max: usize) -> Result<Vec<Value>, ApiError> {
        let (mut entries, mut cursor) = (Vec::new(), String::new());
        loop {
            let mut page = self.get(&format!("{path}&limit=200{cursor}")).await?;
            if let Some(Value::Array(data)) = page.get_mut("data").map(Value::take) {
                entries.extend(data);
            }
            match page["next_cursor"].as_str() {
                Some(next) if entries.len() < max => cursor = format!("&cursor={next}"),
                _ => return Ok(entries),
            }
        }
    }

    /// Opens the stream of changes, after the event `last` if there is one.
    pub async fn changes(&self, last: Option<&str>) -> Result<Response, ApiError> {
        let path = "/v1/changes";
        let mut request = self.request(Method::GET, path).header(header::ACCEPT, "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        match request.send().await {
            Ok(response) if response.status().is_success() => Ok(response),
            Ok(response) => Err(refused(&Method::GET, path, response).await),
            Err(source) => Err(ApiError::Unreachable { what: format!("GET {path}"), source }),
        }
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base_url)).bearer_auth(&self.key)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        once: Option<&str>,
    ) -> Result<Value, ApiError> {
        let unreachable = |source| ApiError::Unreachable { what: format!("{method} {path}"), source };
        let mut tries = 1;
        loop {
            let mut request = self.request(method.clone(), path).timeout(TIMEOUT);
            if let Some(body) = body {
                request = request.json(body);
            }
            if let Some(once) = once {
                request = request.header("idempotency-key", once);
            }
            let pause = match request.send().await {
                Ok(response) if response.status().is_success() => {
                    return response.json().await.map_err(unreachable);
                }
                Ok(response) if tries < MAX_TRIES && is_busy(response.status()) => asked_to_wait(&response),
                Ok(response) => return Err(refused(&method, path, response).await),
                Err(_) if tries < MAX_TRIES => None,
                Err(error) => return Err(unreachable(error)),
            };
            self.retries.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(pause.unwrap_or(FIRST_PAUSE * 2_u32.pow(tries - 1)).min(LONGEST_PAUSE)).await;
            tries += 1;
        }
    }
}

fn is_busy(status: StatusCode) -> bool {
    matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
}

fn asked_to_wait(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// Reads the problem details of a refusal.
async fn refused(method: &Method, path: &str, response: Response) -> ApiError {
    let status = response.status();
    let problem: Value = response.json().await.unwrap_or_default();
    let text = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
    let field = match text("field") {
        field if field.is_empty() => field,
        field => format!("{field} "),
    };
    ApiError::Refused {
        what: format!("{method} {path}"),
        status,
        detail: format!("{field}{}", text("detail")),
    }
}
