//! Requests that follow one another: a closed loop of callers, each of whom waits for an answer before asking again.
//!
//! It shows what a path can carry at most; latencies under a given load are an open loop's business (`arrivals.rs`).

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use http::StatusCode;
use qm_runtime::BuildError;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use tokio::task::JoinSet;

use crate::{
    http::{Ask, Connection, Gateway},
    processes::Processes,
    report::{Latency, micros},
};

/// What a caller asks next, given the number of all requests before it and the caller's own dice.
pub type NextAsk = Arc<dyn Fn(&mut ChaCha8Rng) -> Ask + Send + Sync>;

/// Some callers for some time.
pub struct Calls {
    /// What they do, in a few words.
    pub name: String,
    /// How many they are.
    pub callers: usize,
    /// For so long.
    pub lasting: Duration,
    /// What they ask.
    pub next: NextAsk,
}

/// What they got.
#[derive(Debug, Clone, Serialize)]
pub struct Served {
    /// What they did.
    pub name: String,
    /// How many they were.
    pub callers: usize,
    /// Answers of success a second.
    pub per_second: f64,
    /// From each request to its answer.
    pub latency: Latency,
    /// Processor time for a request, milliseconds, by process.
    pub cpu_ms_per_request: BTreeMap<String, f64>,
    /// Other answers, and requests without one.
    pub failures: BTreeMap<String, usize>,
}

impl Served {
    /// Processor time for a request over all processes but the generator.
    pub fn cpu_ms(&self) -> f64 {
        self.cpu_ms_per_request.iter().filter(|(name, _)| *name != "generator").map(|(_, ms)| ms).sum()
    }

    /// In one line.
    pub fn line(&self) -> String {
        let failed: usize = self.failures.values().sum();
        format!(
            "{:<34} {:>4} callers: {:7.0}/s, p50 {:6.2} p99 {:6.2} p99.9 {:6.2} ms, {:.3} ms CPU each, {failed} failed",
            self.name,
            self.callers,
            self.per_second,
            self.latency.p50,
            self.latency.p99,
            self.latency.p999,
            self.cpu_ms(),
        )
    }
}

/// What one caller got.
#[derive(Default)]
struct Heard {
    latencies: Vec<u32>,
    failures: BTreeMap<String, usize>,
}

/// Lets callers ask until their time is over.
pub async fn call(gateway: &Gateway, processes: &Processes, calls: Calls) -> Result<Served, BuildError> {
    let mut callers = JoinSet::new();
    let mut connections = Vec::with_capacity(calls.callers);
    for _ in 0..calls.callers {
        connections.push(gateway.connection()?);
    }
    let before = processes.usage()?;
    let started = Instant::now();
    for (number, connection) in connections.into_iter().enumerate() {
        let dice = ChaCha8Rng::seed_from_u64(number as u64);
        let next = Arc::clone(&calls.next);
        callers.spawn(ask_until(connection, next, dice, started + calls.lasting));
    }
    let mut all = Heard::default();
    while let Some(heard) = callers.join_next().await.transpose()? {
        all.latencies.extend(heard.latencies);
        for (failure, count) in heard.failures {
            *all.failures.entry(failure).or_default() += count;
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    let cpu = processes.usage()?.since(&before);
    let count = all.latencies.len();
    let per_request = |(name, used): (String, f64)| (name, used * 1e3 / count.max(1) as f64);
    let served = Served {
        name: calls.name,
        callers: calls.callers,
        per_second: count as f64 / seconds,
        latency: Latency::of(all.latencies),
        cpu_ms_per_request: cpu.into_iter().map(per_request).collect(),
        failures: all.failures,
    };
    eprintln!("{}", served.line());
    Ok(served)
}

async fn ask_until(mut connection: Connection, next: NextAsk, mut dice: ChaCha8Rng, until: Instant) -> Heard {
    let mut heard = Heard::default();
    while Instant::now() < until {
        let ask = next(&mut dice);
        let asked = Instant::now();
        match connection.send(ask).await {
            Ok(answer) if matches!(answer.status, StatusCode::OK | StatusCode::CREATED) => {
                heard.latencies.push(micros(asked.elapsed()));
            }
            Ok(answer) => *heard.failures.entry(answer.kind()).or_default() += 1,
            Err(error) => *heard.failures.entry(format!("no answer: {error}")).or_default() += 1,
        }
    }
    heard
}
