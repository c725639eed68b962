//! A durable consumer: what it has not settled.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use qm_messaging::bus::Message;

/// A consumer's progress.
#[derive(Debug, Clone)]
pub(super) struct Consumer {
    pub(super) filter: String,
    pub(super) next_token: u64,
    pub(super) waiting: BTreeMap<u64, Waiting>,
    pub(super) in_flight: BTreeMap<u64, (DateTime<Utc>, Waiting)>,
}

/// A message that a consumer has not settled.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub(super) sequence: u64,
    pub(super) message: Message,
    pub(super) attempt: u32,
    pub(super) due: DateTime<Utc>,
}

impl Consumer {
    /// One that waits for nothing yet.
    pub(super) fn new(filter: &str) -> Self {
        let (waiting, in_flight) = (BTreeMap::new(), BTreeMap::new());
        Self { filter: filter.to_owned(), next_token: 0, waiting, in_flight }
    }

    /// Messages that it has not settled.
    pub(super) fn open(&self) -> impl Iterator<Item = &Waiting> {
        self.waiting.values().chain(self.in_flight.values().map(|(_, waiting)| waiting))
    }

    /// Adds a message to what it waits for.
    pub(super) fn offer(&mut self, waiting: Waiting) {
        self.next_token += 1;
        self.waiting.insert(self.next_token, waiting);
    }

    /// Gives up on deliveries that were not settled in time.
    pub(super) fn bring_back(&mut self, now: DateTime<Utc>) {
        let late: Vec<u64> =
            self.in_flight.iter().filter(|(_, (until, _))| *until <= now).map(|(token, _)| *token).collect();
        for token in late {
            if let Some((_, waiting)) = self.in_flight.remove(&token) {
                self.waiting.insert(token, Waiting { attempt: waiting.attempt + 1, due: now, ..waiting });
            }
        }
    }

    /// Tokens of what can be delivered.
    pub(super) fn due(&self, now: DateTime<Utc>) -> Vec<u64> {
        self.waiting.iter().filter(|(_, waiting)| waiting.due <= now).map(|(token, _)| *token).collect()
    }
}
