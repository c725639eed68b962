//! Verbs on stock: load the book that a batch needs, decide one after another in memory, write each table once.

mod change;
mod holds;
mod looks;
mod masters;
mod movements;
mod remember;
mod reviews;

use std::sync::Arc;

use chrono::TimeDelta;
use qm_clock::SharedClock;
use qm_ids::IdGenerator;
use qm_messaging::Outbox;
use tokio::sync::Notify;

pub use change::{Pick, issue, pick, release, reserve};
pub use holds::expire_holds;
pub use looks::look_at_waits;
pub use masters::{put_items, put_locations, remember_items, remember_locations};
pub use movements::{Report, record_movements};
pub use remember::{Told, remember};
pub use reviews::review_stock;

use crate::domain::Book;

/// What verbs need besides a transaction.
#[derive(Debug, Clone)]
pub struct Context {
    /// Time.
    pub clock: SharedClock,
    /// Fresh ids.
    pub ids: IdGenerator,
    /// Where messages are left.
    pub outbox: Outbox,
    /// How long stock is held for those who wait.
    pub hold_for: TimeDelta,
    /// How long an item waits before somebody looks whether stock is there all the same.
    pub look_again_after: TimeDelta,
    /// Woken when stock waits for a review.
    pub reviews: Arc<Notify>,
}

impl Context {
    /// An empty book.
    pub fn book(&self) -> Book {
        Book::new(self.clock.now(), self.hold_for, self.ids.clone())
    }
}
