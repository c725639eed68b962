//! How many units of each item each location can still promise.

use std::collections::{BTreeMap, HashMap};

use qm_ids::{ItemId, LocationId};

/// As many units as anyone may want: services, and what is made on demand.
pub const ENDLESS: u32 = u32::MAX;

/// Available units per item and location. [`ENDLESS`] ones never get fewer.
#[derive(Debug, Clone, Default)]
pub struct Availability {
    units: HashMap<ItemId, BTreeMap<LocationId, u32>>,
}

impl Availability {
    /// Units of an item available at a location.
    pub fn at(&self, item: ItemId, location: LocationId) -> u32 {
        self.of(item).and_then(|units| units.get(&location)).copied().unwrap_or(0)
    }

    /// Where an item is, or `None` if nowhere is known to have any.
    pub fn of(&self, item: ItemId) -> Option<&BTreeMap<LocationId, u32>> {
        self.units.get(&item)
    }

    /// Sets the units available.
    pub fn set(&mut self, item: ItemId, location: LocationId, units: u32) {
        self.units.entry(item).or_default().insert(location, units);
    }

    /// Takes units away, so that the next order of a batch does not count on them too. Never goes below zero.
    pub fn take(&mut self, item: ItemId, location: LocationId, units: u32) {
        let known = self.units.get_mut(&item).and_then(|units| units.get_mut(&location));
        if let Some(left) = known.filter(|left| **left != ENDLESS) {
            *left = left.saturating_sub(units);
        }
    }
}

impl FromIterator<(ItemId, LocationId, u32)> for Availability {
    /// From (item, location, units); a later entry for the same pair replaces an earlier one.
    fn from_iter<I: IntoIterator<Item = (ItemId, LocationId, u32)>>(entries: I) -> Self {
        let mut availability = Self::default();
        for (item, location, units) in entries {
            availability.set(item, location, units);
        }
        availability
    }
}
