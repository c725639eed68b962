//! A bus that carries events in bundles: those of one subject that are published together travel in one message.
//!
//! A message costs a bus and its clients about the same whether it holds one event or sixty. Alone, an event travels as a
//! message of its own, as without bundles. Both sides of the seam stay as they are: events are published, taken and settled
//! one by one, and only the messages beneath are fewer. Sequences, and what a stream or consumer says that it holds,
//! count messages.

mod format;
mod subscription;

use std::collections::BTreeMap;

use async_trait::async_trait;

use self::subscription::Unbundling;
use crate::bus::{
    Bus, BusError, ConsumerSpec, Held, Message, SharedBus, Start, StreamSpec, StreamState, Subscription,
};

/// Events in one message at most: more would save little, and a bundle is given back as a whole.
const MAX_EVENTS: usize = 64;
/// Bytes of a bundle that another event is still added to. An event by itself may be larger.
const MAX_BYTES: usize = 128 * 1024;

/// Bundles what another bus carries.
#[derive(Debug)]
pub struct Bundling {
    bus: SharedBus,
}

impl Bundling {
    /// On top of a bus.
    pub fn new(bus: SharedBus) -> Self {
        Self { bus }
    }
}

#[async_trait]
impl Bus for Bundling {
    async fn declare_stream(&self, stream: &StreamSpec) -> Result<(), BusError> {
        self.bus.declare_stream(stream).await
    }

    async fn publish(&self, messages: &[Message]) -> Vec<Result<u64, BusError>> {
        let bundles = bundles(messages);
        let packed: Vec<Message> = bundles
            .iter()
            .map(|bundle| match bundle.as_slice() {
                [at] => messages[*at].clone(),
                many => format::pack(&many.iter().map(|at| &messages[*at]).collect::<Vec<_>>()),
            })
            .collect();
        let mut results = vec![Err(BusError::Unavailable("was not published".to_owned())); messages.len()];
        for (bundle, result) in bundles.iter().zip(self.bus.publish(&packed).await) {
            for at in bundle {
                results[*at].clone_from(&result);
            }
        }
        results
    }

    async fn subscribe(&self, consumer: &ConsumerSpec) -> Result<Box<dyn Subscription>, BusError> {
        Ok(Box::new(Unbundling::new(self.bus.subscribe(consumer).await?)))
    }

    async fn stream_state(&self, stream: &str) -> Result<StreamState, BusError> {
        self.bus.stream_state(stream).await
    }

    async fn read(&self, stream: &str, start: Start, max: usize) -> Result<Vec<Held>, BusError> {
        let unpacked = |held: Held| {
            let sequence = held.sequence;
            let messages = format::unpack(&held.message).unwrap_or_else(|| vec![held.message]);
            messages.into_iter().map(move |message| Held { sequence, message })
        };
        Ok(self.bus.read(stream, start, max).await?.into_iter().flat_map(unpacked).collect())
    }

    async fn purge(&self, stream: &str, sequence: u64) -> Result<(), BusError> {
        self.bus.purge(stream, sequence).await
    }

    async fn ping(&self) -> Result<(), BusError> {
        self.bus.ping().await
    }
}

/// Which messages travel together, each bundle in the order in which they were given.
fn bundles(messages: &[Message]) -> Vec<Vec<usize>> {
    let mut bundles: Vec<(usize, Vec<usize>)> = Vec::new();
    // The bundle of each subject that is not full.
    let mut open: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, message) in messages.iter().enumerate() {
        let size = format::size(message);
        let fits = open.get(message.subject.as_str()).copied().filter(|bundle| {
            let (bytes, events) = &bundles[*bundle];
            events.len() < MAX_EVENTS && bytes + size <= MAX_BYTES
        });
        match fits {
            Some(bundle) => {
                bundles[bundle].0 += size;
                bundles[bundle].1.push(at);
            }
            None => {
                open.insert(&message.subject, bundles.len());
                bundles.push((size, vec![at]));
            }
        }
    }
    bundles.into_iter().map(|(_, events)| events).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(subject: &str, bytes: usize) -> Message {
        let payload = vec![0; bytes];
        Message { subject: subject.to_owned(), id: String::new(), headers: Vec::new(), payload }
    }

    #[test]
    fn events_of_one_subject_travel_together_in_their_order() {
        let messages = [message("a", 1), message("b", 1), message("a", 1), message("a", 1), message("c", 1)];
        assert_eq!(bundles(&messages), [vec![0, 2, 3], vec![1], vec![4]]);
        assert!(bundles(&[]).is_empty());
    }

    #[test]
    fn a_bundle_is_neither_too_long_nor_too_large() {
        let lengths = |messages: &[Message]| bundles(messages).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(lengths(&vec![message("a", 1); 2 * MAX_EVENTS + 1]), [MAX_EVENTS, MAX_EVENTS, 1]);
        assert_eq!(lengths(&vec![message("a", MAX_BYTES / 2); 3]), [2, 1]);
        assert_eq!(lengths(&[message("a", 2 * MAX_BYTES), message("a", 1)]), [1, 1]);
    }
}
