//! What is measured while the demo runs. All times here are real ones.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Refusals kept word for word; more are only counted.
const MAX_REFUSALS: usize = 5;

/// Collects measurements from everybody who takes part.
#[derive(Debug, Default)]
pub(super) struct Measurements {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    sent: HashMap<String, Instant>,
    allocated: HashMap<String, Instant>,
    posts: Vec<Duration>,
    first_sent: Option<Instant>,
    last_answered: Option<Instant>,
    refused: u64,
    refusals: Vec<String>,
    handed_over: u64,
    short_picks: u64,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Measured {
    /// Orders that were answered with 201.
    pub(super) placed: u64,
    /// Orders that were refused.
    pub(super) refused: u64,
    /// The first few refusals.
    pub(super) refusals: Vec<String>,
    /// From the first request to the last answer.
    pub(super) took: Duration,
    /// From a request to its answer.
    pub(super) post: Option<Percentiles>,
    /// From a request to the news that the order is allocated.
    pub(super) allocation: Option<Percentiles>,
    /// Fulfilments that warehouses handed over.
    pub(super) handed_over: u64,
    /// Shelves that were found empty.
    pub(super) short_picks: u64,
}

/// The middle and the far end of some durations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Percentiles {
    pub(super) p50: Duration,
    pub(super) p99: Duration,
}

impl Measurements {
    /// An order was answered with 201.
    pub(super) fn placed(&self, order: &str, sent: Instant) {
        let now = Instant::now();
        let mut inner = self.lock();
        inner.sent.insert(order.to_owned(), sent);
        inner.posts.push(now - sent);
        inner.first_sent = Some(inner.first_sent.map_or(sent, |first| first.min(sent)));
        inner.last_answered = Some(now);
    }

    /// An order was refused.
    pub(super) fn refused(&self, why: String) {
        let mut inner = self.lock();
        inner.refused += 1;
        if inner.refusals.len() < MAX_REFUSALS {
            inner.refusals.push(why);
        }
    }

    /// The news came that an order is allocated. It may come before the order's own answer, and again for a part of it.
    pub(super) fn allocated(&self, order: &str) {
        self.lock().allocated.entry(order.to_owned()).or_insert_with(Instant::now);
    }

    /// A warehouse handed a fulfilment over.
    pub(super) fn handed_over(&self) {
        self.lock().handed_over += 1;
    }

    /// A warehouse found a shelf empty.
    pub(super) fn short_pick(&self) {
        self.lock().short_picks += 1;
    }

    pub(super) fn measured(&self) -> Measured {
        let inner = self.lock();
        let allocations = inner
            .allocated
            .iter()
            .filter_map(|(order, at)| inner.sent.get(order).map(|sent| at.saturating_duration_since(*sent)));
        let took = inner.first_sent.zip(inner.last_answered).map(|(first, last)| last - first);
        Measured {
            placed: inner.posts.len() as u64,
            refused: inner.refused,
            refusals: inner.refusals.clone(),
            took: took.unwrap_or_default(),
            post: percentiles(inner.posts.clone()),
            allocation: percentiles(allocations.collect()),
            handed_over: inner.handed_over,
            short_picks: inner.short_picks,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Whoever panicked while counting left numbers that are still numbers.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// By nearest rank: a value that was measured, such that so many of a hundred are no greater. None of nothing.
pub(super) fn percentiles(mut durations: Vec<Duration>) -> Option<Percentiles> {
    durations.sort_unstable();
    let rank = |hundredths: usize| {
        let rank = (durations.len() * hundredths).div_ceil(100);
        durations.get(rank.saturating_sub(1)).copied()
    };
    Some(Percentiles { p50: rank(50)?, p99: rank(99)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let shuffled = (1..=200).map(|n| MS * (n * 77 % 201)).collect();
        assert_eq!(percentiles(shuffled), Some(Percentiles { p50: 100 * MS, p99: 198 * MS }));
        assert_eq!(percentiles(vec![7 * MS]), Some(Percentiles { p50: 7 * MS, p99: 7 * MS }));
        assert_eq!(percentiles(vec![2 * MS, MS]), Some(Percentiles { p50: MS, p99: 2 * MS }));
        assert_eq!(percentiles(Vec::new()), None);
    }

    #[test]
    fn news_of_an_allocation_counts_once_and_may_come_before_the_answer() {
        let measurements = Measurements::default();
        let sent = Instant::now();
        measurements.allocated("order_1");
        measurements.placed("order_1", sent);
        let first = measurements.measured().allocation;
        measurements.allocated("order_1");
        measurements.allocated("order_of_somebody_else");
        let measured = measurements.measured();
        assert_eq!((measured.placed, measured.allocation), (1, first));
        assert!(first.is_some());
    }

    #[test]
    fn of_many_refusals_the_first_are_kept_and_all_are_counted() {
        let measurements = Measurements::default();
        (0..20).for_each(|n| measurements.refused(format!("no {n}")));
        let measured = measurements.measured();
        assert_eq!((measured.refused, measured.refusals.len()), (20, MAX_REFUSALS));
        assert_eq!(measured.refusals[0], "no 0");
    }
}
