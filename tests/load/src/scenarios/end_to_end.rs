//! The scenario that counts: every order placed reaches fulfilment, at the highest rate at which none is left behind.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use qm_runtime::BuildError;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::{
    arrivals::{self, Arrivals, Outcome, Placed},
    http::{Ask, Connection, Gateway},
    orders::OrderBodies,
    processes::Processes,
    report::{Latency, Measured, Report},
};

/// Orders that are followed, a second.
const SAMPLES_PER_SECOND: f64 = 20.0;
/// An order that has not reached fulfilment after so long was left behind.
const MOST_LAG: Duration = Duration::from_secs(2);
/// How long the rest may take when no more orders come.
const DRAIN: Duration = Duration::from_secs(60);
/// Between two looks at the oldest order that is followed.
const LOOK: Duration = Duration::from_millis(50);
/// The search begins here, orders a second, grows by this, and ends when it knows the rate so exactly.
const FIRST_RATE: f64 = 200.0;
const GROWTH: f64 = 1.5;
const EXACTLY: f64 = 1.06;

/// What to measure.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Orders a second; none to look for the highest sustained rate.
    pub rate: Option<f64>,
    /// How long the measurement lasts.
    pub seconds: u64,
    /// How long each step of the search lasts.
    pub step_seconds: u64,
}

/// Places orders and follows some of them.
pub struct EndToEnd {
    gateway: Gateway,
    bodies: Arc<OrderBodies>,
    processes: Processes,
    connections: usize,
    /// Begins every reference, so that a second run is not taken for a repeat of the first.
    prefix: String,
    sent: usize,
    placed: usize,
}

impl EndToEnd {
    /// The scenario on a running system.
    pub fn new(gateway: Gateway, bodies: OrderBodies, processes: Processes, connections: usize) -> Self {
        let prefix = format!("load-{:x}", chrono::Utc::now().timestamp_millis());
        Self { gateway, bodies: Arc::new(bodies), processes, connections, prefix, sent: 0, placed: 0 }
    }

    /// Orders that were placed so far.
    pub fn orders_placed(&self) -> usize {
        self.placed
    }

    /// Where requests go.
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// What is measured.
    pub fn processes(&self) -> &Processes {
        &self.processes
    }

    /// Connections that orders are placed over.
    pub fn connections(&self) -> usize {
        self.connections
    }

    /// Orders that are stored.
    pub async fn orders_stored(&self) -> Result<i64, BuildError> {
        let answer = self.gateway.connection()?.send(Ask::get("/v1/summary")).await?;
        let summary: Value = serde_json::from_slice(&answer.body)?;
        let orders = summary["orders"].as_object().ok_or_else(|| answer.kind())?;
        Ok(orders.values().filter_map(Value::as_i64).sum())
    }

    /// The number of the newest order.
    pub async fn newest_number(&self) -> Result<i64, BuildError> {
        let answer = self.gateway.connection()?.send(Ask::get("/v1/orders?limit=1")).await?;
        let page: Value = serde_json::from_slice(&answer.body)?;
        Ok(page["data"][0]["number"].as_i64().ok_or("no order is stored")?)
    }

    /// Places orders at a rate over so many connections, and waits for all answers. Follows none.
    pub async fn offer(
        &mut self,
        rate: f64,
        lasting: Duration,
        connections: usize,
    ) -> Result<Outcome, BuildError> {
        let arrivals = self.arrivals(rate, lasting);
        let (sample, _) = mpsc::unbounded_channel();
        let outcome = arrivals::send(&self.gateway, connections, &self.bodies, &arrivals, sample).await?;
        self.sent += outcome.sent;
        self.placed += outcome.placed;
        Ok(outcome)
    }

    fn arrivals(&self, rate: f64, lasting: Duration) -> Arrivals {
        Arrivals {
            rate,
            lasting,
            seed: self.sent as u64,
            prefix: self.prefix.clone(),
            first: self.sent,
            sampling: (rate / SAMPLES_PER_SECOND).ceil().max(1.0) as usize,
        }
    }

    /// Finds the rate, measures at it, and then at half of it.
    pub async fn measure(&mut self, plan: &Plan, report: &mut Report) -> Result<(), BuildError> {
        let mut rate = match plan.rate {
            Some(rate) => rate,
            None => self.search(plan.step_seconds, report).await?,
        };
        let mut measured = self.step(rate, plan.seconds).await?;
        // A rate that held for a step need not hold for minutes.
        while plan.rate.is_none() && !measured.is_sustained && rate > FIRST_RATE / 4.0 {
            report.steps.push(measured);
            rate /= EXACTLY;
            measured = self.step(rate, plan.seconds).await?;
        }
        report.sustained = Some(measured);
        report.half = Some(self.step(rate / 2.0, plan.seconds.div_ceil(2)).await?);
        Ok(())
    }

    /// The highest rate that a step sustains.
    async fn search(&mut self, seconds: u64, report: &mut Report) -> Result<f64, BuildError> {
        let (mut good, mut bad): (f64, Option<f64>) = (0.0, None);
        let mut rate = FIRST_RATE;
        loop {
            let step = self.step(rate, seconds).await?;
            if step.is_sustained {
                good = rate
            } else {
                bad = Some(rate)
            }
            report.steps.push(step);
            rate = match bad {
                None => rate * GROWTH,
                Some(bad) if good == 0.0 && bad > 10.0 => bad / 2.0,
                Some(_) if good == 0.0 => return Err("not even ten orders a second reach fulfilment".into()),
                Some(bad) if bad / good <= EXACTLY => return Ok(good),
                Some(bad) => (good * bad).sqrt(),
            };
        }
    }

    /// Places orders at a rate, waits for the last of them, and says what came of it.
    pub async fn step(&mut self, rate: f64, seconds: u64) -> Result<Measured, BuildError> {
        let (sample, samples) = mpsc::unbounded_channel();
        let follower = Follower::new(self.gateway.connection()?);
        let (largest, is_over) = (Arc::clone(&follower.largest_lag), Arc::clone(&follower.is_over));
        let following = tokio::spawn(follower.follow(samples));
        let arrivals = self.arrivals(rate, Duration::from_secs(seconds));
        let resident = tokio::spawn(residents(self.processes.clone(), arrivals.lasting));
        let before = self.processes.usage()?;
        let outcome =
            arrivals::send(&self.gateway, self.connections, &self.bodies, &arrivals, sample).await?;
        let resident = resident.await?;
        let lag = Duration::from_micros(largest.load(Ordering::Relaxed));
        let ended = Instant::now();
        is_over.store(true, Ordering::Relaxed);
        let followed = following.await?;
        let left = self.drain(ended).await?;
        let drained_after = ended.elapsed();
        let cpu = self.processes.usage()?.since(&before);
        self.sent += outcome.sent;
        self.placed += outcome.placed;
        let allocations = self.allocations(&followed).await?;
        let measured = Measured {
            rate,
            seconds: outcome.took.as_secs_f64(),
            sent: outcome.sent,
            placed: outcome.placed,
            post: Latency::of(outcome.latencies.clone()),
            allocated: Latency::of(allocations),
            largest_lag_ms: lag.as_secs_f64() * 1e3,
            drained_after_ms: drained_after.as_secs_f64() * 1e3,
            left_behind: left,
            cpu_ms_per_order: cpu
                .into_iter()
                .map(|(name, seconds)| (name, seconds * 1e3 / outcome.placed.max(1) as f64))
                .collect(),
            memory: self.processes.memory(),
            resident,
            shed: outcome.shed,
            is_sustained: is_sustained(&outcome, seconds, lag) && left == 0,
            failures: outcome.failures,
        };
        eprintln!("{}", measured.line());
        Ok(measured)
    }

    /// Waits until no order is left that has not reached fulfilment, a minute from `ended` on at most. Returns how many are,
    /// as far as one page shows them.
    pub async fn drain(&self, ended: Instant) -> Result<usize, BuildError> {
        let mut connection = self.gateway.connection()?;
        loop {
            let answer = connection.send(Ask::get("/v1/orders?status=placed&limit=200")).await?;
            let page: Value = serde_json::from_slice(&answer.body)?;
            // Anything else than a list is no proof that nothing is left.
            let left = page["data"].as_array().ok_or_else(|| answer.kind())?.len();
            if left == 0 || ended.elapsed() > DRAIN {
                return Ok(left);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// From placing to allocation of the orders that were followed, microseconds, by their own timelines.
    async fn allocations(&self, orders: &[String]) -> Result<Vec<u32>, BuildError> {
        let mut connection = self.gateway.connection()?;
        let mut allocations = Vec::with_capacity(orders.len());
        for order in orders {
            let answer = connection.send(Ask::get(format!("/v1/orders/{order}/timeline"))).await?;
            let timeline: Value = serde_json::from_slice(&answer.body)?;
            let at = |command: &str| {
                let entries = timeline["data"].as_array().map(Vec::as_slice).unwrap_or_default();
                let entry = entries.iter().find(|entry| entry["command"] == command)?;
                entry["at"].as_str()?.parse::<chrono::DateTime<chrono::Utc>>().ok()
            };
            if let (Some(placed), Some(reserved)) = (at("place"), at("record_reserved")) {
                let took = (reserved - placed).num_microseconds().unwrap_or(i64::MAX);
                allocations.push(u32::try_from(took.max(0)).unwrap_or(u32::MAX));
            }
        }
        Ok(allocations)
    }
}

/// All were answered, and answered with success, in time; and none was left behind meanwhile.
fn is_sustained(outcome: &Outcome, seconds: u64, lag: Duration) -> bool {
    outcome.failures.is_empty()
        && outcome.shed == 0
        && outcome.placed == outcome.sent
        && outcome.took < Duration::from_secs(seconds) + MOST_LAG
        && lag <= MOST_LAG
}

/// The resident memory of each process at ten moments of some time.
async fn residents(processes: Processes, time: Duration) -> BTreeMap<String, Vec<u64>> {
    let mut residents: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for _ in 0..10 {
        tokio::time::sleep(time / 10).await;
        for (name, bytes) in processes.resident() {
            residents.entry(name).or_default().push(bytes);
        }
    }
    residents
}

/// Follows sampled orders until they are in fulfilment.
struct Follower {
    connection: Connection,
    largest_lag: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
}

impl Follower {
    fn new(connection: Connection) -> Self {
        Self { connection, largest_lag: Arc::default(), is_over: Arc::default() }
    }

    /// Looks at the oldest order that was not seen in fulfilment yet, until all were. Returns all that were followed.
    async fn follow(mut self, mut samples: mpsc::UnboundedReceiver<Placed>) -> Vec<String> {
        let mut waiting: VecDeque<Placed> = VecDeque::new();
        let mut followed = Vec::new();
        let mut deadline = None;
        loop {
            while let Ok(placed) = samples.try_recv() {
                followed.push(placed.id.clone());
                waiting.push_back(placed);
            }
            if self.is_over.load(Ordering::Relaxed) {
                let deadline = *deadline.get_or_insert_with(|| Instant::now() + DRAIN);
                if waiting.is_empty() || Instant::now() > deadline {
                    return followed;
                }
            }
            let Some(oldest) = waiting.front() else {
                tokio::time::sleep(LOOK).await;
                continue;
            };
            let lag = u64::try_from(oldest.due.elapsed().as_micros()).unwrap_or(u64::MAX);
            self.largest_lag.fetch_max(lag, Ordering::Relaxed);
            if self.is_in_fulfilment(&oldest.id.clone()).await {
                waiting.pop_front();
            } else {
                tokio::time::sleep(LOOK).await;
            }
        }
    }

    async fn is_in_fulfilment(&mut self, order: &str) -> bool {
        let Ok(answer) = self.connection.send(Ask::get(format!("/v1/orders/{order}"))).await else {
            return false;
        };
        let order: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        order["status"] == "in_fulfilment"
    }
}
