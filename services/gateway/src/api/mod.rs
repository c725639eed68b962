//! The public API `/v1`: parse, ask the service that owns it, convert. A file per resource, and nothing decided here.

pub mod changes;
pub mod common;
pub mod description;
pub mod fulfilments;
#[cfg(any(test, fuzzing))]
pub(crate) mod hostile;
pub mod items;
pub mod keys;
pub mod locations;
pub mod messages;
pub mod orders;
pub mod routing;
pub mod rules;
pub mod shipments;
pub mod stock;
pub mod summary;
pub mod webhooks;

use actix_web::web::ServiceConfig;

/// Everything that needs a credential.
pub fn routes(config: &mut ServiceConfig) {
    orders::routes(config);
    routing::routes(config);
    items::routes(config);
    locations::routes(config);
    stock::routes(config);
    fulfilments::routes(config);
    shipments::routes(config);
    webhooks::routes(config);
    messages::routes(config);
    keys::routes(config);
    summary::routes(config);
    changes::routes(config);
}
