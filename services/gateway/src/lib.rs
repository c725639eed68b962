#![doc = include_str!("../README.md")]

mod api;
mod config;
pub mod directory;
mod domain;
#[cfg(any(test, fuzzing))]
pub mod hostile;
mod http;
mod jobs;
mod live;
mod migrations;
mod oidc;
mod pages;
mod peers;
mod store;

use std::net::TcpListener;

use qm_cache::RateLimiter;
use qm_runtime::{Assembly, BuildError, Deps, ServiceDefinition, Stage, Worker, config::ServiceConfig as _};
use qm_tracking_link::TrackingLinks;
use tokio_util::sync::CancellationToken;

pub use api::description::json as openapi_json;
pub use config::Config;
pub use migrations::Migrator;

use crate::{
    directory::Directory,
    http::{Connections, Credentials, Gate, Guesses, Shared, Streams, Toll},
    oidc::Issuers,
    pages::Renderer,
    peers::Services,
};

/// The gateway.
#[derive(Debug)]
pub struct GatewayService;

/// Takes the public port, so that one in use is told before anything slow begins.
pub fn bind(config: &Config) -> Result<TcpListener, BuildError> {
    Ok(qm_runtime::listen("http.listen", config.http.address()?)?)
}

impl GatewayService {
    /// Puts the gateway together on a port that is taken already.
    pub async fn build_on(listener: TcpListener, config: Config, deps: Deps) -> Result<Assembly, BuildError> {
        let issuers = Issuers::new(&config.oidc, &deps.clock)?;
        let key_readers: Vec<_> = issuers.workers().collect();
        let directory = Directory::new(deps.database, deps.clock.clone(), deps.ids, deps.entropy.clone());
        let limiter = RateLimiter::new(config.cache.open()?);
        let buckets = config.rate_limit.buckets()?;
        let credentials =
            Credentials::new(directory.clone(), issuers, Guesses::new(limiter.clone(), buckets.guess));
        let stopping = CancellationToken::new();
        let timeout = config.http.request_timeout();
        let connections = Connections::new(config.http.keep_alive(), config.http.head_timeout());
        let shared = Shared {
            credentials: credentials.clone(),
            toll: Toll::new(limiter.clone(), &buckets),
            services: Services::new(&deps.peers, deps.clock)?,
            limiter,
            buckets,
            links: TrackingLinks::new(config.tracking.secret.expose().as_bytes())?,
            connections: connections.clone(),
            gate: Gate::new(config.http.max_in_flight, timeout, deps.metrics, deps.entropy),
            streams: Streams::new(config.http.max_streams, config.http.max_streams_each),
            stopping: stopping.clone(),
            directory: directory.clone(),
        };
        let (threads, patience) =
            (config.host().runtime.worker_threads, config.host().shutdown.deadline() / 2);
        let server = http::serve(listener, &config.http, shared, Renderer::new()?, threads, patience)?;
        let assembly = Assembly::new(Self::NAME)
            .worker(
                Worker::new("http", async move |shutdown: CancellationToken| {
                    let handle = server.handle();
                    let watch = connections.watch(shutdown.clone());
                    let stop = async {
                        shutdown.cancelled().await;
                        // Live streams have no end of their own; the server would wait for them.
                        stopping.cancel();
                        handle.stop(true).await;
                    };
                    tokio::join!(server, stop, watch).0
                })
                .stage(Stage::Ingress),
            )
            .worker({
                let write = move || jobs::write_last_use(directory.clone(), credentials.clone());
                Worker::repeating("last-use", write).with_last_turn()
            });
        Ok(key_readers.into_iter().fold(assembly, Assembly::worker))
    }
}

impl ServiceDefinition for GatewayService {
    const NAME: &'static str = "gateway";
    const DEFAULTS: &'static str = include_str!("../config.default.toml");
    type Config = Config;
    type Migrator = Migrator;

    async fn build(config: Config, deps: Deps) -> Result<Assembly, BuildError> {
        Self::build_on(bind(&config)?, config, deps).await
    }
}
