//! Orders that this process has just written or read.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashlink::LruCache;
use qm_ids::{OrderId, TenantId};

use crate::domain::Order;

/// Orders remembered, some 4 KB each: more than are between two steps of theirs at any time.
const MOST: usize = 4_096;

type Key = (TenantId, OrderId);

/// Whole orders as they were committed, the latest used of them.
///
/// An order stands in seven tables and is placed, reserved and asked for within a second. Whoever has its `progress` row,
/// locked or in a snapshot, knows which state of it is asked for: the timeline grows with every change, so a remembered
/// order with a timeline of the same length is what the other tables say, whichever process wrote it.
#[derive(Debug, Clone)]
pub struct Recent {
    orders: Arc<Mutex<LruCache<Key, Arc<Order>>>>,
}

impl Default for Recent {
    fn default() -> Self {
        Self { orders: Arc::new(Mutex::new(LruCache::new(MOST))) }
    }
}

impl Recent {
    /// The order, if it is remembered with a timeline of this length.
    pub fn get(&self, key: Key, timeline_length: i64) -> Option<Arc<Order>> {
        let mut orders = self.lock();
        orders.get(&key).filter(|order| order.timeline_length == timeline_length).cloned()
    }

    /// Remembers orders. They must be committed, and as they were committed.
    pub fn remember(&self, committed: impl IntoIterator<Item = Arc<Order>>) {
        let mut orders = self.lock();
        for order in committed {
            let key = (order.tenant, order.id);
            // Of two transactions the later one may be the first to come here.
            if orders.peek(&key).is_none_or(|known| known.timeline_length < order.timeline_length) {
                orders.insert(key, order);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<Key, Arc<Order>>> {
        // No code that holds the lock can panic half-way through a change.
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
