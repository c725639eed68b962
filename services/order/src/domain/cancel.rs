//! Cancelling an order, as far as that is still possible.

use std::collections::BTreeMap;

use qm_ids::{FulfilmentId, LocationId, PlanId, ReservationId};
use qm_refusal::Refusal;

use super::{
    event::{Event, ReleaseReason},
    order::{LineUnits, Order},
    piece::{Bucket, UnitRange},
    sourcing::{end_empty_fulfilments, recall, release},
    step::Step,
    work::{FulfilmentState, RecallIntent},
};

type Claims = BTreeMap<(ReservationId, PlanId), Vec<(LocationId, LineUnits)>>;

/// Cancels what no location works on at once, and recalls the rest: its units move when the location answers.
///
/// What has shipped is left alone: it can only be returned. Asked again while the recall is under way, it is the same wish.
pub fn cancel(step: &mut Step, reason: &str) -> Result<String, Refusal> {
    let free = step
        .order()
        .ranges(|_, piece| matches!(piece.bucket, Bucket::Open | Bucket::Backordered | Bucket::Allocated));
    let mut claims: Claims = BTreeMap::new();
    for (line, piece) in step.order().pieces() {
        let Some(source) = piece.source.filter(|_| piece.bucket == Bucket::Allocated) else { continue };
        let units = LineUnits { line: line.id, item: line.item, quantity: piece.quantity };
        claims.entry((source.reservation, source.plan)).or_default().push((source.location, units));
    }
    let mut working: Vec<FulfilmentId> = step
        .order()
        .pieces()
        .filter(|(_, piece)| piece.bucket == Bucket::InFulfilment)
        .filter_map(|(_, piece)| Some(piece.source?.fulfilment))
        .collect();
    working.sort_unstable();
    working.dedup();
    let cancelled: i64 = free.iter().map(UnitRange::quantity).sum();
    if !free.is_empty() {
        step.emit(Event::UnitsCancelled { units: free, reason: reason.to_owned() });
    }
    for ((reservation, plan), units) in claims {
        release(step, reservation, plan, units, ReleaseReason::Cancelled);
    }
    end_empty_fulfilments(step);
    let recalled = working.into_iter().filter(|id| recall(step, *id, RecallIntent::Cancel)).count();
    if cancelled == 0 && recalled == 0 {
        if is_being_cancelled(step.order()) {
            return Ok("asked before, the recall is under way".to_owned());
        }
        return Err(Refusal::conflict("nothing_to_cancel", "nothing of the order can be cancelled any more"));
    }
    step.settle(reason);
    Ok(format!("{cancelled} units cancelled, {recalled} fulfilments recalled"))
}

fn is_being_cancelled(order: &Order) -> bool {
    let mut states = order.fulfilments.iter().map(|fulfilment| fulfilment.state);
    states.any(|state| matches!(state, FulfilmentState::Recalling { intent: RecallIntent::Cancel, .. }))
}
