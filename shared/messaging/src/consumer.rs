//! Taking events from the bus in batches and applying each exactly once in effect.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    marker::PhantomData,
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use qm_clock::SharedClock;
use qm_database::{Database, MAX_TRIES, Retryable as _, TenantSet, Tx};
use qm_proto::events::Event;
use qm_telemetry::metrics::Metrics;
use qm_worker::{Stage, Worker};
use tokio::time::{Instant, timeout_at};
use tracing::{Span, debug, error, info, info_span, warn};

use crate::{
    Envelope, HandleError, Received,
    bus::{ConsumerSpec, Delivery, Message, SharedBus},
    consuming::Consuming,
    dead_letters, inbox,
};

pub(crate) const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_secs(10);
/// A batch has this part of the time in which a delivery must be settled: a delivery may have to wait for the batch before
/// its own, and settling takes time, too (see `MessagingOptions::ack_wait`).
const HANDLING_SHARE: u32 = 3;
/// Failures of one event on its own before it is set aside.
const MAX_FAILURES: u32 = 5;
/// Events whose failures are remembered; beyond that the count starts over, which only delays a dead letter.
const MAX_REMEMBERED: usize = 10_000;

/// What a payload must be able to do to be handled.
pub trait Payload: Clone + Send + Sync + Sized + 'static {
    /// Reads it, or says what is wrong.
    fn decode(bytes: &[u8]) -> Result<Self, String>;
}

impl<E: Event + Clone> Payload for E {
    fn decode(bytes: &[u8]) -> Result<Self, String> {
        prost::Message::decode(bytes).map_err(|error| error.to_string())
    }
}

/// A payload left as it came, for consumers of many types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raw(pub Vec<u8>);

impl Payload for Raw {
    fn decode(bytes: &[u8]) -> Result<Self, String> {
        Ok(Self(bytes.to_vec()))
    }
}

/// Applies events of one kind.
#[async_trait]
pub trait Handler<P: Payload>: Send + Sync + 'static {
    /// What [`prepare`](Self::prepare) hands to [`apply`](Self::apply).
    type Prepared: Send;

    /// Asks others for what the batch needs, before the transaction. Must change nothing: a batch may be prepared and
    /// never applied, and some of its events may have been applied before.
    async fn prepare(&self, events: &[Received<P>]) -> Result<Self::Prepared, HandleError>;

    /// Applies fresh events in one transaction, with a constant number of statements however many they are.
    async fn apply(
        &self,
        tx: &Tx,
        events: &[Received<P>],
        prepared: Self::Prepared,
    ) -> Result<(), HandleError>;
}

/// A consumer without the types of its events.
#[async_trait]
pub(crate) trait Consumer: Send + Sync {
    fn spec(&self) -> &ConsumerSpec;

    /// Who takes batches from the bus.
    fn worker(self: Arc<Self>) -> Worker;

    /// Applies one message that had been set aside.
    async fn replay(&self, message: &Message) -> Result<(), HandleError>;

    /// Applies messages that a stream still holds, but for those that were applied before. What cannot be applied is set
    /// aside as ever; returns what shall be tried again. `failures` counts from one try to the next.
    async fn take(&self, messages: Vec<Message>, failures: &mut HashMap<String, u32>) -> Vec<Message>;
}

pub(crate) struct TypedConsumer<P, H> {
    pub(crate) spec: ConsumerSpec,
    /// The command that it carries out, for metrics.
    pub(crate) verb: String,
    /// From the beginning of one batch to that of the next at least.
    pub(crate) pace: Duration,
    pub(crate) metrics: Option<Metrics>,
    pub(crate) database: Database,
    pub(crate) bus: SharedBus,
    pub(crate) clock: SharedClock,
    pub(crate) handler: H,
    pub(crate) payload: PhantomData<fn() -> P>,
}

/// An event with the way to settle it.
struct Taken<P> {
    delivery: Delivery,
    event: Received<P>,
    /// Open while the event is being applied, so that its trace has this consumer in it.
    _span: Option<Span>,
}

/// What shall happen to deliveries.
#[derive(Default)]
pub(crate) struct Settlement {
    pub(crate) done: Vec<String>,
    pub(crate) again: Vec<(Duration, Vec<String>)>,
    /// True when time ran out before all was handled.
    pub(crate) was_cut_off: bool,
}

#[async_trait]
impl<P: Payload, H: Handler<P>> Consumer for TypedConsumer<P, H> {
    fn spec(&self) -> &ConsumerSpec {
        &self.spec
    }

    fn worker(self: Arc<Self>) -> Worker {
        Worker::taking(self.spec.name.clone(), Consuming::new(self)).stage(Stage::Consumers)
    }

    async fn replay(&self, message: &Message) -> Result<(), HandleError> {
        let delivery = Delivery { message: message.clone(), token: String::new(), attempt: 1 };
        let taken = self.read(delivery).map_err(|malformed| HandleError::Poison(malformed.1))?;
        self.try_batch(std::slice::from_ref(&taken)).await
    }

    async fn take(&self, messages: Vec<Message>, failures: &mut HashMap<String, u32>) -> Vec<Message> {
        let deliver = |(place, message): (usize, &Message)| Delivery {
            message: message.clone(),
            token: place.to_string(),
            attempt: 1,
        };
        let deliveries = messages.iter().enumerate().map(deliver).collect();
        let settlement = self.handle(deliveries, failures).await;
        let again: HashSet<String> = settlement.again.into_iter().flat_map(|(_, tokens)| tokens).collect();
        let is_again = |(place, _): &(usize, Message)| again.contains(&place.to_string());
        messages.into_iter().enumerate().filter(is_again).map(|(_, message)| message).collect()
    }
}

impl<P: Payload, H: Handler<P>> TypedConsumer<P, H> {
    /// Applies a batch, split as far as it takes for every event to be applied, given back or set aside.
    pub(crate) async fn handle(
        &self,
        deliveries: Vec<Delivery>,
        failures: &mut HashMap<String, u32>,
    ) -> Settlement {
        let handling_time = self.spec.ack_wait / HANDLING_SHARE;
        let deadline = Instant::now() + handling_time;
        let mut settlement = Settlement::default();
        let mut batch = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            match self.read(delivery) {
                Ok(taken) => batch.push(taken),
                Err(malformed) => {
                    let (delivery, problem) = *malformed;
                    self.set_aside(delivery, &problem, &mut settlement).await;
                }
            }
        }
        let mut parts = vec![batch];
        while let Some(mut part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            let tokens = |part: &[Taken<P>]| part.iter().map(|taken| taken.delivery.token.clone()).collect();
            // Cut off, a transaction is rolled back; if it was about to commit, the inbox knows when its events come again.
            let Ok(outcome) = timeout_at(deadline, self.try_batch(&part)).await else {
                warn!(consumer = %self.spec.name, events = part.len(), "not applied within {handling_time:?}, given back");
                settlement.was_cut_off = true;
                settlement.again.push((FIRST_BACKOFF, tokens(&part)));
                continue;
            };
            match outcome {
                Ok(()) => {
                    for taken in &part {
                        failures.remove(&taken.delivery.message.id);
                    }
                    settlement.done.extend::<Vec<_>>(tokens(&part));
                }
                Err(HandleError::Unavailable(problem)) => {
                    warn!(consumer = %self.spec.name, events = part.len(), problem, "cannot apply events now");
                    settlement.again.push((FIRST_BACKOFF, tokens(&part)));
                }
                Err(error) if part.len() > 1 => {
                    debug!(consumer = %self.spec.name, events = part.len(), %error, "splitting a batch that failed");
                    let rest = part.split_off(part.len() / 2);
                    parts.push(rest);
                    parts.push(part);
                }
                Err(error) => {
                    for taken in part {
                        self.fail(taken.delivery, &error, failures, &mut settlement).await;
                    }
                }
            }
        }
        settlement
    }

    /// An event failed on its own.
    async fn fail(
        &self,
        delivery: Delivery,
        error: &HandleError,
        failures: &mut HashMap<String, u32>,
        settlement: &mut Settlement,
    ) {
        if failures.len() >= MAX_REMEMBERED {
            failures.clear();
        }
        let count = failures.entry(delivery.message.id.clone()).or_default();
        *count += 1;
        if matches!(error, HandleError::Poison(_)) || *count >= MAX_FAILURES {
            failures.remove(&delivery.message.id);
            self.set_aside(delivery, &error.to_string(), settlement).await;
        } else {
            warn!(consumer = %self.spec.name, event = %delivery.message.id, failures = *count, %error, "event failed, trying again later");
            let delay = (FIRST_BACKOFF * 4_u32.pow(*count)).min(MAX_BACKOFF);
            settlement.again.push((delay, vec![delivery.token]));
        }
    }

    /// Writes a dead letter, and only then settles the delivery.
    async fn set_aside(&self, delivery: Delivery, problem: &str, settlement: &mut Settlement) {
        match dead_letters::record(&self.database, &self.spec.name, &delivery, problem, self.clock.now())
            .await
        {
            Ok(()) => {
                error!(consumer = %self.spec.name, event = %delivery.message.id, problem, "event set aside as a dead letter");
                self.count("dead", 1);
                settlement.done.push(delivery.token);
            }
            Err(error) => {
                warn!(consumer = %self.spec.name, event = %delivery.message.id, %error, "a dead letter could not be written");
                settlement.again.push((MAX_BACKOFF, vec![delivery.token]));
            }
        }
    }

    async fn try_batch(&self, batch: &[Taken<P>]) -> Result<(), HandleError> {
        let events: Vec<_> = batch.iter().map(|taken| taken.event.clone()).collect();
        let mut tries = 1;
        loop {
            match self.apply(&events).await {
                Err(error) if error.is_retryable() && tries < MAX_TRIES => {
                    tokio::time::sleep(Duration::from_millis(1 << tries)).await;
                    tries += 1;
                }
                result => return result,
            }
        }
    }

    async fn apply(&self, events: &[Received<P>]) -> Result<(), HandleError> {
        let prepared = self.handler.prepare(events).await?;
        let tenants = TenantSet::of(events.iter().map(|event| event.tenant));
        let tx = self.database.begin(&tenants).await?;
        let fresh = inbox::fresh(&tx, &self.spec.name, events, self.clock.now()).await?;
        if !fresh.is_empty() {
            self.handler.apply(&tx, &fresh, prepared).await?;
        }
        tx.commit().await?;
        self.count("done", fresh.len());
        self.count("duplicate", events.len() - fresh.len());
        if let Some(metrics) = &self.metrics {
            let mut by_type: BTreeMap<&str, u64> = BTreeMap::new();
            fresh.iter().for_each(|event| *by_type.entry(&event.event_type).or_default() += 1);
            by_type.into_iter().for_each(|(kind, n)| metrics.count_events(kind.to_owned(), "applied", n));
        }
        Ok(())
    }

    /// `n` events were commands with this outcome.
    fn count(&self, outcome: &'static str, n: usize) {
        if let Some(metrics) = self.metrics.as_ref().filter(|_| n > 0) {
            metrics.count_commands(self.verb.clone(), outcome, n as u64);
        }
    }

    fn read(&self, delivery: Delivery) -> Result<Taken<P>, Box<(Delivery, String)>> {
        let envelope = match Envelope::from_message(&delivery.message) {
            Ok(envelope) => envelope,
            Err(error) => return Err(Box::new((delivery, error.to_string()))),
        };
        let payload = match P::decode(&envelope.payload) {
            Ok(payload) => payload,
            Err(problem) => {
                return Err(Box::new((delivery, format!("payload of {}: {problem}", envelope.event_type))));
            }
        };
        let span = envelope.trace.as_deref().map(|trace| {
            let span = info_span!(
                "consume",
                otel.kind = "consumer",
                messaging.system = "nats",
                messaging.destination.name = %envelope.event_type,
                messaging.message.id = %envelope.event_id,
                messaging.consumer.group.name = %self.spec.name,
                qm.tenant = %envelope.tenant,
            );
            qm_telemetry::propagation::set_parent(&span, trace);
            span
        });
        let trace = span
            .as_ref()
            .and_then(|span| span.in_scope(qm_telemetry::propagation::current_traceparent))
            .or(envelope.trace);
        let event = Received {
            event_id: envelope.event_id,
            tenant: envelope.tenant,
            event_type: envelope.event_type,
            aggregate: envelope.aggregate,
            occurred_at: envelope.occurred_at,
            trace,
            payload,
        };
        Ok(Taken { delivery, event, _span: span })
    }
}

/// Says once that a consumer is at work.
pub(crate) fn announce(spec: &ConsumerSpec) {
    info!(consumer = %spec.name, filter = %spec.filter, "consuming");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MessagingOptions, consuming::MAX_DOUBLINGS};

    #[test]
    fn a_delivery_that_waits_for_the_batch_before_its_own_is_settled_in_time() {
        let ack_wait = MessagingOptions::default().ack_wait;
        let (handling, slowing_down) = (ack_wait / HANDLING_SHARE, FIRST_BACKOFF * 2_u32.pow(MAX_DOUBLINGS));
        let settling = Duration::from_secs(5);
        assert!(
            2 * handling + slowing_down + settling < ack_wait,
            "the numbers in the option's documentation"
        );
    }
}
