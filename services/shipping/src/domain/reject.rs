//! A location cannot do all or some of the work.

use std::collections::BTreeMap;

use qm_refusal::Refusal;

use super::{
    event::{Event, RejectReason},
    fulfilment::{Labels, State},
    shipment::{Shipment, ShipmentStatus},
    step::Step,
    units::{LineUnits, merged},
    work::not_now,
};

/// Rejects units; none named means all that are left. Whoever packed units that are now rejected packs anew; once labels
/// are being bought, only all units can be rejected, and the labels are voided.
pub fn reject(step: &mut Step, units: &[LineUnits], reason: RejectReason) -> Result<(), Refusal> {
    let fulfilment = step.fulfilment();
    let labels = match fulfilment.state {
        State::Requested | State::Accepted | State::Picking | State::ReadyForPickup => Labels::NotBought,
        State::Packed { labels } => labels,
        State::Dispatched { .. }
        | State::Completed { .. }
        | State::Incomplete { .. }
        | State::Rejected { .. }
        | State::Cancelled => return Err(not_now(fulfilment, "nothing to have left yet")),
    };
    let is_gone = |shipment: &Shipment| shipment.events.iter().any(|event| event.status.is_with_carrier());
    if fulfilment.live_shipments().any(is_gone) {
        let message = "the carrier has one of the parcels: label and hand over the others";
        return Err(Refusal::conflict("with_carrier", message));
    }
    let left = fulfilment.left();
    let rejected = if units.is_empty() { left.clone() } else { check(units, &left)? };
    if rejected == left {
        let live: Vec<_> = fulfilment.live_shipments().map(|shipment| shipment.id).collect();
        let at = step.now();
        step.emit(Event::Rejected { units: rejected, reason });
        for shipment in live {
            step.emit(Event::LabelVoided { shipment });
            step.emit(Event::ShipmentChanged { shipment, status: ShipmentStatus::Voided, at });
        }
        return Ok(());
    }
    if labels != Labels::NotBought {
        let message = "labels are bought for these parcels: reject all units or hand them over";
        return Err(Refusal::conflict("labels_bought", message).at("units"));
    }
    step.emit(Event::Rejected { units: rejected, reason });
    Ok(())
}

/// The units merged, if the fulfilment has as many left.
fn check(units: &[LineUnits], left: &[LineUnits]) -> Result<Vec<LineUnits>, Refusal> {
    let mut budget: BTreeMap<_, i64> = left.iter().map(|it| ((it.line, it.item), it.quantity)).collect();
    for (index, it) in units.iter().enumerate() {
        let within = |refusal: Refusal| refusal.within(&format!("units[{index}]"));
        let left = budget.get_mut(&(it.line, it.item)).ok_or_else(|| {
            within(Refusal::invalid("line_id", "unknown_line", "nothing of this line and item is left here"))
        })?;
        if it.quantity <= 0 {
            return Err(within(Refusal::invalid("quantity", "not_positive", "must be positive")));
        }
        if it.quantity > *left {
            let message = format!("only {left} are left");
            return Err(within(Refusal::invalid("quantity", "more_than_left", message)));
        }
        *left -= it.quantity;
    }
    Ok(merged(units))
}
