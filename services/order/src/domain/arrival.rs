//! Stock that arrived.
//!
//! It wakes those who wait, for at most what arrived. Who was woken and finds nothing (the stock lies where it is of no
//! use to him) passes it on to the next in the queue. What of it woke nobody is kept: an attempt that was under way may
//! have looked before the stock was there. When such an attempt finds nothing, its units look once more instead of
//! waiting for stock that has come already. Nobody is woken twice by the same arrival, so this ends, however steadily
//! stock arrives.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use qm_ids::ItemId;

/// Entries of spare units. They reach back for hours, since the older they are the more of them are joined.
const KEPT: usize = 16;

/// How far the clocks of two replicas may be apart: an attempt minted by one is not taken to have seen what another
/// handled within this time before.
pub(super) const SKEW: TimeDelta = TimeDelta::seconds(5);

/// What arrived of one item.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Arrivals {
    /// When an arrival was handled last; every next one is later, whatever the clocks say.
    pub latest: Option<DateTime<Utc>>,
    /// Units that are still to wake those who wait.
    pub unserved: i64,
    /// Units that woke nobody, oldest first.
    pub spare: Vec<Spare>,
}

/// Units that arrived and woke nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spare {
    /// When the first of their arrivals was handled.
    pub from: DateTime<Utc>,
    /// When the last was handled.
    pub until: DateTime<Utc>,
    /// How many, > 0.
    pub units: i64,
}

/// Arrivals of a tenant's items.
pub type ArrivalsByItem = BTreeMap<ItemId, Arrivals>;

impl Arrivals {
    /// Units arrived.
    pub fn arrive(&mut self, units: i64, now: DateTime<Utc>) {
        let after = self.latest.map(|latest| latest + TimeDelta::microseconds(1));
        self.latest = after.max(Some(now));
        self.unserved = self.unserved.saturating_add(units);
    }

    /// Units of what arrived woke somebody.
    pub fn serve(&mut self, units: i64) {
        self.unserved -= units;
    }

    /// Units woke somebody who could not use them, so they are to wake others.
    pub fn pass_on(&mut self, units: i64) {
        if self.latest.is_some() {
            self.unserved = self.unserved.saturating_add(units);
        }
    }

    /// Nobody waits: the rest is spare.
    pub fn keep(&mut self) {
        let units = std::mem::take(&mut self.unserved);
        let Some(latest) = self.latest.filter(|_| units > 0) else { return };
        match self.spare.last_mut().filter(|last| last.until == latest) {
            Some(last) => last.units = last.units.saturating_add(units),
            None => self.spare.push(Spare { from: latest, until: latest, units }),
        }
        if self.spare.len() > KEPT {
            self.join(latest);
        }
    }

    /// Joins two neighbouring entries: those that then span the least for their age. To join the oldest instead would
    /// carry all that ever arrived along to recent times.
    fn join(&mut self, latest: DateTime<Utc>) {
        let span = |pair: &[Spare]| {
            let (span, age) = (pair[1].until - pair[0].from, latest - pair[1].until);
            span.num_milliseconds().saturating_mul(1_000) / (age.num_milliseconds() + 1_000)
        };
        let pairs = 0..self.spare.len().saturating_sub(1);
        if let Some(index) = pairs.min_by_key(|index| span(&self.spare[*index..=index + 1])) {
            let earlier = self.spare.remove(index);
            let later = &mut self.spare[index];
            later.from = earlier.from;
            later.units = later.units.saturating_add(earlier.units);
        }
    }

    /// Takes up to `wanted` spare units of arrivals that an attempt may have missed. Returns how many.
    pub fn spend(&mut self, sees_until: DateTime<Utc>, wanted: i64) -> i64 {
        let mut left = wanted;
        for spare in self.spare.iter_mut().filter(|spare| spare.until > sees_until) {
            let taken = left.min(spare.units);
            spare.units -= taken;
            left -= taken;
        }
        self.spare.retain(|spare| spare.units > 0);
        wanted - left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn arrived(arrivals: &mut Arrivals, second: i64, units: i64) {
        arrivals.arrive(units, at(second));
        arrivals.keep();
    }

    #[test]
    fn what_an_attempt_saw_is_not_spent_on_it() {
        let mut arrivals = Arrivals::default();
        arrived(&mut arrivals, 10, 3);
        arrived(&mut arrivals, 20, 4);
        assert_eq!(arrivals.spend(at(20), 9), 0);
        assert_eq!(arrivals.spend(at(15), 9), 4);
        assert_eq!(arrivals.spend(at(5), 2), 2);
        assert_eq!(arrivals.spend(at(5), 9), 1, "each unit is spent once");
    }

    #[test]
    fn a_clock_that_lags_hides_no_arrival() {
        let mut arrivals = Arrivals::default();
        arrived(&mut arrivals, 20, 1);
        let seen = arrivals.latest.unwrap();
        arrived(&mut arrivals, 10, 5);
        assert_eq!(arrivals.spend(seen, 9), 5);
    }

    #[test]
    fn many_arrivals_are_kept_in_few_entries_and_none_is_lost() {
        let mut arrivals = Arrivals::default();
        arrived(&mut arrivals, 0, 1_000_000);
        for second in 1..=10_000 {
            arrived(&mut arrivals, second, 1);
        }
        assert_eq!(arrivals.spare.len(), KEPT);
        for age in [1, 10, 100, 1_000] {
            let missed = arrivals.clone().spend(at(10_000 - age), i64::MAX);
            assert!((age..=3 * age + 3).contains(&missed), "{missed} of the last {age} seconds");
        }
        assert_eq!(arrivals.spend(at(-1), i64::MAX), 1_010_000);
    }
}
