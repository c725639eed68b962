//! The seam to the transport: in this process ([`InProcessBus`]) or JetStream ([`JetStreamBus`]), and on top of either
//! [`Bundling`].
//!
//! A bus delivers at least once and in any order. It may lose what it acknowledged (a default JetStream ack is not an
//! fsync), so nothing rests on it: the databases hold every event and can publish it again.

mod bundling;
mod in_process;
mod jetstream;
mod subject;

use std::{fmt::Debug, path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use qm_clock::SharedClock;

pub use bundling::Bundling;
pub use in_process::InProcessBus;
pub use jetstream::JetStreamBus;
pub use subject::matches;

/// A bus that the parts of a process share.
pub type SharedBus = Arc<dyn Bus>;

/// What travels: an event's headers and payload under a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// `qm.` and the event type.
    pub subject: String,
    /// Unique id; the bus may drop a second message with the same id, but need not.
    pub id: String,
    /// Names in lower case with their values.
    pub headers: Vec<(String, String)>,
    /// The encoded payload.
    pub payload: Vec<u8>,
}

/// A stream to publish to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamSpec {
    /// Name, in capitals, for example `QM_ORDER`.
    pub name: String,
    /// Subject patterns that it carries, for example `qm.order.>`.
    pub subjects: Vec<String>,
    /// Bytes it may hold; a full stream refuses messages, and the outbox keeps them.
    pub max_bytes: u64,
    /// Copies in a cluster.
    pub replicas: u8,
}

/// A durable consumer: its progress outlives the process, and replicas under the same name share the work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerSpec {
    /// Stream to read.
    pub stream: String,
    /// Durable name, for example `inventory-reserve`.
    pub name: String,
    /// One subject or pattern, for example `qm.routing.planned` or `qm.shipment.*`.
    pub filter: String,
    /// How long a delivery may stay unsettled before it is delivered again; see
    /// [`MessagingOptions::ack_wait`](crate::MessagingOptions::ack_wait).
    pub ack_wait: Duration,
    /// Deliveries that may be unsettled at a time.
    pub max_in_flight: u32,
}

/// A message handed to a consumer.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The message.
    pub message: Message,
    /// Names this delivery when it is settled.
    pub token: String,
    /// Times this message was delivered to the consumer as far as the bus remembers, from 1.
    pub attempt: u32,
}

/// Where reading a stream again begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With the first message that was stored then or later; a bus may begin earlier.
    Time(DateTime<Utc>),
    /// With the first message after this sequence.
    After(u64),
}

/// A message that a stream holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its place in the stream.
    pub sequence: u64,
    /// The message.
    pub message: Message,
}

/// Where a stream stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamState {
    /// Changes when the stream is made anew: its time of creation.
    pub identity: String,
    /// First sequence still held; 0 when it never held any.
    pub first_sequence: u64,
    /// Last sequence given out; 0 when none was.
    pub last_sequence: u64,
    /// When the last message was stored.
    pub last_stored_at: Option<DateTime<Utc>>,
    /// Bytes that it holds.
    pub bytes: u64,
    /// How far each declared consumer has settled everything, and how much it has left.
    pub consumers: Vec<ConsumerState>,
}

/// Where a consumer stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerState {
    /// Durable name.
    pub name: String,
    /// Everything up to this sequence is settled.
    pub ack_floor: u64,
    /// Messages for it that are not settled: waiting and in flight.
    pub pending: u64,
}

/// Why the bus failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BusError {
    /// It cannot be reached, or did not answer in time; what was asked may have happened.
    #[error("the bus did not answer: {0}")]
    Unavailable(String),
    /// The stream is full and refuses messages until its consumers catch up.
    #[error("the stream is full")]
    Full,
    /// The stream or consumer does not exist (yet).
    #[error("{0} does not exist")]
    Unknown(String),
    /// The server is too old, or set up otherwise than asked.
    #[error("the bus is not set up as needed: {0}")]
    Misconfigured(String),
}

/// A transport for events.
#[async_trait]
pub trait Bus: Send + Sync + Debug {
    /// Makes the stream, or checks that the one that exists is set up as asked.
    async fn declare_stream(&self, stream: &StreamSpec) -> Result<(), BusError>;

    /// Publishes all messages, pipelined, and waits until each is acknowledged. One result per message, in order: the
    /// sequence that it has in its stream.
    async fn publish(&self, messages: &[Message]) -> Vec<Result<u64, BusError>>;

    /// Declares the consumer and starts to take from it. A new one starts with the oldest message held.
    async fn subscribe(&self, consumer: &ConsumerSpec) -> Result<Box<dyn Subscription>, BusError>;

    /// Where a stream stands.
    async fn stream_state(&self, stream: &str) -> Result<StreamState, BusError>;

    /// Reads what a stream still holds, however settled, in its order: about `max` messages, none when no more follow.
    /// Takes nothing from any consumer.
    async fn read(&self, stream: &str, start: Start, max: usize) -> Result<Vec<Held>, BusError>;

    /// Drops the messages up to and including `sequence`.
    async fn purge(&self, stream: &str, sequence: u64) -> Result<(), BusError>;

    /// Answers when the bus does, and is set up as needed: [`BusError::Misconfigured`] with the reasons as long as a stream
    /// or consumer of this process is refused.
    async fn ping(&self) -> Result<(), BusError>;
}

/// A consumer's hold on the bus. Dropping it leaves what is unsettled to be delivered again.
#[async_trait]
pub trait Subscription: Send {
    /// Takes up to `max` messages; waits up to `wait` for the first, and never for more than the first. May be dropped
    /// while waiting: what it took then is delivered again.
    async fn fetch(&mut self, max: usize, wait: Duration) -> Result<Vec<Delivery>, BusError>;

    /// Settles deliveries for good.
    async fn ack(&mut self, tokens: &[String]) -> Result<(), BusError>;

    /// Gives deliveries back, to be delivered again after `delay`.
    async fn retry_after(&mut self, tokens: &[String], delay: Duration) -> Result<(), BusError>;
}

/// Opens the bus that a URL names: `nats://…`, or `sqlite://PATH` for one within this process.
pub async fn open(url: &str, clock: SharedClock) -> Result<SharedBus, BusError> {
    match url.split_once("://") {
        Some(("sqlite", path)) => Ok(Arc::new(InProcessBus::open(Path::new(path), clock).await?)),
        Some(("nats" | "tls", _)) => Ok(Arc::new(JetStreamBus::connect(url).await?)),
        _ => Err(BusError::Misconfigured("expected a url such as nats://… or sqlite://PATH".to_owned())),
    }
}
