//! Fulfilments: the work of one location, and what a warehouse does with it.

mod model;

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Path, ServiceConfig},
};
use qm_proto::{shipping::v1 as proto, types::v1::Idempotency};
use serde::Deserialize;
use utoipa::IntoParams;

use super::common::{IfMatchHeader, OnceHeader, Page, page};
use crate::{
    http::{
        Caller, Params, Posted, Problem, Problems, answer, etag, expected_version, is_current, may, number,
        resource,
    },
    peers::Services,
};

pub use model::*;

type Answer = Result<HttpResponse, Problem>;
type Worker = Caller<may::FulfilmentsWrite>;

/// The routes.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(resource("/fulfilments").get(list))
        .service(resource("/fulfilments/{fulfilment_id}").get(read))
        .service(resource("/fulfilments/{fulfilment_id}/accept").post(accept))
        .service(resource("/fulfilments/{fulfilment_id}/reject").post(reject))
        .service(resource("/fulfilments/{fulfilment_id}/pick").post(pick))
        .service(resource("/fulfilments/{fulfilment_id}/pack").post(pack))
        .service(resource("/fulfilments/{fulfilment_id}/label").post(label))
        .service(resource("/fulfilments/{fulfilment_id}/hand-over").post(hand_over));
}

/// Which fulfilments; the filters given must all match.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FulfilmentParams {
    /// Status.
    #[param(
        pattern = "^(|requested|accepted|picking|packed|ready_for_pickup|dispatched|completed|incomplete|rejected|cancelled)$"
    )]
    status: Option<String>,
    /// Location.
    location_id: Option<String>,
    /// Order.
    order_id: Option<String>,
    /// Entries on a page, 1 to 200; 50 unless told.
    #[serde(default, deserialize_with = "number::optional")]
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists fulfilments, oldest first.
#[utoipa::path(get, path = "/v1/fulfilments", tag = "fulfilments", params(FulfilmentParams),
    responses((status = 200, body = Page<Fulfilment>), Problems))]
pub async fn list(
    caller: Caller<may::FulfilmentsRead>,
    services: Data<Services>,
    Params(asked): Params<FulfilmentParams>,
) -> Answer {
    let request = proto::ListFulfilmentsRequest {
        page: page(asked.limit, asked.cursor)?,
        status: asked.status.unwrap_or_default(),
        location_id: asked.location_id.unwrap_or_default(),
        order_id: asked.order_id.unwrap_or_default(),
    };
    let found = services.shipping().list_fulfilments(caller.ask(request)).await?.into_inner();
    answer(StatusCode::OK, &Page::new(found.fulfilments, found.next_cursor, fulfilment))
}

/// Reads a fulfilment.
#[utoipa::path(get, path = "/v1/fulfilments/{fulfilment_id}", tag = "fulfilments",
    params(("fulfilment_id" = String, Path, description = "The fulfilment.")),
    responses((status = 200, body = Fulfilment), (status = 304, description = "`If-None-Match` names the current version."), Problems))]
pub async fn read(
    caller: Caller<may::FulfilmentsRead>,
    services: Data<Services>,
    fulfilment_id: Path<String>,
    http: HttpRequest,
) -> Answer {
    let request = proto::GetFulfilmentRequest { fulfilment_id: fulfilment_id.into_inner() };
    let found = services.shipping().get_fulfilment(caller.ask(request)).await?.into_inner().fulfilment;
    let found = found.unwrap_or_default();
    if is_current(&http, found.version) {
        return Ok(HttpResponse::NotModified().insert_header(etag(found.version)).finish());
    }
    show(Some(found))
}

/// The location takes the work.
#[utoipa::path(post, path = "/v1/fulfilments/{fulfilment_id}/accept", tag = "fulfilments",
    params(("fulfilment_id" = String, Path, description = "The fulfilment."), OnceHeader, IfMatchHeader),
    request_body = NoDetails, responses((status = 200, body = Fulfilment), Problems))]
pub async fn accept(
    caller: Worker,
    services: Data<Services>,
    fulfilment_id: Path<String>,
    http: HttpRequest,
    posted: Posted<NoDetails>,
) -> Answer {
    let action = action(&caller, fulfilment_id, &http, posted.idempotency)?;
    let request = caller.ask(proto::AcceptFulfilmentRequest { action });
    show(services.shipping().accept_fulfilment(request).await?.into_inner().fulfilment)
}

/// The location cannot do all or some of it; the units named find another source.
#[utoipa::path(post, path = "/v1/fulfilments/{fulfilment_id}/reject", tag = "fulfilments",
    params(("fulfilment_id" = String, Path, description = "The fulfilment."), OnceHeader, IfMatchHeader),
    request_body = Reject, responses((status = 200, body = Fulfilment), Problems))]
pub async fn reject(
    caller: Worker,
    services: Data<Services>,
    fulfilment_id: Path<String>,
    http: HttpRequest,
    posted: Posted<Reject>,
) -> Answer {
    let reason = match posted.body.reason {
        RejectReason::ShortPick => proto::RejectReason::ShortPick,
        RejectReason::Declined => proto::RejectReason::Declined,
    };
    let request = caller.ask(proto::RejectFulfilmentRequest {
        action: action(&caller, fulfilment_id, &http, posted.idempotency)?,
        units: posted.body.units.unwrap_or_default().into_iter().map(Into::into).collect(),
        reason: reason.into(),
        note: posted.body.note.unwrap_or_default(),
    });
    show(services.shipping().reject_fulfilment(request).await?.into_inner().fulfilment)
}

/// Picking has begun: from here stock in hand is not taken from this fulfilment.
#[utoipa::path(post, path = "/v1/fulfilments/{fulfilment_id}/pick", tag = "fulfilments",
    params(("fulfilment_id" = String, Path, description = "The fulfilment."), OnceHeader, IfMatchHeader),
    request_body = NoDetails, responses((status = 200, body = Fulfilment), Problems))]
pub async fn pick(
    caller: Worker,
    services: Data<Services>,
    fulfilment_id: Path<String>,
    http: HttpRequest,
    posted: Posted<NoDetails>,
) -> Answer {
    let action = action(&caller, fulfilment_id, &http, posted.idempotency)?;
    let request = caller.ask(proto::StartPickingRequest { action });
    show(services.shipping().start_picking(request).await?.into_inner().fulfilment)
}

/// All units that are left are in parcels.
#[utoipa::path(post, path = "/v1/fulfilments/{fulfilment_id}/pack", tag = "fulfilments",
    params(("fulfilment_id" = String, Path, description = "The fulfilment."), OnceHeader, IfMatchHeader),
    request_body = Pack, responses((status = 200, body = Fulfilment), Problems))]
pub async fn pack(
    caller: Worker,
    services: Data<Services>,
    fulfilment_id: Path<String>,
    http: HttpRequest,
    posted: Posted<Pack>,
) -> Answer {
    let parcel = |parcel: NewParcel| proto::NewParcel {
        units: parcel.units.into_iter().map(Into::into).collect(),
        weight_grams: parcel.weight_grams.unwrap_or_default(),
    };
    let request = caller.ask(proto::PackFulfilmentRequest {
        action: action(&caller, fulfilment_id, &http, posted.idempotency)?,
        parcels: posted.body.parcels.unwrap_or_default().into_iter().map(parcel).collect(),
    });
    show(services.shipping().pack_fulfilment(request).await?.into_inner().fulfilment)
}

/// Buys a label for each parcel: the point of no return for what is shipped.
#[utoipa::path(post, path = "/v1/fulfilments/{fulfilment_id}/label", tag = "fulfilments",
    params(("fulfilment_id" = String, Path, description = "The fulfilment."), OnceHeader, IfMatchHeader),
    request_body = NoDetails, responses((status = 200, body = Fulfilment), Problems))]
pub async fn label(
    caller: Worker,
    services: Data<Services>,
    fulfilment_id: Path<String>,
    http: HttpRequest,
    posted: Posted<NoDetails>,
) -> Answer {
    let action = action(&caller, fulfilment_id, &http, posted.idempotency)?;
    let request = caller.ask(proto::LabelFulfilmentRequest { action });
    show(services.shipping().label_fulfilment(request).await?.into_inner().fulfilment)
}

/// The carrier, or the shopper at the counter, has the goods.
#[utoipa::path(post, path = "/v1/fulfilments/{fulfilment_id}/hand-over", tag = "fulfilments",
    params(("fulfilment_id" = String, Path, description = "The fulfilment."), OnceHeader, IfMatchHeader),
    request_body = NoDetails, responses((status = 200, body = Fulfilment), Problems))]
pub async fn hand_over(
    caller: Worker,
    services: Data<Services>,
    fulfilment_id: Path<String>,
    http: HttpRequest,
    posted: Posted<NoDetails>,
) -> Answer {
    let action = action(&caller, fulfilment_id, &http, posted.idempotency)?;
    let request = caller.ask(proto::HandOverFulfilmentRequest { action });
    show(services.shipping().hand_over_fulfilment(request).await?.into_inner().fulfilment)
}

fn action(
    caller: &Worker,
    fulfilment_id: Path<String>,
    http: &HttpRequest,
    idempotency: Idempotency,
) -> Result<Option<proto::FulfilmentAction>, Problem> {
    Ok(Some(proto::FulfilmentAction {
        fulfilment_id: fulfilment_id.into_inner(),
        actor: Some(caller.actor()),
        idempotency: Some(idempotency),
        expected_version: expected_version(http)?,
    }))
}

fn show(found: Option<proto::Fulfilment>) -> Answer {
    let found = fulfilment(found.unwrap_or_default());
    Ok(HttpResponse::Ok().insert_header(etag(found.version)).json(found))
}
