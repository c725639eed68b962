//! The time between two turns.

use std::time::Duration;

use chrono::{DateTime, Utc};
use qm_clock::SharedClock;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

/// How long a worker rests between two turns. Durations are of real time.
#[derive(Debug, Clone, Default)]
pub struct Rest {
    least: Duration,
    most: Duration,
    due: Option<(SharedClock, DateTime<Utc>)>,
}

impl Rest {
    /// None at all: there may be more to do.
    pub fn none() -> Self {
        Self::default()
    }

    /// At most so long; less when woken.
    pub fn of(most: Duration) -> Self {
        Self { most, ..Self::default() }
    }

    /// At least so long, also when woken: what comes meanwhile is done together.
    #[must_use]
    pub fn at_least(self, least: Duration) -> Self {
        Self { least, ..self }
    }

    /// No longer than until `clock` shows `due`, if anything is due.
    #[must_use]
    pub fn until(self, clock: &SharedClock, due: Option<DateTime<Utc>>) -> Self {
        Self { due: due.map(|due| (clock.clone(), due)), ..self }
    }

    /// Rests.
    pub(crate) async fn over(self, woken: &Notify) {
        let began = Instant::now();
        if !self.least.is_zero() {
            sleep_until(began + self.least).await;
        }
        if self.most <= self.least {
            return;
        }
        let due = async {
            match &self.due {
                Some((clock, due)) => clock.sleep_until(*due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = woken.notified() => {}
            () = due => {}
            () = sleep_until(began + self.most) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use qm_clock::{Clock as _, ManualClock, SystemClock};

    use super::*;

    const LONG: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(20);

    async fn rested(rest: Rest, woken: &Notify) -> Duration {
        let began = Instant::now();
        rest.over(woken).await;
        began.elapsed()
    }

    #[tokio::test]
    async fn it_ends_by_itself_or_when_woken_but_not_before_its_least() {
        let woken = Notify::new();
        assert!(rested(Rest::none(), &woken).await < LONG);
        assert!(rested(Rest::of(SHORT), &woken).await >= SHORT);
        woken.notify_one();
        assert!(rested(Rest::of(LONG), &woken).await < LONG);
        woken.notify_one();
        let rest = rested(Rest::of(LONG).at_least(SHORT), &woken).await;
        assert!((SHORT..LONG).contains(&rest), "{rest:?}");
        assert!(rested(Rest::none().at_least(SHORT), &woken).await >= SHORT);
    }

    #[tokio::test]
    async fn it_ends_when_something_is_due_by_the_clock() {
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        let due = Some(clock.now() + LONG);
        let shared: SharedClock = clock.clone();
        let sleeper =
            tokio::spawn(async move { Rest::of(LONG).until(&shared, due).over(&Notify::new()).await });
        while clock.sleepers() == 0 {
            tokio::task::yield_now().await;
        }
        clock.advance(LONG);
        tokio::time::timeout(LONG / 2, sleeper).await.unwrap().unwrap();
    }
}
