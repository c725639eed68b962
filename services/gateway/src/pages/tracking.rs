//! The shopper's tracking page, reached by an unguessable link.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web::{Data, Path},
};
use minijinja::context;
use qm_cache::RateLimiter;
use qm_ids::{OrderId, TenantId};
use qm_proto::{
    inventory::v1::{ListLocationsRequest, Location},
    notification::v1::WatchChangesRequest,
    shipping::v1::ListShipmentsRequest,
    types::v1::PageRequest,
};
use qm_refusal::Refusal;
use qm_runtime::grpc::with_tenant;
use qm_tracking_link::TrackingLinks;
use tokio_util::sync::CancellationToken;

use super::{Renderer, view};
use crate::{
    config::Buckets,
    directory::Directory,
    http::{ClientAddress, Problem, Streams},
    live::{self, Frame},
    peers::Services,
};

/// More shipments than this are no longer a page that anybody reads.
const MAX_SHIPMENTS: i32 = 200;
/// Pages of locations that are looked through for the counter to collect from.
const MAX_LOCATION_PAGES: usize = 50;

/// The page.
#[expect(clippy::too_many_arguments, reason = "what a handler needs is given to it as arguments")]
pub async fn show(
    directory: Data<Directory>,
    services: Data<Services>,
    links: Data<TrackingLinks>,
    limiter: Data<RateLimiter>,
    buckets: Data<Buckets>,
    renderer: Data<Renderer>,
    client: ClientAddress,
    token: Path<String>,
) -> Result<HttpResponse, Problem> {
    let paid = limiter.check(&client.bucket("page"), &buckets.page, 1).await;
    if !paid.allowed {
        let context = context! { shop => "", title => "Please wait a moment", text => "There were too many requests from your network." };
        let mut response = renderer.page(StatusCode::TOO_MANY_REQUESTS, "message.html", context);
        let seconds = paid.retry_after.as_secs().saturating_add(1);
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        return Ok(response);
    }
    let Ok((tenant, order)) = links.open(&token) else { return Ok(unknown(&renderer)) };
    let shop = match directory.tenant(tenant).await.map_err(qm_runtime::CommandError::into_refusal) {
        Ok(tenant) => tenant.name,
        Err(refusal) if refusal.kind == qm_refusal::Kind::NotFound => return Ok(unknown(&renderer)),
        Err(refusal) => return Err(refusal.into()),
    };
    let mut shipping = services.shipping();
    let order_id = order.to_string();
    let list = ListShipmentsRequest {
        page: Some(PageRequest { limit: MAX_SHIPMENTS, cursor: String::new() }),
        order_id: order_id.clone(),
        ..ListShipmentsRequest::default()
    };
    let (found, shipments) = tokio::join!(
        services.order_by_id(tenant, &order_id),
        shipping.list_shipments(with_tenant(list, tenant))
    );
    let found = match found {
        Ok(found) => found,
        Err(status) if status.code() == tonic::Code::NotFound => return Ok(unknown(&renderer)),
        Err(status) => return Err(status.into()),
    };
    // The page without parcels is worth more than no page.
    let shipments = shipments.map(|list| list.into_inner().shipments).unwrap_or_default();
    let counter = if found.pickup_location_id.is_empty() {
        None
    } else {
        location(&services, tenant, &found.pickup_location_id).await
    };
    let tracking = view::tracking(&found, &shipments, counter.as_ref());
    let live = format!("/t/{token}/events");
    Ok(renderer.page(StatusCode::OK, "tracking.html", context! { shop, live, order => tracking }))
}

/// Tells the page when to look again. It says nothing about the order: the page does.
#[expect(clippy::too_many_arguments, reason = "what a handler needs is given to it as arguments")]
pub async fn follow(
    services: Data<Services>,
    links: Data<TrackingLinks>,
    limiter: Data<RateLimiter>,
    buckets: Data<Buckets>,
    streams: Data<Streams>,
    stopping: Data<CancellationToken>,
    client: ClientAddress,
    token: Path<String>,
    http: HttpRequest,
) -> Result<HttpResponse, Problem> {
    // A guess is a guess, whichever address it is tried at.
    let paid = limiter.check(&client.bucket("page"), &buckets.page, 1).await;
    if !paid.allowed {
        let message = "there were too many requests from your network";
        return Err(Refusal::too_many("rate_limited", message, paid.retry_after).into());
    }
    let (tenant, order): (TenantId, OrderId) =
        links.open(&token).map_err(|_| Refusal::not_found("tracking page"))?;
    let last = http.headers().get("last-event-id").and_then(|value| value.to_str().ok()?.parse::<i64>().ok());
    // Beyond the last position: answered with where that is, and then with what comes.
    let after_position = last.filter(|position| *position >= 0).unwrap_or(i64::MAX);
    let open = streams.open(client.bucket("stream"))?;
    let request = WatchChangesRequest { after_position, order_id: order.to_string() };
    let changes = services.notification().watch_changes(with_tenant(request, tenant)).await?.into_inner();
    let frame = |change: qm_proto::notification::v1::WatchChangesResponse| Frame {
        position: Some(change.position),
        event: "changed".to_owned(),
        data: String::new(),
    };
    Ok(live::respond(open, changes, frame, (**stopping).clone()))
}

fn unknown(renderer: &Renderer) -> HttpResponse {
    let context = context! {
        shop => "", title => "This link does not work",
        text => "It may be incomplete. Please open it again from the mail that we sent.",
    };
    renderer.page(StatusCode::NOT_FOUND, "message.html", context)
}

/// Where the shopper collects; none when it cannot be found now, which hides no more than an address.
async fn location(services: &Services, tenant: TenantId, id: &str) -> Option<Location> {
    let mut cursor = String::new();
    for _ in 0..MAX_LOCATION_PAGES {
        let page = Some(PageRequest { limit: 200, cursor });
        let request = with_tenant(ListLocationsRequest { page }, tenant);
        let found = services.inventory().list_locations(request).await.ok()?.into_inner();
        if let Some(location) = found.locations.into_iter().find(|location| location.id == id) {
            return Some(location);
        }
        if found.next_cursor.is_empty() {
            return None;
        }
        cursor = found.next_cursor;
    }
    None
}
