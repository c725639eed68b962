//! What people at a location do: accept, pick, hand over.

use chrono::{DateTime, Utc};
use qm_refusal::Refusal;

use super::{
    event::Event,
    fulfilment::{Fulfilment, Labels, State},
    shipment::{Shipment, ShipmentStatus},
    step::Step,
};

/// The refusal of a verb that the fulfilment's state does not allow.
pub(super) fn not_now(fulfilment: &Fulfilment, expected: &str) -> Refusal {
    let message = format!("the fulfilment is {}, expected {expected}", fulfilment.state.word());
    Refusal::conflict("fulfilment_state", message)
}

/// The location takes the work.
pub fn accept(step: &mut Step) -> Result<(), Refusal> {
    match step.fulfilment().state {
        State::Requested => {
            step.emit(Event::Accepted);
            Ok(())
        }
        _ => Err(not_now(step.fulfilment(), "requested")),
    }
}

/// Picking begins.
pub fn start_picking(step: &mut Step) -> Result<(), Refusal> {
    match step.fulfilment().state {
        State::Accepted => {
            let units = step.fulfilment().left();
            step.emit(Event::PickingStarted { units });
            Ok(())
        }
        _ => Err(not_now(step.fulfilment(), "accepted")),
    }
}

/// The carrier, or the shopper at the counter, has the goods.
pub fn hand_over(step: &mut Step) -> Result<(), Refusal> {
    let now = step.now();
    match step.fulfilment().state {
        State::Packed { labels: Labels::Bought } => {
            dispatch(step, now);
            Ok(())
        }
        State::Packed { labels: Labels::NotBought | Labels::Buying } => {
            Err(Refusal::conflict("labels_missing", "every parcel needs a label first"))
        }
        State::ReadyForPickup => {
            let units = step.fulfilment().left();
            step.emit(Event::Issued { units: units.clone(), at: now });
            step.emit(Event::Completed { units });
            Ok(())
        }
        _ => Err(not_now(step.fulfilment(), "packed or ready_for_pickup")),
    }
}

/// All units left go with the carrier. What the carrier scanned before stays where it stands.
pub(super) fn dispatch(step: &mut Step, at: DateTime<Utc>) {
    let standing = |shipment: &Shipment| (shipment.id, shipment.status());
    let before: Vec<_> = step.fulfilment().live_shipments().map(standing).collect();
    let units = step.fulfilment().left();
    step.emit(Event::Issued { units, at });
    for (shipment, status) in before {
        if status == ShipmentStatus::LabelPurchased {
            step.emit(Event::ShipmentChanged { shipment, status: ShipmentStatus::HandedOver, at });
        }
    }
}
