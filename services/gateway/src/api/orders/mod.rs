//! Orders: capture, reading, and what people decide about them.

mod convert;
mod model;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header::HeaderName},
    web::{Data, Path, ServiceConfig},
};
use qm_proto::{
    order::v1::{self as proto, place_order_result::Outcome},
    types::v1::Idempotency,
};
use qm_tracking_link::TrackingLinks;
use serde::Deserialize;
use utoipa::IntoParams;

use super::common::{IfMatchHeader, List, OnceHeader, Page, page};
use crate::{
    http::{
        Caller, Params, Posted, Problem, Problems, answer, etag, expected_version, is_current, may, number,
        resource,
    },
    peers::Services,
};

#[cfg(any(test, fuzzing))]
pub use convert::new_order as to_proto;
pub use model::*;

type Answer = Result<HttpResponse, Problem>;

/// Says that an answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The routes.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(resource("/orders").get(list).post(place))
        .service(resource("/orders/batch").post(place_batch))
        .service(resource("/orders/{order_id}").get(read))
        .service(resource("/orders/{order_id}/cancel").post(cancel))
        .service(resource("/orders/{order_id}/hold").post(hold))
        .service(resource("/orders/{order_id}/release").post(release))
        .service(resource("/orders/{order_id}/timeline").get(timeline));
}

/// Which orders; the filters given must all match.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OrderParams {
    /// placed, on_hold, in_fulfilment, completed or cancelled.
    #[param(max_length = 254)]
    status: Option<String>,
    /// Sales channel.
    #[param(max_length = 254)]
    channel: Option<String>,
    /// The channel's own number.
    #[param(max_length = 254)]
    external_id: Option<String>,
    /// Shopper's email.
    #[param(max_length = 254)]
    email: Option<String>,
    /// Order number.
    #[serde(default, deserialize_with = "number::optional")]
    number: Option<i64>,
    /// Placed at or after, RFC 3339.
    #[param(format = DateTime)]
    placed_from: Option<String>,
    /// Placed before, RFC 3339.
    #[param(format = DateTime)]
    placed_until: Option<String>,
    /// Entries on a page, 1 to 200; 50 unless told.
    #[serde(default, deserialize_with = "number::optional")]
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Places an order.
///
/// Answered with 201 the order is safe, whatever fails afterwards. A repeat with the same `Idempotency-Key` gets the same
/// order, with `Idempotent-Replayed: true`.
#[utoipa::path(post, path = "/v1/orders", tag = "orders", params(OnceHeader), request_body = NewOrder,
    responses((status = 201, body = Order), Problems))]
pub async fn place(
    caller: Caller<may::OrdersWrite>,
    services: Data<Services>,
    links: Data<TrackingLinks>,
    posted: Posted<NewOrder>,
) -> Answer {
    let order = convert::new_order(posted.body)?;
    let result = ask_to_place(&caller, &services, vec![order], posted.idempotency).await?.pop();
    let result = result.ok_or_else(|| Problem::from(qm_refusal::Refusal::internal()))?;
    let placed = match result.outcome {
        Some(Outcome::Order(order)) => convert::order(order, caller.tenant, &links),
        Some(Outcome::Refusal(refusal)) => return Err(convert::refusal(refusal).into()),
        None => return Err(qm_refusal::Refusal::internal().into()),
    };
    let mut response = HttpResponse::Created();
    response
        .insert_header(etag(placed.revision))
        .insert_header(("location", format!("/v1/orders/{}", placed.id)));
    if result.replayed {
        response.insert_header((REPLAYED, "true"));
    }
    Ok(response.json(placed))
}

/// Places many orders, each accepted or refused on its own. For the rate limit it is as many requests as orders.
#[utoipa::path(post, path = "/v1/orders/batch", tag = "orders", params(OnceHeader), request_body = NewOrders,
    responses((status = 200, body = Placed), Problems))]
pub async fn place_batch(
    caller: Caller<may::OrdersWrite>,
    services: Data<Services>,
    links: Data<TrackingLinks>,
    posted: Posted<NewOrders>,
) -> Answer {
    caller.pay_for(posted.body.orders.len()).await?;
    let orders = posted.body.orders.into_iter().enumerate().map(|(index, order)| {
        convert::new_order(order).map_err(|refusal| refusal.within(&format!("orders[{index}]")))
    });
    let orders = orders.collect::<Result<Vec<_>, _>>()?;
    let results = ask_to_place(&caller, &services, orders, posted.idempotency).await?;
    let result = |it: proto::PlaceOrderResult| match it.outcome {
        Some(Outcome::Order(order)) => PlacedOrder {
            status: 201,
            order: Some(convert::order(order, caller.tenant, &links)),
            problem: None,
        },
        outcome => {
            let refusal = match outcome {
                Some(Outcome::Refusal(refusal)) => convert::refusal(refusal),
                _ => qm_refusal::Refusal::internal(),
            };
            PlacedOrder { status: refusal.kind.http(), order: None, problem: Some(refusal.into()) }
        }
    };
    answer(StatusCode::OK, &Placed { results: results.into_iter().map(result).collect() })
}

async fn ask_to_place(
    caller: &Caller<may::OrdersWrite>,
    services: &Services,
    orders: Vec<proto::NewOrder>,
    idempotency: Idempotency,
) -> Result<Vec<proto::PlaceOrderResult>, Problem> {
    let request =
        proto::PlaceOrdersRequest { orders, idempotency: Some(idempotency), actor: Some(caller.actor()) };
    Ok(services.order().place_orders(caller.ask(request)).await?.into_inner().results)
}

/// Lists orders, newest first.
#[utoipa::path(get, path = "/v1/orders", tag = "orders", params(OrderParams),
    responses((status = 200, body = Page<Order>), Problems))]
pub async fn list(
    caller: Caller<may::OrdersRead>,
    services: Data<Services>,
    links: Data<TrackingLinks>,
    Params(asked): Params<OrderParams>,
) -> Answer {
    let request = proto::ListOrdersRequest {
        page: page(asked.limit, asked.cursor)?,
        status: asked.status.unwrap_or_default(),
        channel: asked.channel.unwrap_or_default(),
        external_id: asked.external_id.unwrap_or_default(),
        email: asked.email.unwrap_or_default(),
        placed_from: asked.placed_from.unwrap_or_default(),
        placed_until: asked.placed_until.unwrap_or_default(),
        number: asked.number.unwrap_or_default(),
    };
    let found = services.order().list_orders(caller.ask(request)).await?.into_inner();
    let convert = |order| convert::order(order, caller.tenant, &links);
    answer(StatusCode::OK, &Page::new(found.orders, found.next_cursor, convert))
}

/// Reads an order.
#[utoipa::path(get, path = "/v1/orders/{order_id}", tag = "orders", params(("order_id" = String, Path, description = "The order.")),
    responses((status = 200, body = Order), (status = 304, description = "`If-None-Match` names the current version."), Problems))]
pub async fn read(
    caller: Caller<may::OrdersRead>,
    services: Data<Services>,
    links: Data<TrackingLinks>,
    order_id: Path<String>,
    http: HttpRequest,
) -> Answer {
    let found = services.order_by_id(caller.tenant, &order_id).await?;
    if is_current(&http, found.revision) {
        return Ok(HttpResponse::NotModified().insert_header(etag(found.revision)).finish());
    }
    show(found, caller.tenant, &links)
}

/// Cancels whatever of an order can still be cancelled.
///
/// Units that a warehouse works on are recalled, and cancelled when it confirms; what has a label goes on, and comes back
/// as a return.
#[utoipa::path(post, path = "/v1/orders/{order_id}/cancel", tag = "orders",
    params(("order_id" = String, Path, description = "The order."), OnceHeader, IfMatchHeader), request_body = Cancel,
    responses((status = 200, body = Order), Problems))]
pub async fn cancel(
    caller: Caller<may::OrdersWrite>,
    services: Data<Services>,
    links: Data<TrackingLinks>,
    order_id: Path<String>,
    http: HttpRequest,
    posted: Posted<Cancel>,
) -> Answer {
    let request = proto::CancelOrderRequest {
        order_id: order_id.into_inner(),
        reason: posted.body.reason.unwrap_or_default(),
        actor: Some(caller.actor()),
        idempotency: Some(posted.idempotency),
        expected_revision: expected_version(&http)?,
    };
    let found = services.order().cancel_order(caller.ask(request)).await?.into_inner();
    show(found.order.unwrap_or_default(), caller.tenant, &links)
}

/// Places a hold: nothing more goes to a warehouse until it is lifted.
#[utoipa::path(post, path = "/v1/orders/{order_id}/hold", tag = "orders",
    params(("order_id" = String, Path, description = "The order."), OnceHeader, IfMatchHeader), request_body = NewHold,
    responses((status = 200, body = Order), Problems))]
pub async fn hold(
    caller: Caller<may::OrdersWrite>,
    services: Data<Services>,
    links: Data<TrackingLinks>,
    order_id: Path<String>,
    http: HttpRequest,
    posted: Posted<NewHold>,
) -> Answer {
    let request = proto::HoldOrderRequest {
        order_id: order_id.into_inner(),
        kind: posted.body.kind,
        reason: posted.body.reason.unwrap_or_default(),
        actor: Some(caller.actor()),
        idempotency: Some(posted.idempotency),
        expected_revision: expected_version(&http)?,
    };
    let found = services.order().hold_order(caller.ask(request)).await?.into_inner();
    show(found.order.unwrap_or_default(), caller.tenant, &links)
}

/// Lifts a hold, or all of them.
#[utoipa::path(post, path = "/v1/orders/{order_id}/release", tag = "orders",
    params(("order_id" = String, Path, description = "The order."), OnceHeader, IfMatchHeader), request_body = LiftHold,
    responses((status = 200, body = Order), Problems))]
pub async fn release(
    caller: Caller<may::OrdersWrite>,
    services: Data<Services>,
    links: Data<TrackingLinks>,
    order_id: Path<String>,
    http: HttpRequest,
    posted: Posted<LiftHold>,
) -> Answer {
    let request = proto::ReleaseHoldRequest {
        order_id: order_id.into_inner(),
        hold_id: posted.body.hold_id.unwrap_or_default(),
        actor: Some(caller.actor()),
        idempotency: Some(posted.idempotency),
        expected_revision: expected_version(&http)?,
    };
    let found = services.order().release_hold(caller.ask(request)).await?.into_inner();
    show(found.order.unwrap_or_default(), caller.tenant, &links)
}

/// Lists everything that happened to an order, oldest first, with cause and actor.
#[utoipa::path(get, path = "/v1/orders/{order_id}/timeline", tag = "orders", params(("order_id" = String, Path, description = "The order.")),
    responses((status = 200, body = List<TimelineEntry>), Problems))]
pub async fn timeline(
    caller: Caller<may::OrdersRead>,
    services: Data<Services>,
    order_id: Path<String>,
) -> Answer {
    let request = proto::GetTimelineRequest { order_id: order_id.into_inner() };
    let found = services.order().get_timeline(caller.ask(request)).await?.into_inner();
    let data = found.entries.into_iter().map(convert::timeline_entry).collect::<Vec<_>>();
    answer(StatusCode::OK, &List { data })
}

fn show(order: proto::Order, tenant: qm_ids::TenantId, links: &TrackingLinks) -> Answer {
    let order = convert::order(order, tenant, links);
    Ok(HttpResponse::Ok().insert_header(etag(order.revision)).json(order))
}
