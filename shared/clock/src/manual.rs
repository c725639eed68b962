//! A clock that stands still until a test moves it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;

use crate::{Clock, Sleep, after, truncate_to_micros};

/// A clock for tests: it shows what it was last set to, and its sleepers wake when it is moved to their deadline.
#[derive(Debug)]
pub struct ManualClock {
    shown: watch::Sender<DateTime<Utc>>,
}

impl ManualClock {
    /// A clock that shows `start`, in whole microseconds.
    pub fn new(start: DateTime<Utc>) -> Self {
        Self { shown: watch::Sender::new(truncate_to_micros(start)) }
    }

    /// Shows `time` from now on. Unlike the other clocks it may go backwards, as a machine's clock does when corrected.
    pub fn set(&self, time: DateTime<Utc>) {
        self.shown.send_replace(truncate_to_micros(time));
    }

    /// Moves forward by `duration`.
    pub fn advance(&self, duration: Duration) {
        self.shown.send_modify(|shown| *shown = truncate_to_micros(after(*shown, duration)));
    }

    /// How many sleeps are in progress, so that a test can wait for a loop to reach its pause before moving time.
    pub fn sleepers(&self) -> usize {
        self.shown.receiver_count()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        *self.shown.borrow()
    }

    fn sleep_until(&self, deadline: DateTime<Utc>) -> Sleep<'_> {
        Box::pin(async move {
            // The sender lives in `self`, which we borrow, so the wait cannot fail.
            let _ = self.shown.subscribe().wait_for(|shown| *shown >= deadline).await;
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn sleepers_wake_when_time_reaches_their_deadline_and_not_before() {
        let clock = Arc::new(ManualClock::new(DateTime::UNIX_EPOCH));
        let sleeper = tokio::spawn({
            let clock = Arc::clone(&clock);
            async move { clock.sleep(Duration::from_secs(60)).await }
        });
        while clock.sleepers() == 0 {
            tokio::task::yield_now().await;
        }

        clock.advance(Duration::from_secs(59));
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert!(!sleeper.is_finished());

        clock.advance(Duration::from_secs(1));
        tokio::time::timeout(Duration::from_secs(10), sleeper).await.unwrap().unwrap();
        assert_eq!(clock.sleepers(), 0);
    }

    #[tokio::test]
    async fn a_deadline_that_has_passed_does_not_sleep() {
        let clock = ManualClock::new(DateTime::from_timestamp(100, 999).unwrap());
        assert_eq!(clock.now(), DateTime::from_timestamp(100, 0).unwrap());
        clock.sleep_until(DateTime::UNIX_EPOCH).await;
        clock.sleep(Duration::ZERO).await;
    }
}
