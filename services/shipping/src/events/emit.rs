//! Domain event → message.

use chrono::{DateTime, SecondsFormat, Utc};
use qm_messaging::NewEvent;
use qm_proto::{events::Event as Payload, shipping::v1 as proto, types::v1::LineUnits as ProtoUnits};

use crate::domain::{Decision, Event, Fulfilment, LineUnits, RejectReason, ShipmentStatus};

/// What a decision tells others, in order.
pub fn messages(decision: &Decision, trace: Option<&str>, now: DateTime<Utc>) -> Vec<NewEvent> {
    let told = decision.events.iter().chain(&decision.repeats);
    told.filter_map(|event| message(&decision.fulfilment, event, now))
        .map(|message| message.traced(trace.map(str::to_owned)))
        .collect()
}

fn message(it: &Fulfilment, event: &Event, now: DateTime<Utc>) -> Option<NewEvent> {
    let fulfilment = Some(named(it));
    Some(match event {
        Event::Requested => tell(it, &proto::FulfilmentOpened { fulfilment }, now),
        Event::Accepted => tell(it, &proto::FulfilmentAccepted { fulfilment }, now),
        Event::PickingStarted { units: picked } => {
            tell(it, &proto::FulfilmentPicking { fulfilment, units: units(picked) }, now)
        }
        Event::Rejected { units: rejected, reason } => {
            let reason = match reason {
                RejectReason::ShortPick => proto::RejectReason::ShortPick,
                RejectReason::Declined => proto::RejectReason::Declined,
            };
            let units = units(rejected);
            tell(it, &proto::FulfilmentRejected { fulfilment, units, reason: reason.into() }, now)
        }
        Event::Packed { .. } => tell(it, &proto::FulfilmentPacked { fulfilment }, now),
        Event::ReadyForPickup { .. } => tell(it, &proto::FulfilmentReadyForPickup { fulfilment }, now),
        Event::Issued { units: issued, at } => {
            let issued_at = time(*at);
            tell(it, &proto::FulfilmentIssued { fulfilment, units: units(issued), issued_at }, now)
        }
        Event::ShipmentChanged { shipment, status, at } => {
            let shipment = it.shipment(*shipment)?;
            let payload = proto::ShipmentChanged {
                order_id: it.order.to_string(),
                fulfilment_id: it.id.to_string(),
                shipment_id: shipment.id.to_string(),
                status: status.word().to_owned(),
                units: units(it.contents(shipment)),
                carrier: shipment.carrier.clone(),
                tracking_number: shipment.tracking_number.clone(),
                occurred_at: time(*at),
            };
            NewEvent::typed(shipment_type(*status), it.tenant, shipment.id, &payload, *at)
        }
        Event::Completed { units: collected } => {
            tell(it, &proto::FulfilmentCompleted { fulfilment, units: units(collected) }, now)
        }
        Event::Cancelled { units: cancelled } => {
            tell(it, &proto::FulfilmentCancelled { fulfilment, units: units(cancelled) }, now)
        }
        Event::RecallRefused { reason } => {
            tell(it, &proto::FulfilmentRecallRefused { fulfilment, reason: (*reason).to_owned() }, now)
        }
        // Nobody else's business, or told by what follows from it.
        Event::LabelsRequested
        | Event::LabelsWithdrawn
        | Event::LabelPurchased { .. }
        | Event::LabelVoided { .. }
        | Event::ShipmentRemembered { .. }
        | Event::Tracked { .. }
        | Event::Incompleted => return None,
    })
}

fn tell<E: Payload>(it: &Fulfilment, payload: &E, now: DateTime<Utc>) -> NewEvent {
    NewEvent::new(it.tenant, it.id, payload, now)
}

fn shipment_type(status: ShipmentStatus) -> String {
    format!("shipment.{}", status.word())
}

fn named(it: &Fulfilment) -> proto::FulfilmentRef {
    proto::FulfilmentRef {
        order_id: it.order.to_string(),
        fulfilment_id: it.id.to_string(),
        plan_id: it.plan.to_string(),
        reservation_id: it.reservation.to_string(),
        location_id: it.location.to_string(),
        version: it.version,
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
