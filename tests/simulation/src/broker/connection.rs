//! The bus as a process reaches it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use qm_clock::Clock as _;
use qm_messaging::bus::{
    Bus, BusError, ConsumerSpec, ConsumerState, Delivery, Held, Message, Start, StreamSpec, StreamState,
    Subscription, matches,
};

use super::{
    Broker, Stream,
    consumer::{Consumer, Waiting},
};
use crate::{chance::Fault, process::Process};

/// The way of a process to the bus.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The bus.
    pub broker: Arc<Broker>,
    /// The process.
    pub process: Arc<Process>,
}

impl Connection {
    fn check(&self) -> Result<(), BusError> {
        if self.process.is_dead() {
            Err(BusError::Unavailable("the process is dead".to_owned()))
        } else {
            Ok(())
        }
    }
}

#[async_trait]
impl Bus for Connection {
    async fn declare_stream(&self, spec: &StreamSpec) -> Result<(), BusError> {
        self.check()?;
        let mut state = self.broker.state();
        let identity = format!("{}-{}", spec.name, state.lost);
        state.streams.entry(spec.name.clone()).or_insert_with(|| Stream {
            identity,
            messages: BTreeMap::new(),
            last: 0,
            last_stored_at: None,
            consumers: BTreeMap::new(),
        });
        Ok(())
    }

    async fn publish(&self, messages: &[Message]) -> Vec<Result<u64, BusError>> {
        messages.iter().map(|message| self.check().and_then(|()| self.broker.publish_one(message))).collect()
    }

    async fn subscribe(&self, spec: &ConsumerSpec) -> Result<Box<dyn Subscription>, BusError> {
        self.check()?;
        let now = self.broker.clock.now();
        let mut state = self.broker.state();
        let stream =
            state.streams.get_mut(&spec.stream).ok_or_else(|| BusError::Unknown(spec.stream.clone()))?;
        if !stream.consumers.contains_key(&spec.name) {
            let mut consumer = Consumer::new(&spec.filter);
            for (sequence, message) in &stream.messages {
                if matches(&spec.filter, &message.subject) {
                    let (sequence, message) = (*sequence, message.clone());
                    consumer.offer(Waiting { sequence, message, attempt: 1, due: now });
                }
            }
            stream.consumers.insert(spec.name.clone(), consumer);
        }
        let identity = stream.identity.clone();
        Ok(Box::new(Taking { connection: self.clone(), spec: spec.clone(), identity }))
    }

    async fn stream_state(&self, name: &str) -> Result<StreamState, BusError> {
        self.check()?;
        let state = self.broker.state();
        let stream = state.streams.get(name).ok_or_else(|| BusError::Unknown(name.to_owned()))?;
        let of = |(name, it): (&String, &Consumer)| {
            let first_open = it.open().map(|waiting| waiting.sequence).min();
            ConsumerState {
                name: name.clone(),
                ack_floor: first_open.map_or(stream.last, |sequence| sequence - 1),
                pending: it.open().count() as u64,
            }
        };
        Ok(StreamState {
            identity: stream.identity.clone(),
            first_sequence: stream.messages.keys().next().copied().unwrap_or(stream.last),
            last_sequence: stream.last,
            last_stored_at: stream.last_stored_at,
            bytes: stream.messages.values().map(|message| message.payload.len() as u64).sum(),
            consumers: stream.consumers.iter().map(of).collect(),
        })
    }

    async fn read(&self, stream: &str, start: Start, max: usize) -> Result<Vec<Held>, BusError> {
        self.check()?;
        let state = self.broker.state();
        let stream = state.streams.get(stream).ok_or_else(|| BusError::Unknown(stream.to_owned()))?;
        let first = match start {
            // It does not know when a message was stored.
            Start::Time(_) => 0,
            Start::After(sequence) => sequence + 1,
        };
        let held =
            |(sequence, message): (&u64, &Message)| Held { sequence: *sequence, message: message.clone() };
        Ok(stream.messages.range(first..).take(max).map(held).collect())
    }

    async fn purge(&self, stream: &str, sequence: u64) -> Result<(), BusError> {
        self.check()?;
        if let Some(stream) = self.broker.state().streams.get_mut(stream) {
            stream.messages.retain(|held, _| *held > sequence);
        }
        Ok(())
    }

    async fn ping(&self) -> Result<(), BusError> {
        self.check()
    }
}

/// A consumer's hold on the bus.
struct Taking {
    connection: Connection,
    spec: ConsumerSpec,
    identity: String,
}

#[async_trait]
impl Subscription for Taking {
    async fn fetch(&mut self, max: usize, _: Duration) -> Result<Vec<Delivery>, BusError> {
        self.connection.check()?;
        self.connection.broker.fetch(&self.spec, &self.identity, max)
    }

    async fn ack(&mut self, tokens: &[String]) -> Result<(), BusError> {
        self.connection.check()?;
        let broker = &self.connection.broker;
        let (mut heard, mut unheard) = (Vec::new(), 0);
        for token in tokens {
            if broker.chance.happens(Fault::SettlingLost) {
                unheard += 1;
            } else {
                heard.push(token.clone());
            }
        }
        if unheard > 0 {
            broker.chance.note(format!("{unheard} settled unheard"));
        }
        broker.settle(&self.spec, &heard);
        Ok(())
    }

    async fn retry_after(&mut self, tokens: &[String], delay: Duration) -> Result<(), BusError> {
        self.connection.check()?;
        let given = self.connection.broker.settle(&self.spec, tokens);
        self.connection.broker.give_back(&self.spec, given, delay);
        Ok(())
    }
}
