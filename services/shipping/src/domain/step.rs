//! One decision about one fulfilment: its events, folded as they are emitted.

use chrono::{DateTime, Utc};

use super::{event::Event, fulfilment::Fulfilment};

/// What a decision came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The fulfilment afterwards.
    pub fulfilment: Fulfilment,
    /// What happened; empty when nothing did.
    pub events: Vec<Event>,
    /// What had happened before and is told again, because somebody asked.
    pub repeats: Vec<Event>,
}

/// A decision in the making.
#[derive(Debug)]
pub struct Step {
    fulfilment: Fulfilment,
    events: Vec<Event>,
    repeats: Vec<Event>,
    now: DateTime<Utc>,
}

impl Step {
    /// Begins a decision about a fulfilment.
    pub fn new(fulfilment: Fulfilment, now: DateTime<Utc>) -> Self {
        Self { fulfilment, events: Vec::new(), repeats: Vec::new(), now }
    }

    /// The fulfilment as it is after what was emitted so far.
    pub fn fulfilment(&self) -> &Fulfilment {
        &self.fulfilment
    }

    /// When the decision is made.
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    pub(super) fn emit(&mut self, event: Event) {
        self.fulfilment.evolve(&event);
        self.events.push(event);
    }

    /// Tells again what happened before.
    pub(super) fn repeat(&mut self, event: Event) {
        self.repeats.push(event);
    }

    /// Ends the decision. The version grows if anything changed.
    pub fn finish(mut self) -> Decision {
        if self.events.iter().any(Event::is_change) {
            self.fulfilment.version += 1;
            self.fulfilment.updated_at = self.now;
        }
        Decision { fulfilment: self.fulfilment, events: self.events, repeats: self.repeats }
    }
}
