//! The HTTP server.

use std::{io, net::TcpListener, time::Duration};

use actix_web::{
    App, HttpResponse, HttpServer,
    dev::Server,
    middleware::{Compress, from_fn},
    web::{self, Data},
};
use qm_cache::RateLimiter;
use qm_tracking_link::TrackingLinks;
use tokio_util::sync::CancellationToken;

use super::{
    Connections, Credentials, Problem, Streams, Toll, address::AddressHeader, authenticate, body::BodyLimits,
    connections, observe, observe::Gate,
};
use crate::{
    api,
    config::{Buckets, HttpConfig},
    directory::Directory,
    pages::{self, Renderer},
    peers::Services,
};

/// What handlers are given.
#[derive(Debug, Clone)]
pub struct Shared {
    /// Tenants and keys.
    pub directory: Directory,
    /// Who calls.
    pub credentials: Credentials,
    /// How often they may.
    pub toll: Toll,
    /// Other services.
    pub services: Services,
    /// Rate limits.
    pub limiter: RateLimiter,
    /// Their sizes.
    pub buckets: Buckets,
    /// Tracking links.
    pub links: TrackingLinks,
    /// Connections that are open.
    pub connections: Connections,
    /// Bounds and counts requests.
    pub gate: Gate,
    /// Bounds live streams.
    pub streams: Streams,
    /// Cancelled when streams shall end.
    pub stopping: CancellationToken,
}

/// Builds the server; it runs when awaited.
pub fn serve(
    listener: TcpListener,
    config: &HttpConfig,
    shared: Shared,
    renderer: Renderer,
    threads: usize,
    shutdown_timeout: Duration,
) -> io::Result<Server> {
    let body_limits = Data::new(BodyLimits { bytes: config.max_body_bytes, patience: config.body_timeout() });
    let address_header = Data::new(AddressHeader {
        name: config.client_address_header.clone(),
        proxies: config.trusted_proxies,
    });
    let renderer = Data::new(renderer);
    let Shared {
        directory,
        credentials,
        toll,
        services,
        limiter,
        buckets,
        links,
        connections,
        gate,
        streams,
        stopping,
    } = shared;
    let (directory, credentials, services) =
        (Data::new(directory), Data::new(credentials), Data::new(services));
    let (limiter, buckets, links) = (Data::new(limiter), Data::new(buckets), Data::new(links));
    let (gate, streams, stopping, toll) =
        (Data::new(gate), Data::new(streams), Data::new(stopping), Data::new(toll));
    let app = move || {
        App::new()
            .app_data(body_limits.clone())
            .app_data(address_header.clone())
            .app_data(renderer.clone())
            .app_data(directory.clone())
            .app_data(credentials.clone())
            .app_data(toll.clone())
            .app_data(services.clone())
            .app_data(limiter.clone())
            .app_data(buckets.clone())
            .app_data(links.clone())
            .app_data(gate.clone())
            .app_data(streams.clone())
            .app_data(stopping.clone())
            .wrap(Compress::default())
            .wrap(from_fn(observe))
            .configure(api::shipments::carrier_routes)
            .service(
                web::scope("/v1")
                    .wrap(from_fn(authenticate))
                    .configure(api::routes)
                    .default_service(web::to(|| async { Err::<HttpResponse, _>(Problem::no_such_route()) })),
            )
            .configure(pages::routes)
            .default_service(web::to(|| async { Err::<HttpResponse, _>(Problem::no_such_route()) }))
    };
    let server = HttpServer::new(app)
        .workers(threads)
        .disable_signals()
        .keep_alive(config.keep_alive())
        .client_request_timeout(config.head_timeout())
        .client_disconnect_timeout(Duration::from_secs(1))
        .max_connections(connections::bound(config.max_connections).div_ceil(threads.max(1)))
        .on_connect(move |connection, data| connections.opened(connection, data))
        .shutdown_timeout(shutdown_timeout.as_secs().max(1));
    Ok(server.listen(listener)?.run())
}
