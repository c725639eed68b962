//! Far more at once than can be done: what was promised is kept, what cannot be taken is told so.

use std::{
    fmt,
    time::{Duration, Instant},
};

use qm_runtime::BuildError;
use serde::Serialize;

use super::EndToEnd;
use crate::report::Latency;

/// How many times the rate, and for how long.
const TIMES: f64 = 10.0;
const LASTING: Duration = Duration::from_secs(10);
/// So many who ask at once: far more than the gateway works on.
const CONNECTIONS: usize = 2_000;

/// What came of a burst.
#[derive(Debug, Serialize)]
pub struct Burst {
    /// Orders a second that were offered.
    pub rate: f64,
    /// Requests.
    pub sent: usize,
    /// Orders that were placed.
    pub placed: usize,
    /// Requests that were told to come again later, and when.
    pub shed: usize,
    /// All other answers, and requests without one.
    pub failures: std::collections::BTreeMap<String, usize>,
    /// From when a request was due until its answer, placed or shed.
    pub answered: Latency,
    /// From the first request to the last answer, seconds.
    pub seconds: f64,
    /// From the last answer until every order was in fulfilment, seconds.
    pub drained_after: f64,
    /// Orders that were not a minute later.
    pub left_behind: usize,
    /// Orders in the books beyond those that were answered with 201: requests whose answer was lost may have placed one.
    pub unanswered_orders: i64,
}

impl Burst {
    /// True when every request was answered with an order or with when to come again, and every order moved on.
    pub fn is_good(&self) -> bool {
        self.failures.is_empty() && self.left_behind == 0 && self.unanswered_orders == 0
    }
}

impl fmt::Display for Burst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Burst, {:.0}/s for {} s: {} asked, {} placed, {} told to come later, answered within p50 {:.0} p99 {:.0} ms, \
             all answers after {:.1} s, in fulfilment {:.1} s later, {} left behind, {} orders beyond those answered with 201",
            self.rate,
            LASTING.as_secs(),
            self.sent,
            self.placed,
            self.shed,
            self.answered.p50,
            self.answered.p99,
            self.seconds,
            self.drained_after,
            self.left_behind,
            self.unanswered_orders,
        )?;
        for (failure, count) in &self.failures {
            write!(f, "\n    {count} × {failure}")?;
        }
        Ok(())
    }
}

/// Offers ten times a rate for ten seconds, and waits until what was taken is done.
pub async fn burst(system: &mut EndToEnd, rate: f64) -> Result<Burst, BuildError> {
    let before = system.orders_stored().await?;
    let rate = rate * TIMES;
    let outcome = system.offer(rate, LASTING, CONNECTIONS).await?;
    let ended = Instant::now();
    let left_behind = system.drain(ended).await?;
    let drained_after = ended.elapsed().as_secs_f64();
    let stored = system.orders_stored().await? - before;
    Ok(Burst {
        rate,
        sent: outcome.sent,
        placed: outcome.placed,
        shed: outcome.shed,
        failures: outcome.failures,
        answered: Latency::of(outcome.latencies),
        seconds: outcome.took.as_secs_f64(),
        drained_after,
        left_behind,
        unanswered_orders: stored - i64::try_from(outcome.placed)?,
    })
}
