//! From a commit to the relay of the same process, without reading back what was just written.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::table::history;

/// Events that may wait here. Beyond that the relay finds them where they are safe, in the outbox.
const MAX_WAITING: usize = 8_192;

/// Events of transactions that stand, waiting for their relay.
#[derive(Debug, Default)]
pub(crate) struct Handover {
    waiting: Mutex<Waiting>,
    arrived: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Waiting {
    events: Vec<history::Model>,
    /// True when the outbox holds events that are not here.
    left_some: bool,
}

/// What the relay gets.
pub(crate) struct Taken {
    /// At most as many as asked for.
    pub(crate) events: Vec<history::Model>,
    /// True when the outbox holds more than was, or will be, handed over.
    pub(crate) left_some: bool,
}

impl Handover {
    /// Hands events of a committed transaction over.
    pub(crate) fn give(&self, events: Vec<history::Model>) {
        let mut waiting = self.lock();
        if waiting.events.len() + events.len() > MAX_WAITING {
            waiting.left_some = true;
        } else {
            waiting.events.extend(events);
        }
        drop(waiting);
        self.arrived.notify_one();
    }

    /// Takes the oldest events.
    pub(crate) fn take(&self, limit: usize) -> Taken {
        let mut waiting = self.lock();
        let count = limit.min(waiting.events.len());
        let rest = waiting.events.split_off(count);
        let events = std::mem::replace(&mut waiting.events, rest);
        Taken { events, left_some: std::mem::take(&mut waiting.left_some) }
    }

    /// Says that events which were taken are still in the outbox.
    pub(crate) fn leave_some(&self) {
        self.lock().left_some = true;
        self.arrived.notify_one();
    }

    /// Notified when something is handed over.
    pub(crate) fn arrived(&self) -> Arc<Notify> {
        Arc::clone(&self.arrived)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        // No code that holds the lock can panic half-way through a change.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use qm_ids::{EventId, TenantId};
    use uuid::Uuid;

    use super::*;

    fn events(n: u128) -> Vec<history::Model> {
        let event = |id| history::Model {
            tenant_id: TenantId::from_uuid(Uuid::nil()),
            event_id: EventId::from_uuid(Uuid::from_u128(id)),
            event_type: "order.placed".to_owned(),
            aggregate_id: Uuid::nil(),
            occurred_at: DateTime::<Utc>::UNIX_EPOCH,
            trace: None,
            payload: Vec::new(),
            written_at: DateTime::<Utc>::UNIX_EPOCH,
        };
        (0..n).map(event).collect()
    }

    #[test]
    fn what_is_given_is_taken_once_and_in_order() {
        let handover = Handover::default();
        handover.give(events(3));
        handover.give(events(2));
        let first = handover.take(4);
        let ids: Vec<u128> = first.events.iter().map(|event| event.event_id.as_uuid().as_u128()).collect();
        assert_eq!((ids, first.left_some), (vec![0, 1, 2, 0], false));
        assert_eq!(handover.take(4).events.len(), 1);
        assert!(handover.take(4).events.is_empty());
    }

    #[test]
    fn more_than_may_wait_is_left_to_the_outbox_and_said_so_once() {
        let handover = Handover::default();
        handover.give(events(MAX_WAITING as u128));
        handover.give(events(1));
        let taken = handover.take(usize::MAX);
        assert_eq!((taken.events.len(), taken.left_some), (MAX_WAITING, true));
        assert!(!handover.take(1).left_some);
    }
}
