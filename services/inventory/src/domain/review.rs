//! What a change of a location means for its stock.

use super::{
    book::{Book, Cause},
    stock::StockKey,
};

/// What a stock row has to follow of its location.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocationRules {
    /// Units of each item that the location keeps back, >= 0.
    pub safety: i64,
    /// False when the location takes no new work: nobody can have its stock.
    pub is_active: bool,
    /// True when the location takes work that it did not take before: whoever waits may have all that is available.
    pub was_opened: bool,
}

impl LocationRules {
    /// True when a row with this much kept back and sellable has anything to follow.
    pub fn concern(&self, safety: i64, sellable: i64) -> bool {
        safety != self.safety || (self.was_opened && sellable > 0)
    }
}

impl Book {
    /// Brings a stock row in line with its location. What becomes available by that is held for those who wait and told,
    /// as when goods arrive.
    pub fn review(&mut self, key: StockKey, rules: &LocationRules, cause: &Cause) {
        self.begin(key.0, cause);
        self.keep_back(key, rules.safety);
        if rules.was_opened {
            self.was_unavailable(key);
        }
        if !rules.is_active {
            self.forget_increases();
        }
        self.settle();
    }
}
