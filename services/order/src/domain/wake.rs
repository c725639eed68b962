//! Waking backordered units when stock arrives.

use chrono::{DateTime, Utc};
use qm_ids::ItemId;

use super::{
    event::SourcingReason,
    piece::{Bucket, UnitRange},
    sourcing::{Need, request_sources},
    step::Step,
};

/// Asks for sources for up to `quantity` backordered units of an item, because of stock whose arrival was handled at
/// `arrived_at`. Returns how many were woken.
pub fn wake(step: &mut Step, item: ItemId, quantity: i64, arrived_at: DateTime<Utc>) -> i64 {
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
        let need = Need::new(units, SourcingReason::Backorder);
        request_sources(step, Need { sees_until: Some(arrived_at), ..need });
    }
    quantity - left
}
