//! Order wants work back. The point of no return is policy per kind.

use super::{
    event::Event,
    fulfilment::{Fulfilment, Kind, State},
    step::Step,
};

/// Recalls the work: cancelled before the point of no return, refused after. Always answers, also when asked again.
pub fn recall(step: &mut Step) {
    let fulfilment = step.fulfilment();
    match fulfilment.state {
        State::Cancelled => {
            let units = fulfilment.cancelled();
            step.repeat(Event::Cancelled { units });
        }
        // Nothing is left to recall; the rejection is the answer.
        State::Rejected { reason } => {
            let units = fulfilment.rejected();
            step.repeat(Event::Rejected { units, reason });
        }
        State::Requested
        | State::Accepted
        | State::Picking
        | State::Packed { .. }
        | State::ReadyForPickup
        | State::Dispatched { .. }
        | State::Completed { .. }
        | State::Incomplete { .. } => match no_return(fulfilment) {
            Some(reason) => step.emit(Event::RecallRefused { reason }),
            None => {
                let units = fulfilment.left();
                step.emit(Event::Cancelled { units });
            }
        },
    }
}

/// Why the work can no longer be recalled; none while it can.
///
/// A label that is being bought is not bought: a recall wins, and the label is voided when it comes.
fn no_return(fulfilment: &Fulfilment) -> Option<&'static str> {
    match (&fulfilment.state, fulfilment.kind) {
        (State::Dispatched { .. } | State::Completed { .. } | State::Incomplete { .. }, _) => {
            Some("the goods have left")
        }
        (State::Requested, _) => None,
        (_, Kind::DropShip) => Some("the supplier has accepted"),
        (State::Packed { .. }, Kind::Ship) if fulfilment.live_shipments().next().is_some() => {
            Some("the label is bought")
        }
        (
            State::Accepted
            | State::Picking
            | State::Packed { .. }
            | State::ReadyForPickup
            | State::Rejected { .. }
            | State::Cancelled,
            Kind::Ship | Kind::Pickup,
        ) => None,
    }
}
