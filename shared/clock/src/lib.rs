#![doc = include_str!("../README.md")]

mod accelerated;
mod entropy;
mod manual;
mod system;

use std::{fmt::Debug, pin::Pin, sync::Arc, time::Duration};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

pub use accelerated::{AcceleratedClock, InvalidSpeed, MAX_SPEED};
pub use entropy::{Entropy, SeededEntropy, SharedEntropy, SystemEntropy};
pub use manual::ManualClock;
pub use system::SystemClock;

/// A clock that the parts of a process share.
pub type SharedClock = Arc<dyn Clock>;

/// A pause on a clock: resolves when that clock has reached its end, and may be dropped at any time.
pub type Sleep<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Tells the time of day and sleeps, both in the same time.
///
/// Sleeping must happen inside a tokio runtime with its timer enabled.
pub trait Clock: Send + Sync + Debug {
    /// The time of day, in whole microseconds (see [`truncate_to_micros`]).
    fn now(&self) -> DateTime<Utc>;

    /// Sleeps until this clock shows `deadline` or later; at once if it already does.
    fn sleep_until(&self, deadline: DateTime<Utc>) -> Sleep<'_>;

    /// Sleeps for `duration` of this clock's time, which on an accelerated clock is less real time.
    fn sleep(&self, duration: Duration) -> Sleep<'_> {
        self.sleep_until(after(self.now(), duration))
    }
}

/// Drops what is finer than a microsecond.
///
/// PostgreSQL's `timestamptz` holds microseconds. A time that carries nanoseconds comes back from the database changed,
/// and then a state in memory no longer equals the same state read again. So every clock here tells whole
/// microseconds, and times from outside go through this function when they are parsed.
pub fn truncate_to_micros(time: DateTime<Utc>) -> DateTime<Utc> {
    time.trunc_subsecs(6)
}

/// `duration` after `start`, or the end of representable time if that comes first: such a sleep never ends either way.
fn after(start: DateTime<Utc>, duration: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(duration)
        .ok()
        .and_then(|delta| start.checked_add_signed(delta))
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// What is left from `now` to `deadline`, or nothing once it has passed.
fn remaining(now: DateTime<Utc>, deadline: DateTime<Utc>) -> Option<Duration> {
    deadline.signed_duration_since(now).to_std().ok().filter(|left| !left.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_cut_to_whole_microseconds_also_before_1970() {
        let late = DateTime::from_timestamp(1, 123_456_789).unwrap();
        let early = DateTime::from_timestamp(-2, 123_456_789).unwrap();
        assert_eq!(truncate_to_micros(late).timestamp_subsec_nanos(), 123_456_000);
        assert_eq!(truncate_to_micros(early), DateTime::from_timestamp(-2, 123_456_000).unwrap());
    }

    #[test]
    fn a_duration_beyond_representable_time_does_not_overflow() {
        assert_eq!(after(DateTime::UNIX_EPOCH, Duration::MAX), DateTime::<Utc>::MAX_UTC);
    }

    #[test]
    fn nothing_remains_at_or_after_the_deadline() {
        let deadline = DateTime::from_timestamp(10, 0).unwrap();
        assert_eq!(remaining(deadline, deadline), None);
        assert_eq!(remaining(after(deadline, Duration::from_secs(1)), deadline), None);
        assert_eq!(remaining(DateTime::UNIX_EPOCH, deadline), Some(Duration::from_secs(10)));
    }
}
