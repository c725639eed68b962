//! Stock set aside for backordered units (decision 0008).

use chrono::{DateTime, Utc};
use qm_ids::{HoldId, ItemId, LocationId, TenantId};

use super::{
    book::{Book, Cause, Delta},
    event::Event,
    stock::{StockKey, stock_id},
};

/// Units of a stock row's `soft_reserved`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Whose.
    pub tenant: TenantId,
    /// Its id.
    pub id: HoldId,
    /// Of what.
    pub item: ItemId,
    /// Where.
    pub location: LocationId,
    /// Units, > 0.
    pub quantity: i64,
    /// When the units become everyone's.
    pub expires_at: DateTime<Utc>,
}

impl Hold {
    /// The stock row that it holds units of.
    pub fn stock_key(&self) -> StockKey {
        (self.tenant, stock_id(self.item, self.location))
    }
}

impl Book {
    /// Ends a hold whose time is over: its units become everyone's, and if somebody still waits for the item, they are
    /// announced once more, this time without a hold. Nothing when it is gone or not due.
    pub fn expire(&mut self, key: (TenantId, HoldId), cause: &Cause) {
        let Some(hold) = self.holds().get(&key).filter(|hold| hold.expires_at <= self.now()).cloned() else {
            return;
        };
        self.begin(hold.tenant, cause);
        let stock = hold.stock_key();
        let before = self.available(stock);
        self.shrink_hold(key, hold.quantity);
        let delta = Delta { soft_reserved: -hold.quantity, ..Delta::default() };
        self.record(stock, "release", delta, "hold expired", &hold.id.to_string());
        let increase = self.available(stock) - before;
        if increase > 0 && self.waiting(hold.tenant, hold.item) > 0 {
            self.tell(Event::AvailabilityIncreased {
                item: hold.item,
                location: hold.location,
                quantity: increase,
                held: 0,
                held_until: None,
            });
        }
        self.forget_increases();
        self.settle();
    }

    /// Announces once more what is available of a stock row, as if it had just arrived: some of it is held for those who
    /// wait.
    pub fn announce(&mut self, key: StockKey, cause: &Cause) {
        self.begin(key.0, cause);
        self.was_unavailable(key);
        self.settle();
    }

    /// Takes up to `wanted` units out of the holds at a stock row, those that expire first before others. Changes no
    /// bucket. Returns how many it took.
    pub(super) fn draw_holds(&mut self, stock: StockKey, wanted: i64) -> i64 {
        let mut holds: Vec<_> = self.holds_at(stock).map(|hold| (hold.expires_at, hold.id)).collect();
        holds.sort_unstable();
        let mut left = wanted;
        for (_, id) in holds {
            if left <= 0 {
                break;
            }
            left -= self.shrink_hold((stock.0, id), left);
        }
        wanted - left
    }
}
