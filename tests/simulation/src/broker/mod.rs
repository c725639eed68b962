//! A bus in memory that outlives the processes: what a real one may do to messages, it does often.

mod connection;
mod consumer;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use qm_clock::{Clock as _, ManualClock};
use qm_ids::{EventId, IdGenerator, Uuid};
use qm_messaging::{
    Envelope,
    bus::{BusError, ConsumerSpec, Delivery, Message, matches},
};

pub use self::connection::Connection;

use self::consumer::{Consumer, Waiting};
use crate::chance::{Chance, Fault};

/// How long a delivery is held back at most.
const LATER: usize = 20_000;

/// Who may be told the same under another name: whoever is asked again answers again.
const MAY_BE_TOLD_AS_NEWS: [&str; 13] = [
    "order-record-unfillable",
    "order-record-reserved",
    "order-record-rejected",
    "order-record-opened",
    "order-record-declined",
    "order-record-cancelled",
    "order-record-recall-refused",
    "order-record-issued",
    "order-record-completed",
    "order-record-shipment",
    "inventory-reserve",
    "inventory-pick",
    "shipping-recall",
];

/// Streams and consumers.
#[derive(Debug, Clone, Default)]
pub struct State {
    streams: BTreeMap<String, Stream>,
    /// Of streams that were lost and not made anew yet.
    lost: u64,
}

#[derive(Debug, Clone)]
struct Stream {
    identity: String,
    messages: BTreeMap<u64, Message>,
    last: u64,
    last_stored_at: Option<DateTime<Utc>>,
    consumers: BTreeMap<String, Consumer>,
}

/// The bus.
#[derive(Debug)]
pub struct Broker {
    state: Mutex<State>,
    clock: Arc<ManualClock>,
    chance: Arc<Chance>,
    ids: IdGenerator,
}

impl Broker {
    /// A bus that stands where `state` says.
    pub fn new(state: State, clock: Arc<ManualClock>, chance: Arc<Chance>, ids: IdGenerator) -> Self {
        Self { state: Mutex::new(state), clock, chance, ids }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where it stands.
    pub fn snapshot(&self) -> State {
        self.state().clone()
    }

    /// Consumers to whom something can be delivered now.
    pub fn busy(&self) -> Vec<String> {
        let (now, mut state) = (self.clock.now(), self.state());
        let mut busy = Vec::new();
        for stream in state.streams.values_mut() {
            for (name, consumer) in &mut stream.consumers {
                consumer.bring_back(now);
                if !consumer.due(now).is_empty() {
                    busy.push(name.clone());
                }
            }
        }
        busy
    }

    /// Deliveries that no consumer has settled.
    pub fn unsettled(&self) -> usize {
        let state = self.state();
        state.streams.values().flat_map(|it| it.consumers.values()).map(|it| it.open().count()).sum()
    }

    /// Each consumer with its stream and filter.
    pub fn consumers(&self) -> Vec<(String, String, String)> {
        let state = self.state();
        let of = |(stream, it): (&String, &Stream)| -> Vec<_> {
            it.consumers
                .iter()
                .map(|(name, consumer)| (stream.clone(), name.clone(), consumer.filter.clone()))
                .collect()
        };
        state.streams.iter().flat_map(of).collect()
    }

    /// The streams there are.
    pub fn streams(&self) -> Vec<String> {
        self.state().streams.keys().cloned().collect()
    }

    /// Whether everybody could read that this happened to that.
    pub fn was_told(&self, event_type: &str, of: Uuid) -> bool {
        let (subject, of) = (Envelope::subject(event_type), of.to_string());
        let says = |message: &Message| {
            message.subject == subject
                && message.headers.iter().any(|(name, value)| name == "ce-subject" && *value == of)
        };
        self.state().streams.values().any(|stream| stream.messages.values().any(says))
    }

    /// A stream's storage is gone, with all that its consumers had settled.
    pub fn lose(&self, stream: &str) {
        let mut state = self.state();
        if let Some(lost) = state.streams.remove(stream) {
            state.lost += 1;
            self.chance.note(format!("{stream} is lost with {} messages", lost.messages.len()));
        }
    }

    fn publish_one(&self, message: &Message) -> Result<u64, BusError> {
        if self.chance.happens(Fault::PublishRefused) {
            self.chance.note(format!("publish of {} refused", message.subject));
            return Err(BusError::Unavailable("the bus is away".to_owned()));
        }
        let now = self.clock.now();
        let mut state = self.state();
        let stream = stream_for(&message.subject)
            .and_then(|name| state.streams.get_mut(name))
            .ok_or_else(|| BusError::Unknown(format!("a stream for {}", message.subject)))?;
        stream.last += 1;
        let sequence = stream.last;
        stream.last_stored_at = Some(now);
        stream.messages.insert(sequence, message.clone());
        for consumer in stream.consumers.values_mut().filter(|it| matches(&it.filter, &message.subject)) {
            consumer.offer(Waiting { sequence, message: message.clone(), attempt: 1, due: now });
        }
        drop(state);
        if self.chance.happens(Fault::PublishUnheard) {
            self.chance.note(format!("publish of {} unheard", message.subject));
            return Err(BusError::Unavailable("no acknowledgement".to_owned()));
        }
        self.chance.note(format!("told {}", message.subject));
        Ok(sequence)
    }

    /// The same once more, perhaps as if it were news.
    fn again(&self, consumer: &str, waiting: &Waiting) -> Waiting {
        let mut again = waiting.clone();
        if MAY_BE_TOLD_AS_NEWS.contains(&consumer) && self.chance.happens(Fault::RepeatedAsNews) {
            let id = self.ids.next::<EventId>().to_string();
            for (_, value) in again.message.headers.iter_mut().filter(|(name, _)| name == "ce-id") {
                value.clone_from(&id);
            }
            again.message.id = id;
        }
        again
    }

    fn later(&self) -> TimeDelta {
        TimeDelta::milliseconds(i64::try_from(self.chance.roll(LATER)).unwrap_or(0))
    }

    fn fetch(&self, spec: &ConsumerSpec, identity: &str, max: usize) -> Result<Vec<Delivery>, BusError> {
        let now = self.clock.now();
        let mut state = self.state();
        let stream = state.streams.get_mut(&spec.stream).filter(|stream| stream.identity == identity);
        let consumer = stream
            .and_then(|stream| stream.consumers.get_mut(&spec.name))
            .ok_or_else(|| BusError::Unknown(spec.stream.clone()))?;
        consumer.bring_back(now);
        let mut due = consumer.due(now);
        // A batch of any size, in any order.
        let size = if self.chance.roll(2) == 0 { max } else { 1 + self.chance.roll(4) };
        let mut taken = Vec::new();
        while !due.is_empty() && taken.len() < size.min(max) {
            let from =
                if self.chance.happens(Fault::DeliveryDelayed) { self.chance.roll(due.len()) } else { 0 };
            let token = due.remove(from);
            let Some(mut waiting) = consumer.waiting.remove(&token) else { continue };
            let subject = waiting.message.subject.clone();
            if self.chance.happens(Fault::DeliveryDelayed) {
                waiting.due = now + self.later();
                consumer.waiting.insert(token, waiting);
                self.chance.note(format!("{subject} held back"));
                continue;
            }
            if self.chance.happens(Fault::DeliveryRepeated) {
                let again = self.again(&spec.name, &waiting);
                self.chance.note(format!("{subject} repeated"));
                consumer.offer(Waiting { due: now + self.later(), ..again });
            }
            let until = now + TimeDelta::from_std(spec.ack_wait).unwrap_or(TimeDelta::MAX);
            consumer.in_flight.insert(token, (until, waiting.clone()));
            if self.chance.happens(Fault::DeliveryLost) {
                self.chance.note(format!("{subject} lost on its way"));
                continue;
            }
            self.chance.note(format!("got {subject}"));
            taken.push(Delivery {
                message: waiting.message,
                token: token.to_string(),
                attempt: waiting.attempt,
            });
        }
        Ok(taken)
    }

    /// Takes deliveries that are in flight back, each with its token.
    fn settle(&self, spec: &ConsumerSpec, tokens: &[String]) -> Vec<(u64, Waiting)> {
        let mut state = self.state();
        let consumer =
            state.streams.get_mut(&spec.stream).and_then(|stream| stream.consumers.get_mut(&spec.name));
        let Some(consumer) = consumer else { return Vec::new() };
        let tokens = tokens.iter().filter_map(|token| token.parse::<u64>().ok());
        tokens.filter_map(|token| Some((token, consumer.in_flight.remove(&token)?.1))).collect()
    }

    fn give_back(&self, spec: &ConsumerSpec, given: Vec<(u64, Waiting)>, delay: Duration) {
        let due = self.clock.now() + TimeDelta::from_std(delay).unwrap_or(TimeDelta::MAX);
        let mut state = self.state();
        let consumer =
            state.streams.get_mut(&spec.stream).and_then(|stream| stream.consumers.get_mut(&spec.name));
        if let Some(consumer) = consumer {
            let later = |(token, it): (u64, Waiting)| (token, Waiting { attempt: it.attempt + 1, due, ..it });
            consumer.waiting.extend(given.into_iter().map(later));
        }
    }
}

fn stream_for(subject: &str) -> Option<&'static str> {
    qm_proto::events::stream_of(subject.strip_prefix("qm.")?).map(|stream| stream.name)
}
