//! The API's description, OpenAPI 3.1, made from the code.

use utoipa::{
    Modify, OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

use super::{
    changes, fulfilments, items, keys, locations, messages, orders, routing, rules::Rules, shipments, stock,
    summary, webhooks,
};
use crate::http::ProblemDetails;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Quartermaster",
        description = "Order management: capture orders, know the stock, route each unit, ship, track, tell.\n\n\
            Every request needs an API key, or a token of an OpenID Connect issuer that this installation trusts: \
            `Authorization: Bearer …`. Every POST needs an `Idempotency-Key`; repeating it \
            with the same body gets the first answer. Refusals are problem details (RFC 9457). Lists are pages: give \
            `next_cursor` as `cursor`. Amounts are integers of minor units; times are RFC 3339 in UTC.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    paths(
        orders::place, orders::place_batch, orders::list, orders::read, orders::cancel, orders::hold, orders::release,
        orders::timeline, routing::plans, summary::read,
        items::put_items, items::list, items::read, locations::put_locations, locations::list,
        stock::list, stock::record, stock::movements, stock::availability,
        routing::put_tariff, routing::read_tariff,
        fulfilments::list, fulfilments::read, fulfilments::accept, fulfilments::reject, fulfilments::pick,
        fulfilments::pack, fulfilments::label, fulfilments::hand_over, shipments::list, shipments::read,
        shipments::receive_tracking,
        webhooks::create, webhooks::list, webhooks::change, webhooks::remove, webhooks::deliveries, webhooks::resend,
        messages::list, messages::put_template,
        keys::create, keys::list, keys::revoke,
        changes::follow,
    ),
    components(schemas(ProblemDetails)),
    security(("api_key" = []), ("oidc" = [])),
    modifiers(&Credentials, &Rules),
)]
struct Description;

struct Credentials;

impl Modify for Credentials {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let bearer = |format: &str, about: &str| {
            let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format(format);
            SecurityScheme::Http(scheme.description(Some(about)).build())
        };
        let components = description.components.get_or_insert_default();
        let about = "An API key of the tenant, with the scopes that it was created with.";
        components.add_security_scheme("api_key", bearer("qm_…", about));
        let about = "A token of an OpenID Connect issuer that this installation trusts: its claims name the tenant and the \
                     scopes, which are those of API keys.";
        components.add_security_scheme("oidc", bearer("JWT", about));
    }
}

/// The description as JSON.
pub fn json() -> Result<String, serde_json::Error> {
    Description::openapi().to_pretty_json()
}
