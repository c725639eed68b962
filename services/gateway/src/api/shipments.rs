//! Shipments, and what carriers report of them.

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Path, ServiceConfig},
};
use qm_proto::shipping::v1 as proto;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    common::{Page, page},
    fulfilments::{Shipment, shipment},
};
use crate::{
    http::{Caller, Params, Problem, Problems, RawBody, answer, may, number, resource},
    peers::Services,
};

type Answer = Result<HttpResponse, Problem>;

/// The routes that need a credential.
pub fn routes(config: &mut ServiceConfig) {
    config.service(resource("/shipments").get(list)).service(resource("/shipments/{shipment_id}").get(read));
}

/// The route for carriers, whose messages prove themselves by their signature.
pub fn carrier_routes(config: &mut ServiceConfig) {
    config.service(resource("/v1/carriers/{carrier}/tracking").post(receive_tracking));
}

/// Which shipments; the filters given must all match.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ShipmentParams {
    /// Status.
    #[param(
        pattern = "^(|label_purchased|handed_over|in_transit|delayed|out_for_delivery|attempted|available_for_pickup|delivered|returning|lost|voided)$"
    )]
    status: Option<String>,
    /// Order.
    order_id: Option<String>,
    /// The carrier's tracking number.
    #[param(max_length = 64)]
    tracking_number: Option<String>,
    /// Entries on a page, 1 to 200; 50 unless told.
    #[serde(default, deserialize_with = "number::optional")]
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What became of a carrier's message.
#[derive(Debug, Serialize, ToSchema)]
pub struct TrackingReceived {
    /// Tracking events that were new.
    pub applied: i32,
    /// Tracking events that were known already.
    pub duplicates: i32,
}

/// Lists shipments, oldest first.
#[utoipa::path(get, path = "/v1/shipments", tag = "fulfilments", params(ShipmentParams),
    responses((status = 200, body = Page<Shipment>), Problems))]
pub async fn list(
    caller: Caller<may::FulfilmentsRead>,
    services: Data<Services>,
    Params(asked): Params<ShipmentParams>,
) -> Answer {
    let request = proto::ListShipmentsRequest {
        page: page(asked.limit, asked.cursor)?,
        status: asked.status.unwrap_or_default(),
        order_id: asked.order_id.unwrap_or_default(),
        tracking_number: asked.tracking_number.unwrap_or_default(),
    };
    let found = services.shipping().list_shipments(caller.ask(request)).await?.into_inner();
    answer(StatusCode::OK, &Page::new(found.shipments, found.next_cursor, shipment))
}

/// Reads a shipment with its tracking events.
#[utoipa::path(get, path = "/v1/shipments/{shipment_id}", tag = "fulfilments",
    params(("shipment_id" = String, Path, description = "The shipment.")),
    responses((status = 200, body = Shipment), Problems))]
pub async fn read(
    caller: Caller<may::FulfilmentsRead>,
    services: Data<Services>,
    shipment_id: Path<String>,
) -> Answer {
    let request = proto::GetShipmentRequest { shipment_id: shipment_id.into_inner() };
    let found = services.shipping().get_shipment(caller.ask(request)).await?.into_inner().shipment;
    answer(StatusCode::OK, &shipment(found.unwrap_or_default()))
}

/// Takes a carrier's tracking message.
///
/// It needs no API key: it is signed after the Standard Webhooks specification (`webhook-id`, `webhook-timestamp`,
/// `webhook-signature`) with the carrier's secret. Duplicates and late messages are harmless.
#[utoipa::path(post, path = "/v1/carriers/{carrier}/tracking", tag = "carriers", security(()),
    params(("carrier" = String, Path, description = "Carrier's code."),
        ("webhook-id" = Option<String>, Header, description = "The message's id."),
        ("webhook-timestamp" = Option<String>, Header, description = "When it was sent, seconds since 1970."),
        ("webhook-signature" = Option<String>, Header, description = "Its signature.")), request_body = String,
    responses((status = 200, body = TrackingReceived), Problems))]
pub async fn receive_tracking(
    services: Data<Services>,
    carrier: Path<String>,
    http: HttpRequest,
    body: RawBody,
) -> Answer {
    let header = |name: &str| {
        let value = http.headers().get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let request = proto::ReceiveTrackingRequest {
        carrier: carrier.into_inner(),
        message_id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
        body: body.0.to_vec(),
    };
    let received = services.shipping().receive_tracking(request).await?.into_inner();
    answer(StatusCode::OK, &TrackingReceived { applied: received.applied, duplicates: received.duplicates })
}
