//! One item at one location.

use qm_ids::{ItemId, LocationId, TenantId, Uuid, derive};

/// Names a stock row: its tenant, and [`stock_id`].
pub type StockKey = (TenantId, Uuid);

/// The id of the stock row of an item at a location. It is derived, so that everyone locks rows in the same order
/// without looking them up first.
pub fn stock_id(item: ItemId, location: LocationId) -> Uuid {
    // The kind of id does not enter the derivation.
    derive::<ItemId>(item.as_uuid(), &format!("stock/{location}"), 0).as_uuid()
}

/// The buckets of one item at one location, in base units. At every commit all are >= 0, and
/// `allocated + soft_reserved <= sellable`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stock {
    /// Whose.
    pub tenant: TenantId,
    /// Of what.
    pub item: ItemId,
    /// Where.
    pub location: LocationId,
    /// Physically there and fit for sale.
    pub sellable: i64,
    /// Physically there, awaiting inspection.
    pub quarantine: i64,
    /// Physically there, not fit for sale.
    pub damaged: i64,
    /// Claimed by holds, for a limited time.
    pub soft_reserved: i64,
    /// Claimed by reservations.
    pub allocated: i64,
    /// Kept back by policy.
    pub safety: i64,
    /// Grows with every movement.
    pub version: i64,
}

impl Stock {
    /// A row on which nothing has happened.
    pub fn new(tenant: TenantId, item: ItemId, location: LocationId, safety: i64) -> Self {
        Self {
            tenant,
            item,
            location,
            sellable: 0,
            quarantine: 0,
            damaged: 0,
            soft_reserved: 0,
            allocated: 0,
            safety,
            version: 0,
        }
    }

    /// Its name.
    pub fn key(&self) -> StockKey {
        (self.tenant, stock_id(self.item, self.location))
    }

    /// Units that have a claim on them.
    pub fn claims(&self) -> i64 {
        self.allocated + self.soft_reserved
    }

    /// What any order may have: sellable − safety − claims, not below 0.
    pub fn available(&self) -> i64 {
        (self.sellable - self.safety - self.claims()).max(0)
    }
}
