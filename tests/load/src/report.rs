//! What was measured, for people and for machines.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::Serialize;

use crate::{
    callers::Served,
    floors::Floors,
    orders::{OrderBodies, Shape},
    processes::Memory,
    scenarios::{Burst, Stage},
};

/// Everything that one run measured.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Which orders.
    pub shape: Shape,
    /// Lines of an order, on average.
    pub lines_per_order: f64,
    /// The steps of the search.
    pub steps: Vec<Measured>,
    /// At the highest sustained rate, or at the one that was asked for.
    pub sustained: Option<Measured>,
    /// At half of it.
    pub half: Option<Measured>,
    /// The rate with ever more orders stored.
    pub growth: Vec<Stage>,
    /// Far more at once than can be done.
    pub burst: Option<Burst>,
    /// What callers get who ask one thing again and again.
    pub served: Vec<Served>,
    /// What PostgreSQL does by itself.
    pub floors: Option<Floors>,
    /// Rows a second that PostgreSQL alone finds by their key, one a statement, with as many clients as is best.
    pub selects: Option<f64>,
}

/// One rate for some time.
#[derive(Debug, Serialize)]
pub struct Measured {
    /// Orders a second that were offered.
    pub rate: f64,
    /// From the first request to the last answer.
    pub seconds: f64,
    /// Requests.
    pub sent: usize,
    /// Orders that were placed.
    pub placed: usize,
    /// From when a request was due to its answer.
    pub post: Latency,
    /// From placing to allocation, of the orders that were followed.
    pub allocated: Latency,
    /// Age of the oldest followed order that was not in fulfilment, at its largest while orders came.
    pub largest_lag_ms: f64,
    /// From the last answer until all orders were in fulfilment.
    pub drained_after_ms: f64,
    /// Orders that were not in fulfilment a minute later.
    pub left_behind: usize,
    /// Processor time for an order, by process.
    pub cpu_ms_per_order: BTreeMap<String, f64>,
    /// Memory, by process.
    pub memory: BTreeMap<String, Memory>,
    /// Resident memory of each process in bytes, at ten moments while orders came.
    pub resident: BTreeMap<String, Vec<u64>>,
    /// Requests that the system was too busy for, as it said.
    pub shed: usize,
    /// Answers other than 201 beside these.
    pub failures: BTreeMap<String, usize>,
    /// True when the system could go on like this.
    pub is_sustained: bool,
}

/// How long something took, milliseconds.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Latency {
    /// How many were measured.
    pub count: usize,
    /// The middle.
    pub p50: f64,
    /// 99 of 100 were no longer.
    pub p99: f64,
    /// 999 of 1,000 were no longer.
    pub p999: f64,
}

/// A duration in whole microseconds.
pub fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

impl Latency {
    /// Of microseconds, by nearest rank.
    pub fn of(mut micros: Vec<u32>) -> Self {
        micros.sort_unstable();
        let rank = |thousandths: usize| {
            let rank = (micros.len() * thousandths).div_ceil(1_000);
            micros.get(rank.saturating_sub(1)).map_or(0.0, |micros| f64::from(*micros) / 1e3)
        };
        Self { count: micros.len(), p50: rank(500), p99: rank(990), p999: rank(999) }
    }
}

impl Measured {
    /// Processor time for an order over all processes but the generator.
    pub fn cpu_ms(&self) -> f64 {
        self.cpu_ms_per_order.iter().filter(|(name, _)| *name != "generator").map(|(_, ms)| ms).sum()
    }

    /// In one line.
    pub fn line(&self) -> String {
        let failed: usize = self.failures.values().sum::<usize>() + self.shed;
        let verdict = if self.is_sustained { "sustained" } else { "NOT sustained" };
        format!(
            "{:7.0}/s for {:.0} s: {} placed, {failed} failed, POST p50 {:.1} p99 {:.1} ms, allocated p50 {:.0} p99 {:.0} ms, \
             lag {:.0} ms, drained {:.0} ms, {} left, {:.3} ms CPU an order: {verdict}",
            self.rate,
            self.seconds,
            self.placed,
            self.post.p50,
            self.post.p99,
            self.allocated.p50,
            self.allocated.p99,
            self.largest_lag_ms,
            self.drained_after_ms,
            self.left_behind,
            self.cpu_ms(),
        )
    }
}

impl Report {
    /// An empty report.
    pub fn new(shape: Shape, bodies: &OrderBodies) -> Self {
        Self {
            shape,
            lines_per_order: bodies.lines_per_order(),
            steps: Vec::new(),
            sustained: None,
            half: None,
            growth: Vec::new(),
            burst: None,
            served: Vec::new(),
            floors: None,
            selects: None,
        }
    }

    /// True when all that was measured went well: every rate that counts was sustained, and no request failed that should not.
    pub fn is_good(&self) -> bool {
        self.sustained.as_ref().is_none_or(|measured| measured.is_sustained)
            && self.burst.as_ref().is_none_or(Burst::is_good)
            && self.served.iter().all(|served| served.failures.is_empty())
    }

    fn write_end_to_end(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.sustained.is_some() {
            writeln!(f, "\nEnd to end, orders of {:.1} lines on average", self.lines_per_order)?;
        }
        for (name, measured) in [("at the highest rate", &self.sustained), ("at half of it", &self.half)] {
            let Some(measured) = measured else { continue };
            writeln!(f, "\n  {name}\n  {}", measured.line())?;
            for (status, count) in &measured.failures {
                writeln!(f, "    {count} × {status}")?;
            }
            writeln!(
                f,
                "    {:<14} {:>12} {:>8}  resident MB over time",
                "process", "CPU ms/order", "peak MB"
            )?;
            for (name, ms) in &measured.cpu_ms_per_order {
                let peak = measured.memory.get(name).map_or(0, |memory| memory.peak_resident) >> 20;
                let resident = measured.resident.get(name).map(Vec::as_slice).unwrap_or_default();
                let resident: Vec<String> = resident.iter().map(|bytes| (bytes >> 20).to_string()).collect();
                writeln!(f, "    {name:<14} {ms:>12.3} {peak:>8}  {}", resident.join(" "))?;
            }
        }
        Ok(())
    }

    fn write_floors(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(floors) = &self.floors else { return Ok(()) };
        writeln!(f, "\n  PostgreSQL alone, in the same run")?;
        writeln!(
            f,
            "    {:>8.0} orders/s one by one ({} clients were best)",
            floors.one_by_one, floors.clients
        )?;
        writeln!(
            f,
            "    {:>8.0} orders/s set-wise, all final rows of every service ({:.1} rows an order)",
            floors.set_wise, floors.rows_per_order
        )?;
        if let Some(measured) = &self.sustained {
            writeln!(
                f,
                "    the sustained rate is {:.1} % of that",
                measured.rate * 100.0 / floors.set_wise
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_end_to_end(f)?;
        for stage in &self.growth {
            writeln!(f, "\n  with {} orders stored\n  {}", stage.stored, stage.measured.line())?;
        }
        if let Some(burst) = &self.burst {
            writeln!(f, "\n{burst}")?;
        }
        if !self.served.is_empty() {
            writeln!(f)?;
        }
        for served in &self.served {
            writeln!(f, "  {}", served.line())?;
            for (failure, count) in &served.failures {
                writeln!(f, "    {count} × {failure}")?;
            }
        }
        if let Some(selects) = self.selects {
            writeln!(f, "  PostgreSQL alone: {selects:.0} rows a second by their key, one a statement")?;
        }
        self.write_floors(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_values_that_were_measured() {
        let latency = Latency::of((1..=2_000).rev().collect());
        assert_eq!((latency.p50, latency.p99, latency.p999), (1.0, 1.98, 1.998));
        assert_eq!(Latency::of(Vec::new()).count, 0);
    }
}
