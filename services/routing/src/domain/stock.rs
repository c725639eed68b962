//! What a batch of orders can still be promised: by any of them, and by those that waited for stock.

use qm_ids::{ItemId, LocationId};

use super::availability::Availability;
use super::capacity::CapacityClaims;
use super::decision::Decision;

/// Stock as a batch sees it. Units set aside for backorders are seen by attempts for backordered units alone, which draw
/// on them first, as inventory does.
#[derive(Debug, Clone, Default)]
pub struct BatchStock {
    open: Availability,
    with_held: Availability,
}

impl BatchStock {
    /// Sets what a location has: units that anyone may have, and units set aside on top.
    pub fn set(&mut self, item: ItemId, location: LocationId, open: u32, held: u32) {
        self.open.set(item, location, open);
        self.with_held.set(item, location, open.saturating_add(held));
    }

    /// What an attempt may count on.
    pub fn seen_by(&self, for_backorder: bool) -> &Availability {
        if for_backorder { &self.with_held } else { &self.open }
    }

    /// Claims a decision's stock and capacity, so that later orders of the batch see what is left.
    pub fn claim(&mut self, decision: &Decision, for_backorder: bool, capacity: &mut CapacityClaims) {
        let (seen, other) = if for_backorder {
            (&mut self.with_held, &mut self.open)
        } else {
            (&mut self.open, &mut self.with_held)
        };
        decision.claim(seen, capacity);
        for (location, line) in
            decision.assignments.iter().flat_map(|a| a.lines.iter().map(|l| (a.location, l)))
        {
            if for_backorder {
                // What was set aside went first, so that only its lack lowers what is open.
                let left = seen.at(line.item, location);
                other.set(line.item, location, other.at(line.item, location).min(left));
            } else {
                other.take(line.item, location, line.quantity);
            }
        }
    }
}
