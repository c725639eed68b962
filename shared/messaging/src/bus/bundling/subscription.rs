//! Taking events out of bundles, and settling a bundle once all its events are.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use async_trait::async_trait;

use super::{MAX_EVENTS, format};
use crate::bus::{BusError, Delivery, Subscription};

/// Between a message's token, the number of its delivery, and an event's place in it. No bus has it in its own tokens.
const PART: char = '#';

/// A subscription to events on top of one to messages.
pub(super) struct Unbundling {
    inner: Box<dyn Subscription>,
    /// Events of messages that were taken, for the next to ask.
    waiting: VecDeque<Delivery>,
    /// Bundles with events that are not settled. Each delivery is a bundle of its own: what is left of an earlier one does
    /// not settle what came again.
    open: HashMap<String, Open>,
    /// Events that a message is expected to hold. Too few would take more than was asked for, so it falls slowly.
    events_per_message: usize,
}

/// A bundle with events that are not settled.
struct Open {
    /// The message's.
    token: String,
    unsettled: usize,
    /// Set when an event was given back: then the bundle is, and those of its events that were applied are known when they
    /// come again.
    again_after: Option<Duration>,
}

/// How messages are to be settled.
#[derive(Default)]
struct Settled {
    done: Vec<String>,
    again: Vec<(Duration, String)>,
}

impl Settled {
    fn add(&mut self, token: String, again_after: Option<Duration>) {
        match again_after {
            Some(delay) => self.again.push((delay, token)),
            None => self.done.push(token),
        }
    }
}

impl Unbundling {
    pub(super) fn new(inner: Box<dyn Subscription>) -> Self {
        Self { inner, waiting: VecDeque::new(), open: HashMap::new(), events_per_message: MAX_EVENTS }
    }

    fn unbundle(&mut self, delivery: Delivery) {
        // What cannot be read stays a message, for whoever sets it aside.
        let Some(events) = format::unpack(&delivery.message) else {
            self.waiting.push_back(delivery);
            return;
        };
        let Delivery { token, attempt, .. } = delivery;
        let bundle = format!("{token}{PART}{attempt}");
        self.open.insert(bundle.clone(), Open { token, unsettled: events.len(), again_after: None });
        for (place, message) in events.into_iter().enumerate() {
            let token = format!("{bundle}{PART}{place}");
            self.waiting.push_back(Delivery { message, token, attempt });
        }
    }

    /// Marks events as settled; says which messages are with that.
    fn settle(&mut self, tokens: &[String], again_after: Option<Duration>) -> Settled {
        let mut settled = Settled::default();
        for token in tokens {
            let Some((bundle, _)) = token.rsplit_once(PART) else {
                settled.add(token.clone(), again_after);
                continue;
            };
            // Of a bundle that was settled before, there is nothing left to say.
            let Some(open) = self.open.get_mut(bundle) else { continue };
            open.unsettled = open.unsettled.saturating_sub(1);
            open.again_after = open.again_after.max(again_after);
            if open.unsettled == 0
                && let Some(open) = self.open.remove(bundle)
            {
                settled.add(open.token, open.again_after);
            }
        }
        settled
    }

    async fn tell(&mut self, settled: Settled) -> Result<(), BusError> {
        if !settled.done.is_empty() {
            self.inner.ack(&settled.done).await?;
        }
        for (delay, token) in settled.again {
            self.inner.retry_after(&[token], delay).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Subscription for Unbundling {
    async fn fetch(&mut self, max: usize, wait: Duration) -> Result<Vec<Delivery>, BusError> {
        if self.waiting.is_empty() && max > 0 {
            let messages = max.div_ceil(self.events_per_message);
            let deliveries = self.inner.fetch(messages, wait).await?;
            let taken = deliveries.len();
            for delivery in deliveries {
                self.unbundle(delivery);
            }
            if taken > 0 {
                let found = self.waiting.len().div_ceil(taken);
                self.events_per_message = found.max(self.events_per_message / 2).max(1);
            }
        }
        Ok(self.waiting.drain(..max.min(self.waiting.len())).collect())
    }

    async fn ack(&mut self, tokens: &[String]) -> Result<(), BusError> {
        let settled = self.settle(tokens, None);
        self.tell(settled).await
    }

    async fn retry_after(&mut self, tokens: &[String], delay: Duration) -> Result<(), BusError> {
        let settled = self.settle(tokens, Some(delay));
        self.tell(settled).await
    }
}
