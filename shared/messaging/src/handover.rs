//! From a commit to the relay of the same process, without reading back what was just written.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::Notify;

use crate::unpublished::Unpublished;

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
    batches: VecDeque<Unpublished>,
    /// Events in all of them.
    count: usize,
    /// True when the outbox holds events that are not here.
    left_some: bool,
}

/// What the relay gets.
pub(crate) struct Taken {
    pub(crate) batches: Vec<Unpublished>,
    /// True when the outbox holds more than was, or will be, handed over.
    pub(crate) left_some: bool,
}

impl Handover {
    /// Hands events of a committed transaction over.
    pub(crate) fn give(&self, batches: Vec<Unpublished>) {
        let count: usize = batches.iter().map(|batch| batch.events.len()).sum();
        let mut waiting = self.lock();
        if waiting.count + count > MAX_WAITING {
            waiting.left_some = true;
        } else {
            waiting.count += count;
            waiting.batches.extend(batches);
        }
        drop(waiting);
        self.arrived.notify_one();
    }

    /// Takes the oldest batches until they have so many events.
    pub(crate) fn take(&self, events: usize) -> Taken {
        let mut waiting = self.lock();
        let (mut batches, mut count) = (Vec::new(), 0);
        while count < events
            && let Some(batch) = waiting.batches.pop_front()
        {
            count += batch.events.len();
            batches.push(batch);
        }
        waiting.count -= count;
        Taken { batches, left_some: std::mem::take(&mut waiting.left_some) }
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
    use crate::table::history;

    fn events(ids: std::ops::Range<u128>) -> Vec<Unpublished> {
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
        Unpublished::of_transaction(ids.map(event).collect())
    }

    fn ids(taken: &Taken) -> Vec<u128> {
        let events = taken.batches.iter().flat_map(|batch| &batch.events);
        events.map(|event| event.event_id.as_uuid().as_u128()).collect()
    }

    #[test]
    fn what_is_given_is_taken_once_and_in_order() {
        let handover = Handover::default();
        for batch in [0..3, 3..5, 5..6] {
            handover.give(events(batch));
        }
        let first = handover.take(4);
        assert_eq!((ids(&first), first.left_some), (vec![0, 1, 2, 3, 4], false));
        assert_eq!(ids(&handover.take(4)), [5]);
        assert!(handover.take(4).batches.is_empty());
    }

    #[test]
    fn more_than_may_wait_is_left_to_the_outbox_and_said_so_once() {
        let handover = Handover::default();
        handover.give(events(0..MAX_WAITING as u128));
        handover.give(events(0..1));
        let taken = handover.take(usize::MAX);
        assert_eq!((ids(&taken).len(), taken.left_some), (MAX_WAITING, true));
        assert!(!handover.take(1).left_some);
        handover.give(events(0..1));
        assert_eq!(ids(&handover.take(1)), [0]);
    }
}
