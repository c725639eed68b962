//! Domain event → payload.

use chrono::{DateTime, Utc};
use prost::Message as _;
use qm_ids::TenantId;
use qm_messaging::NewEvent;
use qm_proto::{inventory::v1 as proto, routing::v1::Planned};
use qm_refusal::Refusal;

use crate::{
    api::convert,
    domain::{Event, Shortage, Told},
    store::{ItemRow, LocationRow},
};

/// The messages that tell of events. Refused, as our fault, when a stored plan cannot be read.
pub fn messages(events: Vec<Told>, now: DateTime<Utc>) -> Result<Vec<NewEvent>, Refusal> {
    events.into_iter().map(|told| Ok(message(told.tenant, told.event, now)?.traced(told.trace))).collect()
}

fn message(tenant: TenantId, event: Event, now: DateTime<Utc>) -> Result<NewEvent, Refusal> {
    Ok(match event {
        Event::Reserved { reservation, order, announced } => {
            let plan = Planned::decode(announced.as_slice()).map_err(|error| {
                tracing::error!(%reservation, %error, "a stored plan cannot be read");
                Refusal::internal()
            })?;
            let payload = proto::Reserved { reservation_id: reservation.to_string(), plan: Some(plan) };
            NewEvent::new(tenant, order, &payload, now)
        }
        Event::Rejected { order, attempt, plan, shortages } => {
            let payload = proto::Rejected {
                order_id: order.to_string(),
                attempt,
                plan_id: plan.to_string(),
                shortages: shortages.iter().map(shortage).collect(),
            };
            NewEvent::new(tenant, order, &payload, now)
        }
        Event::Released { order, reservation, plan, ended } => {
            let payload = proto::Released {
                order_id: order.to_string(),
                reservation_id: reservation.to_string(),
                plan_id: plan.to_string(),
                ended,
            };
            NewEvent::new(tenant, order, &payload, now)
        }
        Event::ReservationBroken { order, reservation, plan, location, line, item, quantity } => {
            let payload = proto::ReservationBroken {
                order_id: order.to_string(),
                reservation_id: reservation.to_string(),
                plan_id: plan.to_string(),
                location_id: location.to_string(),
                line_id: line.to_string(),
                item_id: item.to_string(),
                quantity,
            };
            NewEvent::new(tenant, order, &payload, now)
        }
        Event::AvailabilityIncreased { item, location, quantity, held, held_until } => {
            let payload = proto::AvailabilityIncreased {
                item_id: item.to_string(),
                location_id: location.to_string(),
                quantity,
                held_quantity: held,
                held_until: held_until.map(|at| at.to_rfc3339()).unwrap_or_default(),
            };
            NewEvent::new(tenant, item, &payload, now)
        }
        Event::LowStock { item, sku, location, available, threshold } => {
            let payload = proto::LowStock {
                item_id: item.to_string(),
                sku,
                location_id: location.to_string(),
                available,
                threshold,
            };
            NewEvent::new(tenant, item, &payload, now)
        }
    })
}

fn shortage(shortage: &Shortage) -> proto::Shortage {
    proto::Shortage {
        location_id: shortage.location.to_string(),
        item_id: shortage.item.to_string(),
        requested: shortage.requested,
        available: shortage.available,
    }
}

/// `item.changed`.
pub fn item_changed(row: &ItemRow, now: DateTime<Utc>) -> NewEvent {
    let payload = proto::ItemChanged { item: Some(convert::item(row)) };
    NewEvent::new(row.tenant_id, row.item_id, &payload, now)
}

/// `location.changed`. Refused, as our fault, when a stored column cannot be read.
pub fn location_changed(row: &LocationRow, now: DateTime<Utc>) -> Result<NewEvent, Refusal> {
    let payload = proto::LocationChanged { location: Some(convert::location(row)?) };
    Ok(NewEvent::new(row.tenant_id, row.location_id, &payload, now))
}
