//! One decision about one order: its events, folded as they are emitted, and the entry that it leaves in the timeline.

use chrono::{DateTime, TimeDelta, Utc};
use qm_ids::EventId;

use super::{
    event::Event,
    order::{AttemptState, Order},
    piece::Bucket,
};

/// What a decision came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The order afterwards.
    pub order: Order,
    /// What happened; empty when nothing did.
    pub events: Vec<Event>,
    /// The entry for the timeline.
    pub entry: Entry,
}

/// An entry of an order's timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// From 1, without gaps within the order.
    pub sequence: i64,
    /// What was asked or reported.
    pub command: &'static str,
    /// What came of it.
    pub outcome: String,
    /// The event that caused it; none for a direct command.
    pub cause: Option<EventId>,
    /// Who: kind and id.
    pub actor: (String, String),
    /// When.
    pub at: DateTime<Utc>,
}

/// A decision in the making.
#[derive(Debug)]
pub struct Step {
    order: Order,
    events: Vec<Event>,
    now: DateTime<Utc>,
    patience: TimeDelta,
}

impl Step {
    /// Begins a decision about an order. `patience` is the pause before an unanswered question is asked again; it doubles
    /// with each further time, up to 120 times as much.
    pub fn new(order: Order, now: DateTime<Utc>, patience: TimeDelta) -> Self {
        Self { order, events: Vec::new(), now, patience }
    }

    /// The order as it is after what was emitted so far.
    pub fn order(&self) -> &Order {
        &self.order
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// When a question asked now is asked again.
    pub(super) fn ask_again_at(&self) -> DateTime<Utc> {
        self.now + self.patience
    }

    /// When a question that was asked `asks` times before is asked again.
    pub(super) fn ask_again_after(&self, asks: i32) -> DateTime<Utc> {
        let times = 2_i32.pow(asks.clamp(0, 7).unsigned_abs()).min(120);
        self.now + self.patience * times
    }

    pub(super) fn emit(&mut self, event: Event) {
        self.order.evolve(&event);
        self.events.push(event);
    }

    /// Says what follows from where the units now are: attempts that nothing waits for are closed, the order is told to
    /// be allocated, cancelled or completed. Every verb ends with it.
    pub(super) fn settle(&mut self, cancel_reason: &str) {
        let waiting: Vec<i32> = self
            .order
            .pieces()
            .filter(|(_, piece)| piece.bucket == Bucket::Open)
            .map(|(_, piece)| piece.attempt)
            .collect();
        let over: Vec<i32> = self
            .order
            .attempts
            .iter()
            .filter(|attempt| attempt.state != AttemptState::Closed && !waiting.contains(&attempt.number))
            .map(|attempt| attempt.number)
            .collect();
        for attempt in over {
            self.emit(Event::AttemptClosed { attempt });
        }
        let count = |bucket| self.order.count(bucket);
        let is_backed = count(Bucket::Open) == 0 && count(Bucket::Backordered) == 0;
        if is_backed && !self.order.is_cancelled() && !self.order.told_allocated {
            self.emit(Event::Allocated);
        }
        if self.order.told_end {
            return;
        }
        if self.order.is_cancelled() {
            self.emit(Event::Cancelled { reason: cancel_reason.to_owned() });
        } else if self.order.is_completed() {
            self.emit(Event::Completed);
        }
    }

    /// Ends the decision. The revision grows if anything changed that a person could have seen; the timeline grows in any
    /// case, since that something was reported and changed nothing is worth knowing.
    pub fn finish(
        mut self,
        command: &'static str,
        outcome: impl Into<String>,
        cause: Option<EventId>,
        actor: (String, String),
    ) -> Decision {
        if self.events.iter().any(Event::is_change) {
            self.order.revision += 1;
            self.order.updated_at = self.now;
        }
        self.order.timeline_length += 1;
        let entry = Entry {
            sequence: self.order.timeline_length,
            command,
            outcome: outcome.into(),
            cause,
            actor,
            at: self.now,
        };
        Decision { order: self.order, events: self.events, entry }
    }
}
