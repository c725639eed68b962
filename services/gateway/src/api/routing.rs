//! The carrier tariff, and why an order is served from where it is.

use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path, ServiceConfig},
};
use qm_proto::routing::v1 as proto;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{
    common::{FulfilmentKind, LineUnits, List},
    rules::Region,
};
use crate::{
    http::{Body, Caller, Problem, Problems, answer, may, resource},
    peers::Services,
};

type Answer = Result<HttpResponse, Problem>;

/// The routes.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(resource("/tariff").get(read_tariff).put(put_tariff))
        .service(resource("/orders/{order_id}/plans").get(plans));
}

/// One band of the tariff: service × zone.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TariffBand {
    /// Service level.
    #[schema(example = "standard")]
    #[schema(min_length = 1, max_length = 50)]
    pub service_level: String,
    /// Zone number, growing with distance where distance makes the zone.
    #[schema(minimum = 0)]
    pub zone: i32,
    /// Great-circle miles up to which the zone reaches; 0, or left out, for a zone of regions.
    #[schema(minimum = 0)]
    pub max_miles: Option<i32>,
    /// At most 100 destination regions, ISO 3166-2 such as `US-AK`. The band prices them whatever the distance, and no band
    /// of miles does. Left out for a zone of miles.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 100, value_type = Option<Vec<Region>>)]
    pub regions: Option<Vec<String>>,
    /// Price of a parcel, minor units.
    #[schema(minimum = 0, maximum = 1000000000000u64)]
    pub base_minor: i64,
    /// Price of a pound on top, millionths of the major unit.
    #[schema(minimum = 0, maximum = 10000000000000000u64)]
    pub per_pound_micros: i64,
    /// Days on the road.
    #[schema(minimum = 0, maximum = 366)]
    pub transit_days: i32,
}

/// A tariff to store.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTariff {
    /// 1 to 500 bands, which replace all that were there.
    #[schema(min_items = 1, max_items = 500)]
    pub bands: Vec<TariffBand>,
}

/// The tariff.
#[derive(Debug, Serialize, ToSchema)]
pub struct Tariff {
    /// Grows with every replacement; 0 when none was stored.
    pub version: i64,
    /// By service and zone.
    pub bands: Vec<TariffBand>,
}

/// The tariff was stored.
#[derive(Debug, Serialize, ToSchema)]
pub struct TariffStored {
    /// Its version.
    pub version: i64,
}

/// A plan with its reasons.
#[derive(Debug, Serialize, ToSchema)]
pub struct Plan {
    /// Id.
    pub plan_id: String,
    /// Sourcing attempt that it answers.
    pub attempt: i32,
    /// Revision of the order that the attempt was made at.
    pub revision: i64,
    /// Planned cost of transport and handling, minor units.
    pub cost_minor: i64,
    /// True when no feasible plan keeps the promised date.
    pub promise_unmet: bool,
    /// What each location shall do.
    pub assignments: Vec<Assignment>,
    /// Units that no location could fill.
    pub unfilled: Vec<LineUnits>,
    /// Each candidate, its cost parts, why it lost or was ruled out; see docs/routing-explanation.md.
    #[schema(value_type = Object)]
    pub explanation: Option<Box<RawValue>>,
    /// When it was made.
    pub planned_at: String,
}

/// Work for one location.
#[derive(Debug, Serialize, ToSchema)]
pub struct Assignment {
    /// Location.
    pub location_id: String,
    /// Group within the plan: kind, service level and storage class.
    pub group: String,
    /// Kind of work.
    pub kind: FulfilmentKind,
    /// The units.
    pub units: Vec<LineUnits>,
    /// Local date by which it leaves.
    pub ship_date: String,
    /// Local date by which it arrives.
    pub promised_date: String,
    /// Planned cost, minor units.
    pub cost_minor: i64,
}

/// Replaces the carrier tariff.
#[utoipa::path(put, path = "/v1/tariff", tag = "routing", request_body = NewTariff,
    responses((status = 200, body = TariffStored), Problems))]
pub async fn put_tariff(
    caller: Caller<may::RoutingWrite>,
    services: Data<Services>,
    Body(asked): Body<NewTariff>,
) -> Answer {
    let bands = asked.bands.into_iter().map(|band| proto::TariffBand {
        service_level: band.service_level,
        zone: band.zone,
        max_miles: band.max_miles.unwrap_or_default(),
        base_minor: band.base_minor,
        per_pound_micros: band.per_pound_micros,
        transit_days: band.transit_days,
        regions: band.regions.unwrap_or_default(),
    });
    let request = proto::PutTariffRequest { bands: bands.collect() };
    let stored = services.routing().put_tariff(caller.ask(request)).await?.into_inner();
    answer(StatusCode::OK, &TariffStored { version: stored.version })
}

/// Reads the carrier tariff.
#[utoipa::path(get, path = "/v1/tariff", tag = "routing", responses((status = 200, body = Tariff), Problems))]
pub async fn read_tariff(caller: Caller<may::RoutingRead>, services: Data<Services>) -> Answer {
    let found = services.routing().get_tariff(caller.ask(proto::GetTariffRequest {})).await?.into_inner();
    let bands = found.bands.into_iter().map(|band| TariffBand {
        service_level: band.service_level,
        zone: band.zone,
        max_miles: Some(band.max_miles),
        base_minor: band.base_minor,
        per_pound_micros: band.per_pound_micros,
        transit_days: band.transit_days,
        regions: Some(band.regions).filter(|regions| !regions.is_empty()),
    });
    answer(StatusCode::OK, &Tariff { version: found.version, bands: bands.collect() })
}

/// Lists an order's plans, oldest first, each with its reasons.
#[utoipa::path(get, path = "/v1/orders/{order_id}/plans", tag = "orders", params(("order_id" = String, Path, description = "The order.")),
    responses((status = 200, body = List<Plan>), Problems))]
pub async fn plans(
    caller: Caller<may::OrdersRead>,
    services: Data<Services>,
    order_id: Path<String>,
) -> Answer {
    let order_id = order_id.into_inner();
    // Order knows which orders there are: routing would answer for a strange one with an empty list.
    services.order_by_id(caller.tenant, &order_id).await?;
    let request = proto::ListPlansRequest { order_id };
    let found = services.routing().list_plans(caller.ask(request)).await?.into_inner();
    answer(StatusCode::OK, &List { data: found.plans.into_iter().map(plan).collect::<Vec<_>>() })
}

fn plan(it: proto::Plan) -> Plan {
    let planned = it.planned.unwrap_or_default();
    Plan {
        plan_id: planned.plan_id,
        attempt: planned.attempt,
        revision: planned.revision,
        cost_minor: planned.cost_minor,
        promise_unmet: planned.promise_unmet,
        assignments: planned.assignments.into_iter().map(assignment).collect(),
        unfilled: it.unfilled.into_iter().map(Into::into).collect(),
        explanation: RawValue::from_string(it.explanation_json).ok(),
        planned_at: it.planned_at,
    }
}

fn assignment(it: proto::Assignment) -> Assignment {
    Assignment {
        kind: it.kind().into(),
        location_id: it.location_id,
        group: it.group,
        units: it.units.into_iter().map(Into::into).collect(),
        ship_date: it.ship_date,
        promised_date: it.promised_date,
        cost_minor: it.cost_minor,
    }
}
