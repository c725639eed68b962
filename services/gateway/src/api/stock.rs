//! Stock: positions, availability, and what people report about it.

use std::collections::HashMap;

use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, ServiceConfig},
};
use qm_proto::inventory::v1 as proto;
use qm_refusal::Refusal;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::common::{Actor, List, OnceHeader, Page, page, some};
use crate::{
    http::{Caller, Params, Posted, Problem, Problems, answer, may, number, resource},
    peers::Services,
};

type Answer = Result<HttpResponse, Problem>;

/// Items whose availability may be asked at once.
const MAX_SKUS: usize = 100;

/// The routes.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(resource("/stock").get(list))
        .service(resource("/stock/movements").get(movements).post(record))
        .service(resource("/availability").get(availability));
}

/// Which positions.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StockParams {
    /// Only this item.
    #[param(max_length = 100)]
    sku: Option<String>,
    /// Only this location, by code.
    #[param(max_length = 50)]
    location: Option<String>,
    /// Entries on a page, 1 to 200; 50 unless told.
    #[serde(default, deserialize_with = "number::optional")]
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// One item at one location.
#[derive(Debug, Serialize, ToSchema)]
pub struct StockRow {
    /// Item.
    pub item_id: String,
    /// Stock keeping unit.
    pub sku: String,
    /// Location.
    pub location_id: String,
    /// Location's code.
    pub location: String,
    /// Physically there and fit for sale.
    pub sellable: i64,
    /// Physically there, awaiting inspection.
    pub quarantine: i64,
    /// Physically there, not fit for sale.
    pub damaged: i64,
    /// Claimed for a limited time.
    pub soft_reserved: i64,
    /// Claimed by orders.
    pub allocated: i64,
    /// Kept back by policy.
    pub safety: i64,
    /// sellable − safety − soft_reserved − allocated, not below 0.
    pub available: i64,
    /// Grows with every movement.
    pub version: i64,
}

/// What is reported about stock.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MovementKind {
    /// Goods arrived: quantity > 0.
    Receive,
    /// A correction: quantity, not 0, is added.
    Adjust,
    /// A count: quantity >= 0 is what is there now.
    Count,
}

/// A movement to record.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMovement {
    /// Stock keeping unit.
    #[schema(min_length = 1, max_length = 100)]
    pub sku: String,
    /// Location's code.
    #[schema(min_length = 1, max_length = 50)]
    pub location: String,
    /// Kind.
    pub kind: MovementKind,
    /// See the kind.
    #[schema(minimum = -1000000000, maximum = 1000000000)]
    pub quantity: i64,
    /// Why, in words; required for adjust.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub reason: Option<String>,
    /// The reporter's own reference.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub reference: Option<String>,
    /// Version of the position that was seen; any unless told.
    #[serde(default)]
    #[schema(minimum = 0)]
    pub expected_version: Option<i64>,
}

/// Movements to record.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMovements {
    /// 1 to 1,000 movements; all are recorded, or none when one is refused.
    #[schema(min_items = 1, max_items = 1000)]
    pub movements: Vec<NewMovement>,
}

/// Whose ledger.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MovementParams {
    /// Stock keeping unit.
    #[param(min_length = 1, max_length = 100)]
    sku: String,
    /// Location's code.
    #[param(min_length = 1, max_length = 50)]
    location: String,
    /// Entries on a page, 1 to 200; 50 unless told.
    #[serde(default, deserialize_with = "number::optional")]
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// An entry of the ledger.
#[derive(Debug, Serialize, ToSchema)]
pub struct Movement {
    /// Id.
    pub id: String,
    /// receive, allocate, release, issue, return_in, adjust, count, transfer_out, transfer_in, reclassify, assemble or consume.
    pub kind: String,
    /// Change of sellable.
    pub sellable_delta: i64,
    /// Change of allocated.
    pub allocated_delta: i64,
    /// Change of soft_reserved.
    pub soft_reserved_delta: i64,
    /// Why.
    pub reason: Option<String>,
    /// Reservation, fulfilment or the reporter's reference.
    pub reference: Option<String>,
    /// Who.
    pub actor: Option<Actor>,
    /// When it happened.
    pub occurred_at: String,
    /// When it was recorded.
    pub recorded_at: String,
}

/// Which items.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AvailabilityParams {
    /// 1 to 100 stock keeping units, separated by commas.
    #[param(min_length = 1)]
    skus: String,
}

/// What any order may have of an item.
#[derive(Debug, Serialize, ToSchema)]
pub struct Availability {
    /// Stock keeping unit.
    pub sku: String,
    /// Units over all locations.
    pub available: i64,
    /// Where they are.
    pub locations: Vec<AvailableAt>,
}

/// What any order may have of an item at one location.
#[derive(Debug, Serialize, ToSchema)]
pub struct AvailableAt {
    /// Location.
    pub location_id: String,
    /// Location's code.
    pub location: Option<String>,
    /// Units.
    pub available: i64,
}

/// Lists stock positions.
#[utoipa::path(get, path = "/v1/stock", tag = "inventory", params(StockParams),
    responses((status = 200, body = Page<StockRow>), Problems))]
pub async fn list(
    caller: Caller<may::InventoryRead>,
    services: Data<Services>,
    Params(asked): Params<StockParams>,
) -> Answer {
    let request = proto::ListStockRequest {
        page: page(asked.limit, asked.cursor)?,
        skus: asked.sku.into_iter().collect(),
        location_code: asked.location.unwrap_or_default(),
    };
    let found = services.inventory().list_stock(caller.ask(request)).await?.into_inner();
    answer(StatusCode::OK, &Page::new(found.rows, found.next_cursor, stock_row))
}

/// Records movements: goods that arrived, corrections, counts.
///
/// A count below what orders were promised breaks the excess reservations, and their orders find other sources.
#[utoipa::path(post, path = "/v1/stock/movements", tag = "inventory", params(OnceHeader), request_body = NewMovements,
    responses((status = 200, body = List<StockRow>), Problems))]
pub async fn record(
    caller: Caller<may::InventoryWrite>,
    services: Data<Services>,
    posted: Posted<NewMovements>,
) -> Answer {
    let request = proto::RecordMovementsRequest {
        movements: posted.body.movements.into_iter().map(new_movement).collect(),
        actor: Some(caller.actor()),
        idempotency: Some(posted.idempotency),
    };
    let found = services.inventory().record_movements(caller.ask(request)).await?.into_inner();
    answer(StatusCode::OK, &List { data: found.rows.into_iter().map(stock_row).collect::<Vec<_>>() })
}

/// Lists the ledger of one item at one location, newest first.
#[utoipa::path(get, path = "/v1/stock/movements", tag = "inventory", params(MovementParams),
    responses((status = 200, body = Page<Movement>), Problems))]
pub async fn movements(
    caller: Caller<may::InventoryRead>,
    services: Data<Services>,
    Params(asked): Params<MovementParams>,
) -> Answer {
    let request = proto::ListMovementsRequest {
        sku: asked.sku,
        location_code: asked.location,
        page: page(asked.limit, asked.cursor)?,
    };
    let found = services.inventory().list_movements(caller.ask(request)).await?.into_inner();
    answer(StatusCode::OK, &Page::new(found.movements, found.next_cursor, movement))
}

/// What any order may have, of many items at once. Unknown items are left out.
#[utoipa::path(get, path = "/v1/availability", tag = "inventory", params(AvailabilityParams),
    responses((status = 200, body = List<Availability>), Problems))]
pub async fn availability(
    caller: Caller<may::InventoryRead>,
    services: Data<Services>,
    Params(asked): Params<AvailabilityParams>,
) -> Answer {
    let skus: Vec<String> = asked.skus.split(',').filter(|sku| !sku.is_empty()).map(str::to_owned).collect();
    if !(1..=MAX_SKUS).contains(&skus.len()) {
        let message = format!("must name 1 to {MAX_SKUS} items, separated by commas");
        return Err(Refusal::invalid("skus", "out_of_range", message).into());
    }
    let items = services.item_ids(caller.tenant, &skus).await?;
    let question = proto::TenantItems {
        tenant_id: caller.tenant.to_string(),
        item_ids: items.values().cloned().collect(),
    };
    let request = proto::QueryAvailabilityRequest { tenants: vec![question] };
    let mut rows = services.inventory().query_availability(caller.ask(request)).await?.into_inner().rows;
    rows.retain(|row| row.available > 0);
    let locations = rows.iter().map(|row| row.location_id.clone()).collect();
    let codes = services.location_codes(caller.tenant, &locations).await?;
    let mut by_item: HashMap<String, Vec<AvailableAt>> = HashMap::new();
    for row in rows {
        by_item.entry(row.item_id).or_default().push(AvailableAt {
            location: codes.get(&row.location_id).cloned(),
            location_id: row.location_id,
            available: row.available,
        });
    }
    let data = items.into_iter().map(|(sku, id)| {
        let locations = by_item.remove(&id).unwrap_or_default();
        let available = locations.iter().map(|at| at.available).sum();
        Availability { sku, available, locations }
    });
    answer(StatusCode::OK, &List { data: data.collect::<Vec<_>>() })
}

fn new_movement(it: NewMovement) -> proto::NewMovement {
    let kind = match it.kind {
        MovementKind::Receive => proto::MovementKind::Receive,
        MovementKind::Adjust => proto::MovementKind::Adjust,
        MovementKind::Count => proto::MovementKind::Count,
    };
    proto::NewMovement {
        sku: it.sku,
        location_code: it.location,
        kind: kind.into(),
        quantity: it.quantity,
        reason: it.reason.unwrap_or_default(),
        reference: it.reference.unwrap_or_default(),
        expected_version: it.expected_version.unwrap_or_default(),
    }
}

fn stock_row(it: proto::StockRow) -> StockRow {
    StockRow {
        item_id: it.item_id,
        sku: it.sku,
        location_id: it.location_id,
        location: it.location_code,
        sellable: it.sellable,
        quarantine: it.quarantine,
        damaged: it.damaged,
        soft_reserved: it.soft_reserved,
        allocated: it.allocated,
        safety: it.safety,
        available: it.available,
        version: it.version,
    }
}

fn movement(it: proto::Movement) -> Movement {
    Movement {
        id: it.id,
        kind: it.kind,
        sellable_delta: it.sellable_delta,
        allocated_delta: it.allocated_delta,
        soft_reserved_delta: it.soft_reserved_delta,
        reason: some(it.reason),
        reference: some(it.reference),
        actor: it.actor.map(Into::into),
        occurred_at: it.occurred_at,
        recorded_at: it.recorded_at,
    }
}
