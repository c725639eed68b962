//! Requests that come when they come: an open loop.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use qm_runtime::BuildError;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tokio::{sync::mpsc, task::JoinSet};

use crate::{
    http::{Answer, Ask, Connection, Gateway},
    orders::OrderBodies,
    report::micros,
};

/// Between two looks at which requests are due.
const TICK: Duration = Duration::from_millis(1);

/// Requests to send.
#[derive(Debug, Clone)]
pub struct Arrivals {
    /// A second, on average.
    pub rate: f64,
    /// For so long.
    pub lasting: Duration,
    /// Decides when each comes.
    pub seed: u64,
    /// Begins every order's reference.
    pub prefix: String,
    /// The first order's number.
    pub first: usize,
    /// Every so many orders that are placed, one is told of.
    pub sampling: usize,
}

/// An order that was placed: its id, and when its request was due.
#[derive(Debug, Clone)]
pub struct Placed {
    /// `order_…`
    pub id: String,
    /// When it was due.
    pub due: Instant,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Requests.
    pub sent: usize,
    /// Orders that were placed.
    pub placed: usize,
    /// From when each request was due until its answer, microseconds.
    pub latencies: Vec<u32>,
    /// Requests that the system was too busy for, and said so, and when to come again.
    pub shed: usize,
    /// All other answers that were not 201, by what they said, and requests without an answer.
    pub failures: BTreeMap<String, usize>,
    /// From the first request until the last answer.
    pub took: Duration,
}

/// A request that is due.
struct Due {
    number: usize,
    at: Instant,
}

/// Sends all requests and waits for all answers.
pub async fn send(
    gateway: &Gateway,
    connections: usize,
    bodies: &Arc<OrderBodies>,
    arrivals: &Arrivals,
    sample: mpsc::UnboundedSender<Placed>,
) -> Result<Outcome, BuildError> {
    let (queue, due) = mpsc::unbounded_channel::<Due>();
    let due = Arc::new(tokio::sync::Mutex::new(due));
    let outcome = Arc::new(Mutex::new(Outcome::default()));
    let mut senders = JoinSet::new();
    for _ in 0..connections {
        let connection = gateway.connection()?;
        senders.spawn(serve(Sender {
            connection,
            due: Arc::clone(&due),
            bodies: Arc::clone(bodies),
            prefix: arrivals.prefix.clone(),
            sampling: arrivals.sampling,
            sample: sample.clone(),
            outcome: Arc::clone(&outcome),
        }));
    }
    drop(sample);
    let started = Instant::now();
    let sent = schedule(&queue, arrivals, started).await;
    drop(queue);
    while senders.join_next().await.transpose()?.is_some() {}
    let mut outcome = std::mem::take(&mut *outcome.lock().unwrap_or_else(PoisonError::into_inner));
    outcome.sent = sent;
    outcome.took = started.elapsed();
    Ok(outcome)
}

/// Lets requests fall due. The pauses between them are exponentially distributed, as those of callers who do not know of
/// each other.
async fn schedule(queue: &mpsc::UnboundedSender<Due>, arrivals: &Arrivals, started: Instant) -> usize {
    let mut random = ChaCha8Rng::seed_from_u64(arrivals.seed);
    let mut next = Duration::ZERO;
    let mut sent = 0;
    loop {
        while next <= started.elapsed() {
            if next >= arrivals.lasting {
                return sent;
            }
            let _ = queue.send(Due { number: arrivals.first + sent, at: started + next });
            sent += 1;
            next += Duration::from_secs_f64(-(1.0 - random.random::<f64>()).ln() / arrivals.rate);
        }
        tokio::time::sleep(TICK).await;
    }
}

/// What sends requests over one connection.
struct Sender {
    connection: Connection,
    due: Arc<tokio::sync::Mutex<mpsc::UnboundedReceiver<Due>>>,
    bodies: Arc<OrderBodies>,
    prefix: String,
    sampling: usize,
    sample: mpsc::UnboundedSender<Placed>,
    outcome: Arc<Mutex<Outcome>>,
}

async fn serve(mut sender: Sender) {
    loop {
        let Some(due) = sender.due.lock().await.recv().await else { return };
        let reference = format!("{}-{}", sender.prefix, due.number);
        let body = sender.bodies.body(due.number, &reference);
        let answer = sender.connection.send(Ask::post("/v1/orders", reference, body)).await;
        sender.record(&due, answer);
    }
}

impl Sender {
    fn record(&self, due: &Due, answer: Result<Answer, BuildError>) {
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        outcome.latencies.push(micros(due.at.elapsed()));
        match answer {
            Ok(answer) if answer.status == http::StatusCode::CREATED => {
                outcome.placed += 1;
                if due.number.is_multiple_of(self.sampling)
                    && let Some(id) = id_of(&answer.body)
                {
                    let _ = self.sample.send(Placed { id, due: due.at });
                }
            }
            Ok(answer) if answer.is_shed() && answer.says_when => outcome.shed += 1,
            Ok(answer) => *outcome.failures.entry(answer.kind()).or_default() += 1,
            Err(error) => *outcome.failures.entry(format!("no answer: {error}")).or_default() += 1,
        }
    }
}

/// The id in an order's JSON, which need not be read as a whole.
fn id_of(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let start = text.find("\"order_")? + 1;
    let end = start + text.get(start..)?.find('"')?;
    text.get(start..end).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_fall_due_at_the_rate_and_not_evenly() {
        let (queue, mut due) = mpsc::unbounded_channel();
        let arrivals = Arrivals {
            rate: 10_000.0,
            lasting: Duration::from_millis(500),
            seed: 1,
            prefix: String::new(),
            first: 7,
            sampling: 1,
        };
        let started = Instant::now();
        let sent = schedule(&queue, &arrivals, started).await;
        assert!((4_600..=5_400).contains(&sent), "{sent}");
        let mut times = Vec::new();
        while let Ok(it) = due.try_recv() {
            assert_eq!(it.number, 7 + times.len());
            times.push(it.at - started);
        }
        let pauses: Vec<Duration> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        // Of exponential pauses with mean 100 us, a tenth are shorter than 10.5 us and a tenth longer than 230 us.
        let share = |count: usize| count as f64 / pauses.len() as f64;
        let short = share(pauses.iter().filter(|it| it.as_nanos() < 10_536).count());
        let long = share(pauses.iter().filter(|it| it.as_nanos() > 230_258).count());
        assert!((0.08..0.12).contains(&short) && (0.08..0.12).contains(&long), "{short} {long}");
    }

    #[test]
    fn the_id_is_found_without_reading_all() {
        assert_eq!(id_of(br#"{"id":"order_01j","number":1}"#).as_deref(), Some("order_01j"));
        assert_eq!(id_of(br#"{"id":"ord"#), None);
    }
}
