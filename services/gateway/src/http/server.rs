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
    Credentials, Problem, Toll, address::AddressHeader, authenticate, body::MaxBody, observe, observe::Gate,
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
    /// Bounds and counts requests.
    pub gate: Gate,
    /// Cancelled when streams shall end.
    pub stopping: CancellationToken,
}

/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Builds the server; it runs when awaited.
pub fn serve(
    listener: TcpListener,
    config: &HttpConfig,
    shared: Shared,
    renderer: Renderer,
    threads: usize,
    shutdown_timeout: Duration,
) -> io::Result<Server> {
    let max_body = Data::new(MaxBody(config.max_body_bytes));
    let address_header = Data::new(AddressHeader(config.client_address_header.clone()));
    let renderer = Data::new(renderer);
    let Shared { directory, credentials, toll, services, limiter, buckets, links, gate, stopping } = shared;
    let (directory, credentials, services) =
        (Data::new(directory), Data::new(credentials), Data::new(services));
    let (limiter, buckets, links) = (Data::new(limiter), Data::new(buckets), Data::new(links));
    let (gate, stopping, toll) = (Data::new(gate), Data::new(stopping), Data::new(toll));
    let app = move || {
        App::new()
            .app_data(max_body.clone())
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
        .client_request_timeout(HEAD_TIMEOUT)
        .shutdown_timeout(shutdown_timeout.as_secs().max(1));
    Ok(server.listen(listener)?.run())
}
