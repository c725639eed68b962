//! The one writer of the bus's file: it gathers publishes and progress, and commits them together.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use tokio::sync::{mpsc, oneshot};
use tracing::warn;

use super::{Shared, file::Known, subject};
use crate::bus::{BusError, Message};

/// Jobs in one commit at most.
const MAX_JOBS: usize = 256;

/// What the writer is asked to do.
pub(super) enum Job {
    /// Store messages and say where each stands.
    Publish(Vec<Message>, oneshot::Sender<Vec<Result<u64, BusError>>>),
    /// Remember how far a consumer is.
    Progress { stream: String, consumer: String, floor: u64 },
}

/// A message with the place it is given.
pub(super) struct Placed {
    pub(super) stream: String,
    pub(super) sequence: u64,
    pub(super) message: Message,
}

type Results = Vec<Result<u64, BusError>>;
type Publish = (Vec<Message>, oneshot::Sender<Results>);
type Answer = (oneshot::Sender<Results>, Results);

pub(super) struct Writer {
    shared: Arc<Shared>,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Writes until every handle of the bus is gone.
    pub(super) async fn run(self, mut queue: mpsc::Receiver<Job>) {
        let mut jobs = Vec::with_capacity(MAX_JOBS);
        while queue.recv_many(&mut jobs, MAX_JOBS).await > 0 {
            self.write(std::mem::take(&mut jobs)).await;
        }
    }

    async fn write(&self, jobs: Vec<Job>) {
        let mut floors = HashMap::new();
        let mut publishes = Vec::new();
        for job in jobs {
            match job {
                Job::Publish(messages, answer) => publishes.push((messages, answer)),
                Job::Progress { stream, consumer, floor } => {
                    let known = floors.entry((stream, consumer)).or_insert(0);
                    *known = floor.max(*known);
                }
            }
        }
        let known = match self.known(&publishes).await {
            Ok(known) => known,
            Err(error) => {
                for (messages, answer) in publishes {
                    let _ = answer.send(vec![Err(error.clone()); messages.len()]);
                }
                return;
            }
        };
        let (placed, answers) = self.place(publishes, known);
        if let Err(error) = self.shared.file.write(&placed, &floors).await {
            warn!(%error, "the bus's file could not be written");
            for (answer, results) in answers {
                let _ = answer.send(vec![Err(error.clone()); results.len()]);
            }
            return;
        }
        self.publish(&placed);
        for (answer, results) in answers {
            // A publisher that stopped waiting publishes again, and is recognised by its ids.
            let _ = answer.send(results);
        }
    }

    /// Where messages stand that were published before.
    async fn known(&self, publishes: &[Publish]) -> Result<Known, BusError> {
        let ids: Vec<&str> = publishes
            .iter()
            .flat_map(|(messages, _)| messages.iter().map(|message| message.id.as_str()))
            .collect();
        self.shared.file.find(&ids).await
    }

    /// Gives every new message its place.
    fn place(&self, publishes: Vec<Publish>, mut known: Known) -> (Vec<Placed>, Vec<Answer>) {
        let streams = self.shared.streams();
        let mut next: HashMap<&str, (u64, u64)> = HashMap::new();
        let (mut placed, mut answers) = (Vec::new(), Vec::new());
        for (messages, answer) in publishes {
            let mut results = Vec::with_capacity(messages.len());
            for message in messages {
                let carries = |patterns: &[String]| {
                    patterns.iter().any(|pattern| subject::matches(pattern, &message.subject))
                };
                let Some(stream) = streams.values().find(|stream| carries(&stream.spec.subjects)) else {
                    results.push(Err(BusError::Unknown(format!("a stream for {}", message.subject))));
                    continue;
                };
                let known = known.entry(stream.spec.name.clone()).or_default();
                if let Some(sequence) = known.get(&message.id) {
                    results.push(Ok(*sequence));
                    continue;
                }
                let (last, bytes) =
                    next.entry(&stream.spec.name).or_insert((stream.last_sequence, stream.bytes));
                let size = size(&message);
                if *bytes + size > stream.spec.max_bytes {
                    results.push(Err(BusError::Full));
                    continue;
                }
                *last += 1;
                *bytes += size;
                known.insert(message.id.clone(), *last);
                results.push(Ok(*last));
                placed.push(Placed { stream: stream.spec.name.clone(), sequence: *last, message });
            }
            answers.push((answer, results));
        }
        (placed, answers)
    }

    /// Lets consumers see what is committed.
    fn publish(&self, placed: &[Placed]) {
        let mut streams = self.shared.streams();
        let mut subjects: HashMap<&str, BTreeSet<&str>> = HashMap::new();
        for place in placed {
            if let Some(stream) = streams.get_mut(&place.stream) {
                stream.last_sequence = place.sequence;
                stream.bytes += size(&place.message);
                stream.last_by_subject.insert(place.message.subject.clone(), place.sequence);
            }
            subjects.entry(&place.stream).or_default().insert(&place.message.subject);
        }
        for (name, published) in subjects {
            for progress in streams.get(name).into_iter().flat_map(|stream| stream.consumers.values()) {
                progress.wake_for(&published);
            }
        }
    }
}

/// Bytes that a message counts for.
pub(super) fn size(message: &Message) -> u64 {
    let headers: usize = message.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    (message.subject.len() + message.id.len() + headers + message.payload.len()) as u64
}
