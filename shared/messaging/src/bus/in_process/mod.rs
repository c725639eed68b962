//! The bus within this process: durable in a SQLite file of its own, fast because consumers are woken in memory.
//!
//! One process owns the file. A publish is acknowledged after its commit; the progress of consumers is written with the
//! next commit, so what was settled in the last moments before a crash may be delivered again.

mod consumer;
mod file;
mod writer;

use std::{
    collections::HashMap,
    fmt,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use qm_clock::SharedClock;
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use self::{
    consumer::Progress,
    file::{File, PURGE_ROWS},
    writer::{Job, Writer},
};
use super::{
    Bus, BusError, ConsumerSpec, ConsumerState, Delivery, Held, Message, Start, StreamSpec, StreamState,
    Subscription, subject,
};

/// Publishes that may wait for the writer; one more waits for room.
const QUEUE: usize = 1_024;

/// A bus within this process. Clones share it.
#[derive(Clone)]
pub struct InProcessBus {
    shared: Arc<Shared>,
    jobs: mpsc::Sender<Job>,
}

impl fmt::Debug for InProcessBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InProcessBus").finish_non_exhaustive()
    }
}

/// What subscriptions, publishers and the writer share.
struct Shared {
    file: File,
    streams: Mutex<HashMap<String, Stream>>,
}

/// A declared stream, as far as memory holds it. The messages are in the file.
struct Stream {
    spec: StreamSpec,
    identity: String,
    last_sequence: u64,
    bytes: u64,
    /// Last sequence by subject: a consumer of other subjects need not look into the file.
    last_by_subject: HashMap<String, u64>,
    consumers: HashMap<String, Arc<Progress>>,
}

impl Shared {
    fn streams(&self) -> MutexGuard<'_, HashMap<String, Stream>> {
        // No code that holds the lock can panic half-way through a change.
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The stream's subjects that match `filter` and have a message after `after`, and the stream's last sequence.
    fn subjects_after(&self, stream: &str, filter: &str, after: u64) -> Result<(Vec<String>, u64), BusError> {
        let streams = self.streams();
        let stream = streams.get(stream).ok_or_else(|| BusError::Unknown(stream.to_owned()))?;
        let subjects = stream
            .last_by_subject
            .iter()
            .filter(|(subject, last)| **last > after && subject::matches(filter, subject))
            .map(|(subject, _)| subject.clone())
            .collect();
        Ok((subjects, stream.last_sequence))
    }
}

impl InProcessBus {
    /// Opens the bus's file, which is made if it is missing. Must be called inside a tokio runtime.
    pub async fn open(path: &Path, clock: SharedClock) -> Result<Self, BusError> {
        let file = File::open(path, clock).await?;
        let mut streams = HashMap::new();
        for stored in file.streams().await? {
            let mut consumers = HashMap::new();
            for (name, floor) in file.consumers(&stored.spec.name).await? {
                consumers.insert(name, Arc::new(Progress::new(floor)));
            }
            let stream = Stream {
                identity: stored.identity,
                last_sequence: stored.last_sequence,
                bytes: stored.bytes,
                last_by_subject: file.last_by_subject(&stored.spec.name).await?,
                consumers,
                spec: stored.spec,
            };
            streams.insert(stream.spec.name.clone(), stream);
        }
        let shared = Arc::new(Shared { file, streams: Mutex::new(streams) });
        let (jobs, queue) = mpsc::channel(QUEUE);
        // Ends when the bus and every subscription are gone.
        tokio::spawn(Writer::new(shared.clone()).run(queue));
        Ok(Self { shared, jobs })
    }
}

#[async_trait]
impl Bus for InProcessBus {
    async fn declare_stream(&self, spec: &StreamSpec) -> Result<(), BusError> {
        let identity = self.shared.file.declare(spec).await?;
        let mut streams = self.shared.streams();
        let stream = streams.entry(spec.name.clone()).or_insert_with(|| Stream {
            spec: spec.clone(),
            identity,
            last_sequence: 0,
            bytes: 0,
            last_by_subject: HashMap::new(),
            consumers: HashMap::new(),
        });
        stream.spec = spec.clone();
        Ok(())
    }

    async fn publish(&self, messages: &[Message]) -> Vec<Result<u64, BusError>> {
        let (answer, answered) = oneshot::channel();
        let closed = || vec![Err(BusError::Unavailable("the bus is closed".to_owned())); messages.len()];
        if self.jobs.send(Job::Publish(messages.to_vec(), answer)).await.is_err() {
            return closed();
        }
        answered.await.unwrap_or_else(|_| closed())
    }

    async fn subscribe(&self, spec: &ConsumerSpec) -> Result<Box<dyn Subscription>, BusError> {
        let progress = {
            let mut streams = self.shared.streams();
            let stream =
                streams.get_mut(&spec.stream).ok_or_else(|| BusError::Unknown(spec.stream.clone()))?;
            stream.consumers.entry(spec.name.clone()).or_insert_with(|| Arc::new(Progress::new(0))).clone()
        };
        self.shared.file.declare_consumer(spec).await?;
        progress.set_filter(spec);
        Ok(Box::new(InProcessSubscription {
            shared: self.shared.clone(),
            jobs: self.jobs.clone(),
            spec: spec.clone(),
            progress,
        }))
    }

    async fn stream_state(&self, name: &str) -> Result<StreamState, BusError> {
        let (identity, last_sequence, bytes, consumers) = {
            let streams = self.shared.streams();
            let stream = streams.get(name).ok_or_else(|| BusError::Unknown(name.to_owned()))?;
            let consumers: Vec<_> =
                stream.consumers.iter().map(|(name, progress)| (name.clone(), progress.clone())).collect();
            (stream.identity.clone(), stream.last_sequence, stream.bytes, consumers)
        };
        let (first_sequence, last_stored_at) = match self.shared.file.bounds(name).await? {
            Some(bounds) => bounds,
            None if last_sequence == 0 => (0, None),
            None => (last_sequence + 1, None),
        };
        let mut states = Vec::with_capacity(consumers.len());
        for (consumer, progress) in consumers {
            let (cursor, outstanding, filter) = progress.position();
            let subjects = match filter {
                Some(filter) => self.shared.subjects_after(name, &filter, cursor)?.0,
                None => Vec::new(),
            };
            let waiting = if subjects.is_empty() {
                0
            } else {
                self.shared.file.count_after(name, &subjects, cursor).await?
            };
            states.push(ConsumerState {
                name: consumer,
                ack_floor: progress.floor(last_sequence),
                pending: waiting + outstanding,
            });
        }
        Ok(StreamState { identity, first_sequence, last_sequence, last_stored_at, bytes, consumers: states })
    }

    async fn read(&self, stream: &str, start: Start, max: usize) -> Result<Vec<Held>, BusError> {
        if !self.shared.streams().contains_key(stream) {
            return Err(BusError::Unknown(stream.to_owned()));
        }
        self.shared.file.read_all(stream, start, max as u64).await
    }

    async fn purge(&self, stream: &str, sequence: u64) -> Result<(), BusError> {
        // What is stored but not yet counted is not dropped: the count would end up too low.
        let last = self.shared.streams().get(stream).map(|stream| stream.last_sequence);
        let last = last.ok_or_else(|| BusError::Unknown(stream.to_owned()))?;
        loop {
            let (count, freed) = self.shared.file.purge_some(stream, sequence.min(last)).await?;
            if let Some(stream) = self.shared.streams().get_mut(stream) {
                stream.bytes = stream.bytes.saturating_sub(freed);
            }
            if count < PURGE_ROWS {
                return Ok(());
            }
        }
    }

    async fn ping(&self) -> Result<(), BusError> {
        self.shared.file.ping().await
    }
}

struct InProcessSubscription {
    shared: Arc<Shared>,
    jobs: mpsc::Sender<Job>,
    spec: ConsumerSpec,
    progress: Arc<Progress>,
}

#[async_trait]
impl Subscription for InProcessSubscription {
    async fn fetch(&mut self, max: usize, wait: Duration) -> Result<Vec<Delivery>, BusError> {
        let deadline = Instant::now() + wait;
        let max = max.max(1);
        loop {
            // Before looking, so that what is published while we look wakes us.
            let arrived = self.progress.arrived();
            tokio::pin!(arrived);
            arrived.as_mut().enable();
            let taken = self.progress.take(max, &self.spec);
            if !taken.is_empty() {
                return Ok(taken);
            }
            if self.progress.fill(&self.shared, &self.spec).await? {
                continue;
            }
            let until = self.progress.next_due().map_or(deadline, |due| due.min(deadline));
            tokio::select! {
                () = arrived => {}
                () = tokio::time::sleep_until(until) => {
                    if Instant::now() >= deadline {
                        return Ok(Vec::new());
                    }
                }
            }
        }
    }

    async fn ack(&mut self, tokens: &[String]) -> Result<(), BusError> {
        let floor = self.progress.settle(tokens);
        let progress =
            Job::Progress { stream: self.spec.stream.clone(), consumer: self.spec.name.clone(), floor };
        // A full queue means that a later acknowledgement will carry the progress: this one is not waited for.
        match self.jobs.try_send(progress) {
            Ok(()) | Err(mpsc::error::TrySendError::Full(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => {
                Err(BusError::Unavailable("the bus is closed".to_owned()))
            }
        }
    }

    async fn retry_after(&mut self, tokens: &[String], delay: Duration) -> Result<(), BusError> {
        self.progress.delay(tokens, Instant::now() + delay);
        Ok(())
    }
}
