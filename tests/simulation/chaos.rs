//! A bus that repeats and reorders what it delivers, as a seed decides. What a real one may do, it does often.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use qm_clock::{Entropy as _, SeededEntropy};
use qm_ids::{EventId, IdGenerator};
use qm_messaging::bus::{
    Bus, BusError, ConsumerSpec, Delivery, Message, SharedBus, StreamSpec, StreamState, Subscription,
};

/// Of a hundred deliveries so many come twice, and so many later than others.
const REPEATED_PERCENT: u8 = 40;
const HELD_BACK_PERCENT: u8 = 40;
/// Of a hundred that come twice, so many are told the second time as if they were news.
const AS_NEWS_PERCENT: u8 = 50;
/// How long something is held back at most, in real time: long enough for others to overtake it by several steps.
const LATER: Duration = Duration::from_millis(150);

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

/// What was done to deliveries.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    pub(crate) repeated: u64,
    pub(crate) as_news: u64,
    pub(crate) held_back: u64,
}

#[derive(Debug, Default)]
struct Counts {
    repeated: AtomicU64,
    as_news: AtomicU64,
    held_back: AtomicU64,
}

/// The bus.
#[derive(Debug)]
pub(crate) struct Chaos {
    bus: SharedBus,
    dice: Arc<SeededEntropy>,
    ids: IdGenerator,
    counts: Arc<Counts>,
}

impl Chaos {
    pub(crate) fn new(bus: SharedBus, seed: u64, ids: IdGenerator) -> Self {
        Self { bus, dice: Arc::new(SeededEntropy::new(seed)), ids, counts: Arc::default() }
    }

    pub(crate) fn seen(&self) -> Seen {
        Seen {
            repeated: self.counts.repeated.load(Ordering::Relaxed),
            as_news: self.counts.as_news.load(Ordering::Relaxed),
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
        Ok(Box::new(Unruly {
            inner: self.bus.subscribe(consumer).await?,
            dice: Arc::clone(&self.dice),
            ids: self.ids.clone(),
            counts: Arc::clone(&self.counts),
            may_be_news: MAY_BE_TOLD_AS_NEWS.contains(&consumer.name.as_str()),
            held: Vec::new(),
        }))
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
    ids: IdGenerator,
    counts: Arc<Counts>,
    may_be_news: bool,
    /// What is delivered later, or once more, and when.
    held: Vec<(Instant, Delivery)>,
}

impl Unruly {
    fn roll(&self) -> u8 {
        let mut byte = [0];
        self.dice.fill(&mut byte);
        byte[0] % 100
    }

    fn hold(&mut self, delivery: Delivery) {
        let later = LATER * u32::from(self.roll()) / 100;
        self.held.push((Instant::now() + later, delivery));
    }

    /// The same once more, perhaps as if it were news.
    fn again(&self, delivery: &Delivery) -> Delivery {
        let mut again = delivery.clone();
        if self.may_be_news && self.roll() < AS_NEWS_PERCENT {
            self.counts.as_news.fetch_add(1, Ordering::Relaxed);
            let id = self.ids.next::<EventId>().to_string();
            for (_, value) in again.message.headers.iter_mut().filter(|(name, _)| name == "ce-id") {
                value.clone_from(&id);
            }
            again.message.id = id;
        }
        again
    }
}

#[tonic::async_trait]
impl Subscription for Unruly {
    async fn fetch(&mut self, max: usize, wait: Duration) -> Result<Vec<Delivery>, BusError> {
        let now = Instant::now();
        let due: Vec<Delivery> =
            self.held.extract_if(.., |(at, _)| *at <= now).map(|(_, delivery)| delivery).take(max).collect();
        if !due.is_empty() {
            return Ok(due);
        }
        let next = self.held.iter().map(|(at, _)| at.duration_since(now)).min();
        let mut taken = Vec::new();
        for delivery in self.inner.fetch(max, next.map_or(wait, |next| next.min(wait))).await? {
            if self.roll() < REPEATED_PERCENT {
                self.counts.repeated.fetch_add(1, Ordering::Relaxed);
                self.hold(self.again(&delivery));
            }
            if self.roll() < HELD_BACK_PERCENT {
                self.counts.held_back.fetch_add(1, Ordering::Relaxed);
                self.hold(delivery);
            } else {
                taken.push(delivery);
            }
        }
        Ok(taken)
    }

    async fn ack(&mut self, tokens: &[String]) -> Result<(), BusError> {
        self.inner.ack(tokens).await
    }

    async fn retry_after(&mut self, tokens: &[String], delay: Duration) -> Result<(), BusError> {
        self.inner.retry_after(tokens, delay).await
    }
}
