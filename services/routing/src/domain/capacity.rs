//! How many shipments each location has already taken on for each local date.

use std::collections::HashMap;

use chrono::NaiveDate;
use qm_ids::LocationId;

use super::location::Location;

/// Shipments claimed per location and local date.
#[derive(Debug, Clone, Default)]
pub struct CapacityClaims {
    claimed: HashMap<(LocationId, NaiveDate), u32>,
}

impl CapacityClaims {
    /// Records one more shipment of a location on a date.
    pub fn claim(&mut self, location: LocationId, date: NaiveDate) {
        self.add(location, date, 1);
    }

    /// Records shipments of a location on a date.
    pub fn add(&mut self, location: LocationId, date: NaiveDate, shipments: u32) {
        let claimed = self.claimed.entry((location, date)).or_default();
        *claimed = claimed.saturating_add(shipments);
    }

    /// How many more shipments the location can take on that date; `None` is without limit.
    pub fn left(&self, location: &Location, date: NaiveDate) -> Option<u32> {
        let capacity = location.daily_capacity?;
        let claimed = self.claimed.get(&(location.id, date)).copied().unwrap_or(0);
        Some(capacity.saturating_sub(claimed))
    }
}
