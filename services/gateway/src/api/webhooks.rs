//! Webhook endpoints and what was sent to them.

use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path, ServiceConfig},
};
use qm_proto::notification::v1 as proto;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    common::{List, OnceHeader, Page, PageParams, page, some},
    rules::EventPattern,
};
use crate::{
    http::{Body, Caller, Params, Posted, Problem, Problems, answer, may, resource},
    peers::Services,
};

type Answer = Result<HttpResponse, Problem>;

/// The routes.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(resource("/webhook-endpoints").get(list).post(create))
        .service(resource("/webhook-endpoints/{endpoint_id}").patch(change).delete(remove))
        .service(resource("/webhook-endpoints/{endpoint_id}/deliveries").get(deliveries))
        .service(resource("/webhook-deliveries/{delivery_id}/resend").post(resend));
}

/// An endpoint to register.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEndpoint {
    /// https address on the public internet.
    #[schema(example = "https://example.com/hooks/quartermaster")]
    #[schema(max_length = 2000, pattern = r"^https://[^\x00-\x20\x7f-\x9f]+$")]
    pub url: String,
    /// Event types wanted; `shipment.*` takes all of a kind; all unless told.
    #[serde(default)]
    #[schema(example = json!(["order.placed", "shipment.*"]))]
    #[schema(max_items = 50, value_type = Option<Vec<EventPattern>>)]
    pub event_types: Option<Vec<String>>,
}

/// A place that webhooks go to.
#[derive(Debug, Serialize, ToSchema)]
pub struct Endpoint {
    /// Id.
    pub id: String,
    /// Address.
    pub url: String,
    /// Event types wanted; empty takes all.
    pub event_types: Vec<String>,
    /// False when switched off by hand or after too many failures.
    pub enabled: bool,
    /// Why it is off.
    pub disabled_reason: Option<String>,
    /// When it was registered.
    pub created_at: String,
    /// Signs what is sent (Standard Webhooks); shown only when the endpoint is registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// What to change of an endpoint.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointChange {
    /// On or off. What waits for one that is switched off is given up.
    pub enabled: bool,
}

/// One message to one endpoint.
#[derive(Debug, Serialize, ToSchema)]
pub struct Delivery {
    /// Id.
    pub id: String,
    /// Endpoint.
    pub endpoint_id: String,
    /// Header `webhook-id`: the same for every try.
    pub message_id: String,
    /// Event type.
    pub event_type: String,
    /// pending, delivered or failed.
    pub status: String,
    /// Tries so far.
    pub attempts: i32,
    /// HTTP status of the last try.
    pub last_status: Option<i32>,
    /// What went wrong at the last try.
    pub last_error: Option<String>,
    /// When the next try is due.
    pub next_attempt_at: Option<String>,
    /// When it was queued.
    pub created_at: String,
}

/// Registers a webhook endpoint.
#[utoipa::path(post, path = "/v1/webhook-endpoints", tag = "notifications", params(OnceHeader), request_body = NewEndpoint,
    responses((status = 201, body = Endpoint), Problems))]
pub async fn create(
    caller: Caller<may::NotificationsWrite>,
    services: Data<Services>,
    posted: Posted<NewEndpoint>,
) -> Answer {
    let request = proto::CreateEndpointRequest {
        url: posted.body.url,
        event_types: posted.body.event_types.unwrap_or_default(),
        idempotency: Some(posted.idempotency),
    };
    let created = services.notification().create_endpoint(caller.ask(request)).await?.into_inner();
    let registered =
        Endpoint { secret: some(created.secret), ..endpoint(created.endpoint.unwrap_or_default()) };
    answer(StatusCode::CREATED, &registered)
}

/// Lists webhook endpoints, oldest first.
#[utoipa::path(get, path = "/v1/webhook-endpoints", tag = "notifications",
    responses((status = 200, body = List<Endpoint>), Problems))]
pub async fn list(caller: Caller<may::NotificationsRead>, services: Data<Services>) -> Answer {
    let request = proto::ListEndpointsRequest {};
    let found = services.notification().list_endpoints(caller.ask(request)).await?.into_inner();
    answer(StatusCode::OK, &List { data: found.endpoints.into_iter().map(endpoint).collect::<Vec<_>>() })
}

/// Switches an endpoint on or off.
#[utoipa::path(patch, path = "/v1/webhook-endpoints/{endpoint_id}", tag = "notifications",
    params(("endpoint_id" = String, Path, description = "The endpoint.")), request_body = EndpointChange,
    responses((status = 200, body = Endpoint), Problems))]
pub async fn change(
    caller: Caller<may::NotificationsWrite>,
    services: Data<Services>,
    endpoint_id: Path<String>,
    Body(asked): Body<EndpointChange>,
) -> Answer {
    let request =
        proto::SetEndpointEnabledRequest { endpoint_id: endpoint_id.into_inner(), enabled: asked.enabled };
    let found = services.notification().set_endpoint_enabled(caller.ask(request)).await?.into_inner();
    answer(StatusCode::OK, &endpoint(found.endpoint.unwrap_or_default()))
}

/// Removes an endpoint and what is still queued for it.
#[utoipa::path(delete, path = "/v1/webhook-endpoints/{endpoint_id}", tag = "notifications",
    params(("endpoint_id" = String, Path, description = "The endpoint.")),
    responses((status = 204, description = "It is gone."), Problems))]
pub async fn remove(
    caller: Caller<may::NotificationsWrite>,
    services: Data<Services>,
    endpoint_id: Path<String>,
) -> Answer {
    let request = proto::DeleteEndpointRequest { endpoint_id: endpoint_id.into_inner() };
    services.notification().delete_endpoint(caller.ask(request)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Lists what was sent to an endpoint, newest first.
#[utoipa::path(get, path = "/v1/webhook-endpoints/{endpoint_id}/deliveries", tag = "notifications",
    params(("endpoint_id" = String, Path, description = "The endpoint."), PageParams),
    responses((status = 200, body = Page<Delivery>), Problems))]
pub async fn deliveries(
    caller: Caller<may::NotificationsRead>,
    services: Data<Services>,
    endpoint_id: Path<String>,
    Params(asked): Params<PageParams>,
) -> Answer {
    let request = proto::ListDeliveriesRequest {
        endpoint_id: endpoint_id.into_inner(),
        page: page(asked.limit, asked.cursor)?,
    };
    let found = services.notification().list_deliveries(caller.ask(request)).await?.into_inner();
    answer(StatusCode::OK, &Page::new(found.deliveries, found.next_cursor, delivery))
}

/// Sends a delivery once more, under its original message id.
#[utoipa::path(post, path = "/v1/webhook-deliveries/{delivery_id}/resend", tag = "notifications",
    params(("delivery_id" = String, Path, description = "The delivery."), OnceHeader),
    responses((status = 200, body = Delivery), Problems))]
pub async fn resend(
    caller: Caller<may::NotificationsWrite>,
    services: Data<Services>,
    delivery_id: Path<String>,
    // A second asking at worst sends the same message again, which its id makes recognisable.
    _: Posted<super::fulfilments::NoDetails>,
) -> Answer {
    let request = proto::ResendDeliveryRequest { delivery_id: delivery_id.into_inner() };
    let found = services.notification().resend_delivery(caller.ask(request)).await?.into_inner();
    answer(StatusCode::OK, &delivery(found.delivery.unwrap_or_default()))
}

fn endpoint(it: proto::Endpoint) -> Endpoint {
    Endpoint {
        id: it.id,
        url: it.url,
        event_types: it.event_types,
        enabled: it.enabled,
        disabled_reason: some(it.disabled_reason),
        created_at: it.created_at,
        secret: None,
    }
}

fn delivery(it: proto::Delivery) -> Delivery {
    Delivery {
        id: it.id,
        endpoint_id: it.endpoint_id,
        message_id: it.message_id,
        event_type: it.event_type,
        status: it.status,
        attempts: it.attempts,
        last_status: Some(it.last_status).filter(|status| *status != 0),
        last_error: some(it.last_error),
        next_attempt_at: some(it.next_attempt_at),
        created_at: it.created_at,
    }
}
