//! A bus that repeats and reorders what it delivers, as a seed decides. What a real one may do, it does often.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use qm_clock::{Entropy as _, SeededEntropy};
use qm_messaging::bus::{
    Bus, BusError, ConsumerSpec, Delivery, Message, SharedBus, StreamSpec, StreamState, Subscription,
};

/// Of a hundred deliveries so many come twice, and so many later than others.
const REPEATED_PERCENT: u8 = 30;
const HELD_BACK_PERCENT: u8 = 30;
/// How long something is held back, in real time.
const LATER: Duration = Duration::from_millis(30);

/// What was done to deliveries.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    pub(crate) repeated: u64,
    pub(crate) held_back: u64,
}

#[derive(Debug, Default)]
struct Counts {
    repeated: AtomicU64,
    held_back: AtomicU64,
}

/// The bus.
#[derive(Debug)]
pub(crate) struct Chaos {
    bus: SharedBus,
    dice: Arc<SeededEntropy>,
    counts: Arc<Counts>,
}

impl Chaos {
    pub(crate) fn new(bus: SharedBus, seed: u64) -> Self {
        Self { bus, dice: Arc::new(SeededEntropy::new(seed)), counts: Arc::default() }
    }

    pub(crate) fn seen(&self) -> Seen {
        Seen {
            repeated: self.counts.repeated.load(Ordering::Relaxed),
            held_back: self.counts.held_back.load(Ordering::Relaxed),
        }
    }
}

#[tonic::async_trait]
impl Bus for Chaos {
    async fn declare_stream(&self, stream: &StreamSpec) -> Result<(), BusError> {
        self.bus.declare_stream(stream).await
    }

    async fn publish(&self, messages: &[Message]) -> Vec<Result<u64, BusError>> {
        self.bus.publish(messages).await
    }

    async fn subscribe(&self, consumer: &ConsumerSpec) -> Result<Box<dyn Subscription>, BusError> {
        let inner = self.bus.subscribe(consumer).await?;
        let (dice, counts) = (Arc::clone(&self.dice), Arc::clone(&self.counts));
        Ok(Box::new(Unruly { inner, dice, counts, held: Vec::new() }))
    }

    async fn stream_state(&self, stream: &str) -> Result<StreamState, BusError> {
        self.bus.stream_state(stream).await
    }

    async fn purge(&self, stream: &str, sequence: u64) -> Result<(), BusError> {
        self.bus.purge(stream, sequence).await
    }

    async fn ping(&self) -> Result<(), BusError> {
        self.bus.ping().await
    }
}

struct Unruly {
    inner: Box<dyn Subscription>,
    dice: Arc<SeededEntropy>,
    counts: Arc<Counts>,
    /// What is delivered later, or once more.
    held: Vec<Delivery>,
}

impl Unruly {
    fn rolls(&self, percent: u8) -> bool {
        let mut byte = [0];
        self.dice.fill(&mut byte);
        byte[0] % 100 < percent
    }
}

#[tonic::async_trait]
impl Subscription for Unruly {
    async fn fetch(&mut self, max: usize, wait: Duration) -> Result<Vec<Delivery>, BusError> {
        if !self.held.is_empty() {
            tokio::time::sleep(LATER).await;
            // The last first.
            let count = self.held.len().min(max);
            return Ok(self.held.drain(..count).rev().collect());
        }
        let mut now = Vec::new();
        for delivery in self.inner.fetch(max, wait).await? {
            if self.rolls(HELD_BACK_PERCENT) {
                self.counts.held_back.fetch_add(1, Ordering::Relaxed);
                self.held.push(delivery);
                continue;
            }
            if self.rolls(REPEATED_PERCENT) {
                self.counts.repeated.fetch_add(1, Ordering::Relaxed);
                self.held.push(delivery.clone());
            }
            now.push(delivery);
        }
        Ok(now)
    }

    async fn ack(&mut self, tokens: &[String]) -> Result<(), BusError> {
        self.inner.ack(tokens).await
    }

    async fn retry_after(&mut self, tokens: &[String], delay: Duration) -> Result<(), BusError> {
        self.inner.retry_after(tokens, delay).await
    }
}
