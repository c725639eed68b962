//! How far a consumer is: what it was given, what it has settled, what is due again.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::{
    sync::{Notify, futures::Notified},
    time::Instant,
};

use super::{Shared, subject};
use crate::bus::{BusError, ConsumerSpec, Delivery, Message};

/// Messages read from the file at a time.
const WINDOW: u64 = 512;

/// A consumer's progress. Subscriptions under the same name share it, and so the work.
pub(super) struct Progress {
    state: Mutex<State>,
    arrived: Notify,
    /// Held while reading the file, so that two subscriptions do not read the same.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    filter: Option<String>,
    /// Everything up to here was read from the file.
    cursor: u64,
    /// What was settled when the file was opened.
    floor: u64,
    ready: VecDeque<Entry>,
    in_flight: BTreeMap<u64, (Instant, Entry)>,
    delayed: BTreeMap<(Instant, u64), Entry>,
}

#[derive(Clone)]
struct Entry {
    sequence: u64,
    attempt: u32,
    message: Message,
}

impl Progress {
    pub(super) fn new(floor: u64) -> Self {
        Self {
            state: Mutex::new(State { cursor: floor, floor, ..State::default() }),
            arrived: Notify::new(),
            reading: tokio::sync::Mutex::new(()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_filter(&self, spec: &ConsumerSpec) {
        self.state().filter = Some(spec.filter.clone());
    }

    /// Resolves when something may have become available after this call.
    pub(super) fn arrived(&self) -> Notified<'_> {
        self.arrived.notified()
    }

    /// Wakes subscriptions if a message of this subject is for them.
    pub(super) fn wake_for(&self, published: &BTreeSet<&str>) {
        let state = self.state();
        let Some(filter) = &state.filter else { return };
        if published.iter().any(|subject| subject::matches(filter, subject)) {
            self.arrived.notify_waiters();
        }
    }

    /// Takes what is ready, at most `max` and as much as may be in flight.
    pub(super) fn take(&self, max: usize, spec: &ConsumerSpec) -> Vec<Delivery> {
        let now = Instant::now();
        let mut state = self.state();
        state.bring_back(now);
        let count = max.min(state.room(spec)).min(state.ready.len());
        let taken: Vec<Entry> = state.ready.drain(..count).collect();
        taken
            .into_iter()
            .map(|entry| {
                let delivery = Delivery {
                    message: entry.message.clone(),
                    token: entry.sequence.to_string(),
                    attempt: entry.attempt,
                };
                state.in_flight.insert(entry.sequence, (now + spec.ack_wait, entry));
                delivery
            })
            .collect()
    }

    /// Reads more from the file. True when it is worth trying to take again.
    pub(super) async fn fill(&self, shared: &Shared, spec: &ConsumerSpec) -> Result<bool, BusError> {
        let _reading = self.reading.lock().await;
        let (cursor, is_full) = {
            let state = self.state();
            // Another subscription has just read.
            if !state.ready.is_empty() && state.room(spec) > 0 {
                return Ok(true);
            }
            (state.cursor, state.room(spec) == 0)
        };
        if is_full {
            return Ok(false);
        }
        let (subjects, last) = shared.subjects_after(&spec.stream, &spec.filter, cursor)?;
        if subjects.is_empty() {
            // Nothing up to the stream's end is for this consumer.
            self.state().cursor = last;
            return Ok(false);
        }
        let rows = shared.file.read(&spec.stream, &subjects, cursor, WINDOW).await?;
        let is_all = (rows.len() as u64) < WINDOW;
        let mut state = self.state();
        state.cursor =
            rows.last().map_or(last, |(sequence, _)| if is_all { last.max(*sequence) } else { *sequence });
        let found = !rows.is_empty();
        state.ready.extend(rows.into_iter().map(|(sequence, message)| Entry {
            sequence,
            attempt: 1,
            message,
        }));
        Ok(found)
    }

    /// Settles deliveries and returns the floor.
    pub(super) fn settle(&self, tokens: &[String]) -> u64 {
        let mut state = self.state();
        for sequence in tokens.iter().filter_map(|token| token.parse::<u64>().ok()) {
            if state.in_flight.remove(&sequence).is_none() {
                // Settled late: it was about to be delivered again.
                state.ready.retain(|entry| entry.sequence != sequence);
                state.delayed.retain(|(_, delayed), _| *delayed != sequence);
            }
        }
        // Room for more in flight.
        self.arrived.notify_waiters();
        state.floor()
    }

    /// Gives deliveries back until `due`.
    pub(super) fn delay(&self, tokens: &[String], due: Instant) {
        let mut state = self.state();
        for sequence in tokens.iter().filter_map(|token| token.parse::<u64>().ok()) {
            if let Some((_, entry)) = state.in_flight.remove(&sequence) {
                let attempt = entry.attempt.saturating_add(1);
                state.delayed.insert((due, sequence), Entry { attempt, ..entry });
            }
        }
        self.arrived.notify_waiters();
    }

    /// When something that was given back or not settled is due again.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let state = self.state();
        let delayed = state.delayed.keys().next().map(|(due, _)| *due);
        let overdue = state.in_flight.values().map(|(deadline, _)| *deadline).min();
        delayed.into_iter().chain(overdue).min()
    }

    /// Everything up to here is settled, given the last sequence of the stream.
    pub(super) fn floor(&self, last_sequence: u64) -> u64 {
        self.state().floor().min(last_sequence)
    }

    /// Cursor, messages taken from the file and not settled, and the filter if anybody ever subscribed.
    pub(super) fn position(&self) -> (u64, u64, Option<String>) {
        let state = self.state();
        let outstanding = state.ready.len() + state.in_flight.len() + state.delayed.len();
        (state.cursor, outstanding as u64, state.filter.clone())
    }
}

impl State {
    /// How many more may be handed out. What was given back counts, or giving back would load the whole stream.
    fn room(&self, spec: &ConsumerSpec) -> usize {
        (spec.max_in_flight as usize).saturating_sub(self.in_flight.len() + self.delayed.len())
    }

    /// Makes ready again what was given back and is due, and what was not settled in time.
    fn bring_back(&mut self, now: Instant) {
        let overdue: Vec<u64> = self
            .in_flight
            .iter()
            .filter(|(_, (deadline, _))| *deadline <= now)
            .map(|(sequence, _)| *sequence)
            .collect();
        for sequence in overdue.into_iter().rev() {
            if let Some((_, entry)) = self.in_flight.remove(&sequence) {
                self.ready.push_front(Entry { attempt: entry.attempt.saturating_add(1), ..entry });
            }
        }
        while let Some(entry) = self.delayed.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let entry = entry.remove();
            self.ready.push_back(entry);
        }
    }

    fn floor(&self) -> u64 {
        let first_ready = self.ready.iter().map(|entry| entry.sequence).min();
        let first_in_flight = self.in_flight.keys().next().copied();
        let first_delayed = self.delayed.keys().map(|(_, sequence)| *sequence).min();
        let first = [first_ready, first_in_flight, first_delayed].into_iter().flatten().min();
        first.map_or(self.cursor, |first| first - 1).max(self.floor)
    }
}
