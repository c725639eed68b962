//! Places that hold or fulfil stock.

use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, ServiceConfig},
};
use qm_proto::inventory::v1 as proto;
use qm_refusal::Refusal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    common::{Address, List, Page, PageParams, page},
    items::StorageClass,
};
use crate::{
    http::{Body, Caller, Params, Problem, Problems, answer, may, resource},
    peers::Services,
};

type Answer = Result<HttpResponse, Problem>;

/// The routes.
pub fn routes(config: &mut ServiceConfig) {
    config.service(resource("/locations").get(list).put(put_locations));
}

/// A location to create or replace.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLocation {
    /// Short code, unique.
    #[schema(example = "DC01")]
    #[schema(min_length = 1, max_length = 50)]
    pub code: String,
    /// Name for people.
    #[schema(max_length = 200)]
    pub name: String,
    /// distribution_centre, store, supplier, third_party or virtual.
    #[schema(pattern = r"^(distribution_centre|store|supplier|third_party|virtual)$")]
    pub kind: String,
    /// Where it is; latitude and longitude tell routing how far it is from shoppers.
    pub address: Address,
    /// IANA time zone.
    #[schema(example = "America/New_York")]
    #[schema(min_length = 1, max_length = 50)]
    pub time_zone: String,
    /// Local time until which orders leave the same day.
    #[schema(example = "14:00")]
    #[schema(pattern = r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    pub cutoff_local: String,
    /// Working days between a plan and departure.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1000000000)]
    pub lead_days: Option<i32>,
    /// Shipments a day; 0 for no limit.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1000000000)]
    pub capacity_per_day: Option<i32>,
    /// Cost of handling one shipment, minor units.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1000000000)]
    pub handling_order_minor: Option<i64>,
    /// Cost of handling one unit, minor units.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1000000000)]
    pub handling_unit_minor: Option<i64>,
    /// True (unless told) when it ships parcels.
    #[serde(default)]
    pub can_ship: Option<bool>,
    /// True when shoppers may collect.
    #[serde(default)]
    pub can_pickup: Option<bool>,
    /// Storage classes that it may ship; ambient unless told.
    #[serde(default)]
    #[schema(max_items = 50)]
    pub storage_classes: Option<Vec<StorageClass>>,
    /// Compliance classes that it may ship.
    #[serde(default)]
    #[schema(max_items = 50)]
    pub compliance_classes: Option<Vec<String>>,
    /// Units of each item that it keeps back.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1000000000)]
    pub safety_units: Option<i64>,
    /// False when it takes no new work.
    #[serde(default)]
    pub active: Option<bool>,
}

/// A location.
#[derive(Debug, Serialize, ToSchema)]
pub struct Location {
    /// Id.
    pub id: String,
    /// Short code.
    pub code: String,
    /// Name for people.
    pub name: String,
    /// distribution_centre, store, supplier, third_party or virtual.
    pub kind: String,
    /// Where it is.
    pub address: Option<Address>,
    /// IANA time zone.
    pub time_zone: String,
    /// Local time until which orders leave the same day.
    pub cutoff_local: String,
    /// Working days between a plan and departure.
    pub lead_days: i32,
    /// Shipments a day; 0 for no limit.
    pub capacity_per_day: i32,
    /// Cost of handling one shipment, minor units.
    pub handling_order_minor: i64,
    /// Cost of handling one unit, minor units.
    pub handling_unit_minor: i64,
    /// True when it ships parcels.
    pub can_ship: bool,
    /// True when shoppers may collect.
    pub can_pickup: bool,
    /// Storage classes that it may ship.
    pub storage_classes: Vec<String>,
    /// Compliance classes that it may ship.
    pub compliance_classes: Vec<String>,
    /// Units of each item that it keeps back.
    pub safety_units: i64,
    /// False when it takes no new work.
    pub active: bool,
    /// Grows with every change.
    pub version: i64,
}

/// Locations to create or replace.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLocations {
    /// 1 to 200 locations.
    #[schema(min_items = 1, max_items = 200)]
    pub locations: Vec<NewLocation>,
}

/// Creates or replaces locations, by code. All of them, or none when one is refused.
#[utoipa::path(put, path = "/v1/locations", tag = "inventory", request_body = NewLocations,
    responses((status = 200, body = List<Location>), Problems))]
pub async fn put_locations(
    caller: Caller<may::InventoryWrite>,
    services: Data<Services>,
    Body(asked): Body<NewLocations>,
) -> Answer {
    let locations = asked.locations.into_iter().enumerate().map(|(index, location)| {
        to_proto(location).map_err(|refusal| refusal.within(&format!("locations[{index}]")))
    });
    let request = proto::PutLocationsRequest { locations: locations.collect::<Result<_, _>>()? };
    let found = services.inventory().put_locations(caller.ask(request)).await?.into_inner();
    answer(StatusCode::OK, &List { data: found.locations.into_iter().map(from_proto).collect::<Vec<_>>() })
}

/// Lists locations by code.
#[utoipa::path(get, path = "/v1/locations", tag = "inventory", params(PageParams),
    responses((status = 200, body = Page<Location>), Problems))]
pub async fn list(
    caller: Caller<may::InventoryRead>,
    services: Data<Services>,
    Params(asked): Params<PageParams>,
) -> Answer {
    let request = proto::ListLocationsRequest { page: page(asked.limit, asked.cursor)? };
    let found = services.inventory().list_locations(caller.ask(request)).await?.into_inner();
    answer(StatusCode::OK, &Page::new(found.locations, found.next_cursor, from_proto))
}

pub(super) fn to_proto(it: NewLocation) -> Result<proto::Location, Refusal> {
    Ok(proto::Location {
        id: String::new(),
        code: it.code,
        name: it.name,
        kind: it.kind,
        address: Some(it.address.try_into().map_err(|refusal: Refusal| refusal.within("address"))?),
        time_zone: it.time_zone,
        cutoff_local: it.cutoff_local,
        lead_days: it.lead_days.unwrap_or_default(),
        capacity_per_day: it.capacity_per_day.unwrap_or_default(),
        handling_order_minor: it.handling_order_minor.unwrap_or_default(),
        handling_unit_minor: it.handling_unit_minor.unwrap_or_default(),
        can_ship: it.can_ship.unwrap_or(true),
        can_pickup: it.can_pickup.unwrap_or_default(),
        storage_classes: it
            .storage_classes
            .unwrap_or_else(|| vec![StorageClass::Ambient])
            .into_iter()
            .map(|class| class.word().to_owned())
            .collect(),
        compliance_classes: it.compliance_classes.unwrap_or_default(),
        safety_units: it.safety_units.unwrap_or_default(),
        active: it.active.unwrap_or(true),
        version: 0,
    })
}

fn from_proto(it: proto::Location) -> Location {
    Location {
        id: it.id,
        code: it.code,
        name: it.name,
        kind: it.kind,
        address: it.address.map(Into::into),
        time_zone: it.time_zone,
        cutoff_local: it.cutoff_local,
        lead_days: it.lead_days,
        capacity_per_day: it.capacity_per_day,
        handling_order_minor: it.handling_order_minor,
        handling_unit_minor: it.handling_unit_minor,
        can_ship: it.can_ship,
        can_pickup: it.can_pickup,
        storage_classes: it.storage_classes,
        compliance_classes: it.compliance_classes,
        safety_units: it.safety_units,
        active: it.active,
        version: it.version,
    }
}
