//! Waking backordered units when stock arrives.

use qm_ids::ItemId;

use super::{
    event::SourcingReason,
    piece::{Bucket, UnitRange},
    sourcing::request_sources,
    step::Step,
};

/// Asks for sources for up to `quantity` backordered units of an item. Returns how many were woken.
pub fn wake(step: &mut Step, item: ItemId, quantity: i64) -> i64 {
    let mut left = quantity;
    let mut units: Vec<UnitRange> = Vec::new();
    let lines: Vec<_> =
        step.order().lines.iter().filter(|line| line.item == item).map(|line| line.id).collect();
    for line in lines {
        let picked = step.order().pick(line, left, |piece| piece.bucket == Bucket::Backordered);
        left -= picked.iter().map(UnitRange::quantity).sum::<i64>();
        units.extend(picked);
    }
    if !units.is_empty() {
        request_sources(step, units, SourcingReason::Backorder, 0, Vec::new());
    }
    quantity - left
}
