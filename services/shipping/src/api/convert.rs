//! Domain to proto.

use std::collections::HashMap;

use chrono::{DateTime, SecondsFormat, Utc};
use qm_ids::{ItemId, TenantId};
use qm_proto::{
    shipping::v1 as proto,
    types::v1::{FulfilmentKind, LineUnits as ProtoUnits},
};

use crate::{
    domain::{Fulfilment, Kind, Line, LineUnits, Parcel, Shipment, TrackingEvent},
    store::ItemRow,
};

/// What is known of the items, by tenant and id.
pub(super) type Items = HashMap<(TenantId, ItemId), ItemRow>;

pub(super) fn fulfilment(it: &Fulfilment, items: &Items) -> proto::Fulfilment {
    let kind = match it.kind {
        Kind::Ship => FulfilmentKind::Ship,
        Kind::Pickup => FulfilmentKind::Pickup,
        Kind::DropShip => FulfilmentKind::DropShip,
    };
    let line = |line: &Line| proto::FulfilmentLine {
        line_id: line.line.to_string(),
        item_id: line.item.to_string(),
        quantity: line.quantity,
        rejected: line.rejected,
        sku: items.get(&(it.tenant, line.item)).map(|item| item.sku.clone()).unwrap_or_default(),
    };
    proto::Fulfilment {
        id: it.id.to_string(),
        order_id: it.order.to_string(),
        order_number: it.order_number,
        location_id: it.location.to_string(),
        kind: kind.into(),
        group: it.group.clone(),
        service_level: it.service_level.clone(),
        status: it.state.word().to_owned(),
        lines: it.lines.iter().map(line).collect(),
        ship_by: it.ship_by.clone(),
        promise_by: it.promise_by.clone(),
        version: it.version,
        shipments: it.shipments.iter().map(|one| shipment(it, one)).collect(),
        parcels: it.parcels.iter().map(parcel).collect(),
        requested_at: time(it.requested_at),
        updated_at: time(it.updated_at),
    }
}

fn parcel(parcel: &Parcel) -> proto::Parcel {
    proto::Parcel {
        id: parcel.id.to_string(),
        units: units(&parcel.units),
        weight_grams: parcel.weight_grams,
    }
}

pub(super) fn shipment(of: &Fulfilment, shipment: &Shipment) -> proto::Shipment {
    proto::Shipment {
        id: shipment.id.to_string(),
        fulfilment_id: of.id.to_string(),
        order_id: of.order.to_string(),
        carrier: shipment.carrier.clone(),
        tracking_number: shipment.tracking_number.clone(),
        tracking_url: shipment.tracking_url.clone(),
        status: shipment.status().word().to_owned(),
        parcel_id: shipment.parcel.to_string(),
        units: units(of.contents(shipment)),
        cost_minor: shipment.cost_minor,
        events: shipment.events.iter().map(event).collect(),
        created_at: time(shipment.created_at),
    }
}

fn event(event: &TrackingEvent) -> proto::TrackingEvent {
    proto::TrackingEvent {
        carrier_event_id: event.id.clone(),
        status: event.status.word().to_owned(),
        description: event.description.clone(),
        place: event.place.clone(),
        occurred_at: time(event.occurred_at),
    }
}

fn units(units: &[LineUnits]) -> Vec<ProtoUnits> {
    let unit = |units: &LineUnits| ProtoUnits {
        line_id: units.line.to_string(),
        item_id: units.item.to_string(),
        quantity: units.quantity,
    };
    units.iter().map(unit).collect()
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}
