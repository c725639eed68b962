//! The service's configuration.

mod oidc;

use std::{net::SocketAddr, time::Duration};

use qm_cache::{Cache, TokenBucket};
use qm_runtime::config::{
    AdminConfig, BusConfig, ConfigError, DatabaseConfig, GrpcConfig, HostConfig, PeersConfig, RuntimeConfig,
    Secret, ServiceConfig, ShutdownConfig, TelemetryConfig, address, require,
};
use serde::Deserialize;

pub use oidc::OidcConfig;

/// See `config.default.toml`, which documents every key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the sections are documented where they are defined")]
pub struct Config {
    pub database: DatabaseConfig,
    pub bus: BusConfig,
    pub grpc: GrpcConfig,
    pub admin: AdminConfig,
    pub telemetry: TelemetryConfig,
    pub shutdown: ShutdownConfig,
    pub runtime: RuntimeConfig,
    pub peers: PeersConfig,
    pub http: HttpConfig,
    pub cache: CacheConfig,
    pub rate_limit: RateLimitConfig,
    pub tracking: TrackingConfig,
    pub oidc: OidcConfig,
}

/// The public server.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    /// `HOST:PORT` of the public API.
    pub listen: String,
    /// Largest body taken, bytes.
    pub max_body_bytes: usize,
    /// How long a request may take, milliseconds.
    pub request_timeout_ms: u64,
    /// Requests worked on at a time.
    pub max_in_flight: usize,
    /// How long a connection may stay open between two requests, milliseconds.
    pub keep_alive_ms: u64,
    /// How long the head of a request may take to come, milliseconds.
    pub head_timeout_ms: u64,
    /// How long a body may take to come, milliseconds.
    pub body_timeout_ms: u64,
    /// Connections at a time.
    pub max_connections: usize,
    /// Live streams at a time.
    pub max_streams: usize,
    /// Live streams of one reader at a time.
    pub max_streams_each: usize,
    /// Header with the client's address; empty takes that of the connection.
    pub client_address_header: String,
    /// Trusted proxies, one behind the other, that each add an entry to that header.
    pub trusted_proxies: usize,
}

/// Where rate limits stand.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CacheConfig {
    /// `memory://` or `redis://…`.
    pub url: Secret<String>,
}

/// How much one sender may ask.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimitConfig {
    /// Requests of one caller at once.
    pub burst: u32,
    /// Requests of one caller that come back each second.
    pub per_second: f64,
    /// Page views of one address at once.
    pub page_burst: u32,
    /// Page views of one address that come back each second.
    pub page_per_second: f64,
    /// Look-ups by number and email of one address at once.
    pub lookup_burst: u32,
    /// Look-ups that come back each second.
    pub lookup_per_second: f64,
    /// Wrong credentials of one address at once.
    pub guess_burst: u32,
    /// Wrong credentials that come back each second.
    pub guess_per_second: f64,
}

/// Links to tracking pages.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrackingConfig {
    /// Opens the links; the same as notification's.
    pub secret: Secret<String>,
}

/// The limits, ready for use.
#[derive(Debug, Clone, Copy)]
pub struct Buckets {
    /// Of one caller.
    pub api: TokenBucket,
    /// How long one request of a caller takes to come back.
    pub api_refill: Duration,
    /// Of one address on the shopper's pages.
    pub page: TokenBucket,
    /// Of one address that looks orders up.
    pub lookup: TokenBucket,
    /// Of one address that sends wrong credentials.
    pub guess: TokenBucket,
}

impl HttpConfig {
    /// Where to listen.
    pub fn address(&self) -> Result<SocketAddr, ConfigError> {
        address("http.listen", &self.listen)?
            .ok_or_else(|| ConfigError::new("http.listen", "expected IP-ADDRESS:PORT such as 127.0.0.1:8080"))
    }

    /// How long a request may take.
    pub fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }

    /// How long a connection may stay open between two requests.
    pub fn keep_alive(&self) -> Duration {
        Duration::from_millis(self.keep_alive_ms)
    }

    /// How long the head of a request may take to come.
    pub fn head_timeout(&self) -> Duration {
        Duration::from_millis(self.head_timeout_ms)
    }

    /// How long a body may take to come.
    pub fn body_timeout(&self) -> Duration {
        Duration::from_millis(self.body_timeout_ms)
    }
}

impl RateLimitConfig {
    /// The limits, ready for use.
    pub fn buckets(&self) -> Result<Buckets, ConfigError> {
        let bucket = |burst: u32, per_second: f64, key: &str| {
            TokenBucket::new(burst, per_second).map_err(|error| {
                ConfigError::new(
                    format!("rate_limit.{key}burst, rate_limit.{key}per_second"),
                    error.to_string(),
                )
            })
        };
        Ok(Buckets {
            api: bucket(self.burst, self.per_second, "")?,
            api_refill: Duration::try_from_secs_f64(1.0 / self.per_second).unwrap_or(Duration::MAX),
            page: bucket(self.page_burst, self.page_per_second, "page_")?,
            lookup: bucket(self.lookup_burst, self.lookup_per_second, "lookup_")?,
            guess: bucket(self.guess_burst, self.guess_per_second, "guess_")?,
        })
    }
}

impl ServiceConfig for Config {
    fn host(&self) -> HostConfig {
        HostConfig {
            database: self.database.clone(),
            bus: self.bus.clone(),
            grpc: self.grpc.clone(),
            admin: self.admin.clone(),
            telemetry: self.telemetry.clone(),
            shutdown: self.shutdown.clone(),
            runtime: self.runtime.clone(),
            peers: self.peers.clone(),
        }
    }

    fn check(&self) -> Result<(), ConfigError> {
        self.http.address()?;
        let is_sensible = (1_024..=64 * 1024 * 1024).contains(&self.http.max_body_bytes);
        require(is_sensible, "http.max_body_bytes", "expected 1024 to 67108864")?;
        let is_sensible = (100..=600_000).contains(&self.http.request_timeout_ms);
        require(is_sensible, "http.request_timeout_ms", "expected 100 to 600000")?;
        let is_sensible = (100..=self.http.request_timeout_ms).contains(&self.http.body_timeout_ms);
        require(is_sensible, "http.body_timeout_ms", "expected 100 to http.request_timeout_ms")?;
        // The server's clock for it ticks twice a second.
        let is_sensible = (1_000..=600_000).contains(&self.http.head_timeout_ms);
        require(is_sensible, "http.head_timeout_ms", "expected 1000 to 600000")?;
        let is_sensible = (1_000..=600_000).contains(&self.http.keep_alive_ms);
        require(is_sensible, "http.keep_alive_ms", "expected 1000 to 600000")?;
        require(self.http.max_connections > 0, "http.max_connections", "expected at least 1")?;
        require(self.http.max_streams > 0, "http.max_streams", "expected at least 1")?;
        require(self.http.max_streams_each > 0, "http.max_streams_each", "expected at least 1")?;
        require(self.http.trusted_proxies > 0, "http.trusted_proxies", "expected at least 1")?;
        require(self.http.max_in_flight > 0, "http.max_in_flight", "expected at least 1")?;
        let header = &self.http.client_address_header;
        let is_header = header.is_empty() || header.parse::<actix_web::http::header::HeaderName>().is_ok();
        require(is_header, "http.client_address_header", "expected the name of a header, or nothing")?;
        self.rate_limit.buckets()?;
        self.oidc.check()?;
        let is_cache =
            self.cache.url.expose() == "memory://" || self.cache.url.expose().starts_with("redis://");
        require(is_cache, "cache.url", "expected memory:// or redis://HOST:PORT/DATABASE")?;
        let links = qm_tracking_link::TrackingLinks::new(self.tracking.secret.expose().as_bytes());
        require(links.is_ok(), "tracking.secret", "expected at least 16 characters")
    }
}

impl CacheConfig {
    /// Opens it. Nothing is connected yet.
    pub fn open(&self) -> Result<qm_cache::SharedCache, ConfigError> {
        Cache::open(self.url.expose()).map_err(|error| ConfigError::new("cache.url", error.to_string()))
    }
}
