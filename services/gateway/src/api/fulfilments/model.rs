//! Fulfilments and shipments in JSON.

use qm_proto::shipping::v1 as proto;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::common::{FulfilmentKind, LineUnits, some};

/// Work for one location.
#[derive(Debug, Serialize, ToSchema)]
pub struct Fulfilment {
    /// Id.
    pub id: String,
    /// Order.
    pub order_id: String,
    /// Number that people use for the order.
    pub order_number: i64,
    /// Location.
    pub location_id: String,
    /// ship, pickup or drop_ship.
    pub kind: FulfilmentKind,
    /// Group within the plan.
    pub group: String,
    /// Service level.
    pub service_level: String,
    /// requested, accepted, rejected, picking, packed, ready_for_pickup, dispatched, completed, incomplete or cancelled.
    pub status: String,
    /// The lines.
    pub lines: Vec<FulfilmentLine>,
    /// Local date by which it should leave.
    pub ship_by: Option<String>,
    /// Local date promised.
    pub promise_by: Option<String>,
    /// Grows with every change; the `ETag`.
    pub version: i64,
    /// Parcels packed.
    pub parcels: Vec<Parcel>,
    /// Shipments made from it.
    pub shipments: Vec<Shipment>,
    /// When it was asked for.
    pub requested_at: String,
    /// When it last changed.
    pub updated_at: String,
}

/// A line of a fulfilment.
#[derive(Debug, Serialize, ToSchema)]
pub struct FulfilmentLine {
    /// Order line.
    pub line_id: String,
    /// Item.
    pub item_id: String,
    /// Stock keeping unit.
    pub sku: Option<String>,
    /// Units asked for.
    pub quantity: i64,
    /// Units that the location rejected.
    pub rejected: i64,
}

/// A box.
#[derive(Debug, Serialize, ToSchema)]
pub struct Parcel {
    /// Id.
    pub id: String,
    /// What is inside.
    pub units: Vec<LineUnits>,
    /// Weight with packaging, grams.
    pub weight_grams: i64,
}

/// A parcel with a carrier.
#[derive(Debug, Serialize, ToSchema)]
pub struct Shipment {
    /// Id.
    pub id: String,
    /// Fulfilment.
    pub fulfilment_id: String,
    /// Order.
    pub order_id: String,
    /// Carrier's code.
    pub carrier: String,
    /// The carrier's tracking number.
    pub tracking_number: String,
    /// Where the shopper can follow it at the carrier.
    pub tracking_url: Option<String>,
    /// label_purchased, handed_over, in_transit, delayed, out_for_delivery, attempted, available_for_pickup, delivered,
    /// returning, lost or voided.
    pub status: String,
    /// Parcel.
    pub parcel_id: String,
    /// What is inside.
    pub units: Vec<LineUnits>,
    /// What the label cost, minor units.
    pub cost_minor: i64,
    /// What the carrier reported, oldest first.
    pub events: Vec<TrackingEvent>,
    /// When its label was bought.
    pub created_at: String,
}

/// Something that the carrier reported.
#[derive(Debug, Serialize, ToSchema)]
pub struct TrackingEvent {
    /// Shipment status that it means.
    pub status: String,
    /// In words.
    pub description: Option<String>,
    /// Where, in words.
    pub place: Option<String>,
    /// When it happened.
    pub occurred_at: String,
}

/// An action without details.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoDetails {}

/// Why a location rejects.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RejectReason {
    /// The units are not there: the books are wrong, and are corrected.
    ShortPick,
    /// The location cannot or will not do the work; the units are there.
    Declined,
}

/// What a location rejects.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reject {
    /// Why.
    pub reason: RejectReason,
    /// Units rejected; all that are left unless told.
    #[serde(default)]
    pub units: Option<Vec<LineUnits>>,
    /// In words.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub note: Option<String>,
}

/// How it is packed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Pack {
    /// Boxes that together hold exactly the units that are left; one with all of them unless told.
    #[serde(default)]
    #[schema(max_items = 200)]
    pub parcels: Option<Vec<NewParcel>>,
}

/// A box to pack.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewParcel {
    /// What is inside.
    pub units: Vec<LineUnits>,
    /// Weight with packaging, grams; the items' weights added up unless told.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 30000000)]
    pub weight_grams: Option<i64>,
}

/// A fulfilment in JSON.
pub fn fulfilment(it: proto::Fulfilment) -> Fulfilment {
    Fulfilment {
        kind: it.kind().into(),
        id: it.id,
        order_id: it.order_id,
        order_number: it.order_number,
        location_id: it.location_id,
        group: it.group,
        service_level: it.service_level,
        status: it.status,
        lines: it.lines.into_iter().map(line).collect(),
        ship_by: some(it.ship_by),
        promise_by: some(it.promise_by),
        version: it.version,
        parcels: it.parcels.into_iter().map(parcel).collect(),
        shipments: it.shipments.into_iter().map(shipment).collect(),
        requested_at: it.requested_at,
        updated_at: it.updated_at,
    }
}

fn line(it: proto::FulfilmentLine) -> FulfilmentLine {
    FulfilmentLine {
        line_id: it.line_id,
        item_id: it.item_id,
        sku: some(it.sku),
        quantity: it.quantity,
        rejected: it.rejected,
    }
}

fn parcel(it: proto::Parcel) -> Parcel {
    Parcel { id: it.id, units: it.units.into_iter().map(Into::into).collect(), weight_grams: it.weight_grams }
}

/// A shipment in JSON.
pub fn shipment(it: proto::Shipment) -> Shipment {
    Shipment {
        id: it.id,
        fulfilment_id: it.fulfilment_id,
        order_id: it.order_id,
        carrier: it.carrier,
        tracking_number: it.tracking_number,
        tracking_url: some(it.tracking_url),
        status: it.status,
        parcel_id: it.parcel_id,
        units: it.units.into_iter().map(Into::into).collect(),
        cost_minor: it.cost_minor,
        events: it.events.into_iter().map(event).collect(),
        created_at: it.created_at,
    }
}

fn event(it: proto::TrackingEvent) -> TrackingEvent {
    TrackingEvent {
        status: it.status,
        description: some(it.description),
        place: some(it.place),
        occurred_at: it.occurred_at,
    }
}
