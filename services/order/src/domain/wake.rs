//! Waking backordered units when stock arrives.

use chrono::{DateTime, Utc};
use qm_ids::ItemId;

use super::{
    event::SourcingReason,
    order::Attempt,
    piece::{Bucket, UnitRange},
    sourcing::{Need, request_sources},
    step::Step,
};

impl Attempt {
    /// True when it was made for units that had waited, and saw all that had arrived until then. An attempt of units that
    /// had not waited may have seen it too, but could not have what was held for those who waited.
    fn was_woken_by(&self, arrived_at: DateTime<Utc>) -> bool {
        self.reason == SourcingReason::Backorder && self.sees_until >= arrived_at
    }
}

/// Asks for sources for up to `quantity` backordered units of an item, because of stock whose arrival was handled at
/// `arrived_at`. Units that were woken by it before, and found nothing, wait on. Returns how many were woken.
pub fn wake(step: &mut Step, item: ItemId, quantity: i64, arrived_at: DateTime<Utc>) -> i64 {
    let mut left = quantity;
    let mut units: Vec<UnitRange> = Vec::new();
    let lines: Vec<_> =
        step.order().lines.iter().filter(|line| line.item == item).map(|line| line.id).collect();
    for line in lines {
        let order = step.order();
        let picked = order.pick(line, left, |piece| {
            piece.bucket == Bucket::Backordered
                && !order.attempt(piece.attempt).is_some_and(|attempt| attempt.was_woken_by(arrived_at))
        });
        left -= picked.iter().map(UnitRange::quantity).sum::<i64>();
        units.extend(picked);
    }
    if !units.is_empty() {
        let need = Need::new(units, SourcingReason::Backorder);
        request_sources(step, Need { sees_until: Some(arrived_at), ..need });
    }
    quantity - left
}
