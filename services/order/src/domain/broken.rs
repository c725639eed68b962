//! Claims on stock that a fact broke: a count or damage left less than was claimed.

use qm_ids::{FulfilmentId, LineId, LocationId, PlanId, ReservationId, derive};

use super::{
    event::{Event, SourcingReason},
    order::{LineUnits, Order},
    piece::{Bucket, Piece, UnitRange},
    sourcing::{Need, end_empty_fulfilments, recall, request_sources},
    step::Step,
    work::RecallIntent,
};

/// A fact left less stock than was claimed, and these units lost their claim.
pub fn record_broken(
    step: &mut Step,
    reservation: ReservationId,
    location: LocationId,
    units: &LineUnits,
) -> String {
    if !step.order().fulfilments.iter().any(|known| known.reservation == reservation) {
        return remember_broken(step, reservation, location, units);
    }
    let moved = source_again(step, reservation, location, units);
    let mut outcome = Vec::new();
    if moved > 0 {
        outcome.push(format!("{moved} units lost their stock, another source is asked for"));
    }
    // A location works on the rest. Whether it can still stop, it must say; what it then gives back has no claim left
    // that could be released.
    let mut left = units.quantity - moved;
    for (fulfilment, claimed) in claimed_work(step.order(), reservation, location, units.line) {
        let quantity = left.min(claimed);
        if quantity > 0 {
            left -= quantity;
            step.emit(Event::ClaimBroken { fulfilment, line: units.line, quantity });
            if recall(step, fulfilment, RecallIntent::Resource) {
                outcome.push(format!("{fulfilment} recalled"));
            } else {
                outcome.push(format!("{fulfilment} goes on with {quantity} units without a claim"));
            }
        }
    }
    step.settle("");
    if outcome.is_empty() { "nothing is left of it".to_owned() } else { outcome.join(", ") }
}

/// Work under way under a reservation at a location, and how many units of a line in it still have their claim.
fn claimed_work(
    order: &Order,
    reservation: ReservationId,
    location: LocationId,
    line: LineId,
) -> Vec<(FulfilmentId, i64)> {
    let known =
        order.fulfilments.iter().filter(|it| it.reservation == reservation && it.location == location);
    known
        .map(|it| {
            let in_work = order.pick(line, i64::MAX, |piece| {
                piece.bucket == Bucket::InFulfilment
                    && piece.source.is_some_and(|source| source.fulfilment == it.id)
            });
            (it.id, in_work.iter().map(UnitRange::quantity).sum::<i64>() - it.broken(line))
        })
        .collect()
}

/// The claim is not known yet: its reservation is told later than its break. Kept with the attempt that it answers.
fn remember_broken(
    step: &mut Step,
    reservation: ReservationId,
    location: LocationId,
    units: &LineUnits,
) -> String {
    let order = step.order().id;
    let answers = |attempt: i32| {
        let plan: PlanId = derive(order.as_uuid(), "plan", attempt.unsigned_abs().into());
        derive::<ReservationId>(plan.as_uuid(), "reservation", 0) == reservation
    };
    let pending = step.order().attempts.iter().map(|attempt| attempt.number).find(|number| answers(*number));
    let Some(attempt) = pending else { return "no such claim".to_owned() };
    step.emit(Event::BrokenEarly { attempt, location, units: units.clone() });
    format!("attempt {attempt} lost {} units before it was reserved", units.quantity)
}

/// Looks elsewhere for allocated units that lost their claim. Returns how many those are.
pub(super) fn source_again(
    step: &mut Step,
    reservation: ReservationId,
    location: LocationId,
    units: &LineUnits,
) -> i64 {
    let is_backed = |piece: &Piece| {
        piece.source.is_some_and(|source| source.reservation == reservation && source.location == location)
    };
    let allocated = step
        .order()
        .pick(units.line, units.quantity, |piece| piece.bucket == Bucket::Allocated && is_backed(piece));
    let count = allocated.iter().map(UnitRange::quantity).sum();
    if count > 0 {
        request_sources(step, Need::new(allocated, SourcingReason::ReservationBroken));
        end_empty_fulfilments(step);
    }
    count
}
