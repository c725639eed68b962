//! A consumer's turns: each takes a batch from the bus, applies it and settles it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use qm_worker::{Error, Rest, Turns};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::{
    Handler, Payload,
    bus::{BusError, Subscription},
    consumer::{FIRST_BACKOFF, Settlement, TypedConsumer},
};

/// Messages taken at a time.
const BATCH: usize = 256;
/// How long one request for messages stays open.
const FETCH_WAIT: Duration = Duration::from_secs(2);
/// Between two looks for a stream whose service has not started yet.
const LOOK_FOR_STREAM: Duration = Duration::from_millis(250);
/// Longest pause between two batches while a dependency is down, as so many doublings of the first: 3.2 s.
pub(crate) const MAX_DOUBLINGS: u32 = 5;

/// A consumer at work.
pub(crate) struct Consuming<P, H> {
    consumer: Arc<TypedConsumer<P, H>>,
    subscription: Option<Box<dyn Subscription>>,
    /// How often each event failed on its own.
    failures: HashMap<String, u32>,
    /// Messages to take next.
    size: usize,
    /// Batches in a row of which nothing could be done.
    unavailable_for: u32,
}

impl<P: Payload, H: Handler<P>> Consuming<P, H> {
    pub(crate) fn new(consumer: Arc<TypedConsumer<P, H>>) -> Self {
        Self { consumer, subscription: None, failures: HashMap::new(), size: BATCH, unavailable_for: 0 }
    }

    /// None while the service that publishes has not started yet.
    async fn subscribe(consumer: &TypedConsumer<P, H>) -> Result<Option<Box<dyn Subscription>>, BusError> {
        match consumer.bus.subscribe(&consumer.spec).await {
            Ok(subscription) => Ok(Some(subscription)),
            Err(error @ BusError::Unknown(_)) => {
                debug!(consumer = %consumer.spec.name, %error, "waiting for the stream");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn batch(
        &mut self,
        subscription: &mut Box<dyn Subscription>,
        stop: &CancellationToken,
    ) -> Result<Rest, BusError> {
        let deliveries = tokio::select! {
            deliveries = subscription.fetch(self.size, FETCH_WAIT) => deliveries?,
            () = stop.cancelled() => return Ok(Rest::none()),
        };
        if deliveries.is_empty() {
            return Ok(Rest::none());
        }
        let began = Instant::now();
        let taken = deliveries.len();
        let settlement = self.consumer.handle(deliveries, &mut self.failures).await;
        // Halved at once and grown slowly, so that what cannot be done in time is rarely begun.
        self.size = if settlement.was_cut_off { (taken / 2).max(1) } else { (self.size + 1).min(BATCH) };
        self.note_whether_available(&settlement);
        // Not inside a select: what was applied is settled also while stopping.
        if !settlement.done.is_empty() {
            subscription.ack(&settlement.done).await?;
        }
        for (delay, tokens) in settlement.again {
            subscription.retry_after(&tokens, delay).await?;
        }
        let pace = if taken < self.size {
            (began + self.consumer.pace).saturating_duration_since(Instant::now())
        } else {
            Duration::ZERO
        };
        let slow = match self.unavailable_for {
            0 => Duration::ZERO,
            doublings => FIRST_BACKOFF * 2_u32.pow(doublings),
        };
        Ok(Rest::none().at_least(pace.max(slow)))
    }

    /// With nothing done and everything given back, a dependency is down: the next batches are slower.
    fn note_whether_available(&mut self, settlement: &Settlement) {
        let waits = settlement.again.iter().any(|(_, tokens)| !tokens.is_empty());
        self.unavailable_for = if waits && settlement.done.is_empty() {
            (self.unavailable_for + 1).min(MAX_DOUBLINGS)
        } else {
            0
        };
    }
}

#[async_trait]
impl<P: Payload, H: Handler<P>> Turns for Consuming<P, H> {
    async fn turn(&mut self, stop: &CancellationToken) -> Result<Rest, Error> {
        let mut subscription = match self.subscription.take() {
            Some(subscription) => subscription,
            None => tokio::select! {
                subscription = Self::subscribe(&self.consumer) => match subscription? {
                    Some(subscription) => subscription,
                    None => return Ok(Rest::of(LOOK_FOR_STREAM)),
                },
                () = stop.cancelled() => return Ok(Rest::none()),
            },
        };
        // One that failed is not used again.
        let rest = self.batch(&mut subscription, stop).await?;
        self.subscription = Some(subscription);
        Ok(rest)
    }
}
