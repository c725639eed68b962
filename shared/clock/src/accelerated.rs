//! A clock that starts at a chosen time and runs at a multiple of real time.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

use crate::{Clock, Sleep, after, remaining, truncate_to_micros};

/// The highest speed that a clock accepts. Timers fire to about a real millisecond, which at this speed is already a
/// quarter of an hour of clock time.
pub const MAX_SPEED: f64 = 1_000_000.0;

/// How long one uninterrupted real wait may be, so that no deadline overflows the runtime's timer.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// A clock for demos: it shows `start + speed × real time elapsed`, and can be sped up or moved forward while it runs.
///
/// It never goes backwards. Sleepers follow changes of speed and jumps at once. A wake-up is late by up to about a real
/// millisecond, which is `speed` milliseconds of clock time.
#[derive(Debug)]
pub struct AcceleratedClock {
    anchor: watch::Sender<Anchor>,
}

/// The point from which the time is computed; moved whenever the speed or the time is set.
#[derive(Debug, Clone, Copy)]
struct Anchor {
    shown: DateTime<Utc>,
    real: Instant,
    speed: f64,
}

/// The speed asked for is not a number from 0 to [`MAX_SPEED`].
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("a clock's speed must be from 0 to {MAX_SPEED}, not {0}")]
pub struct InvalidSpeed(pub f64);

impl AcceleratedClock {
    /// A clock that shows `start` now and runs `speed` times as fast as real time; 0 stands still.
    pub fn new(start: DateTime<Utc>, speed: f64) -> Result<Self, InvalidSpeed> {
        let anchor = Anchor { shown: start, real: Instant::now(), speed: checked(speed)? };
        Ok(Self { anchor: watch::Sender::new(anchor) })
    }

    /// Runs `speed` times as fast as real time from now on, without a jump.
    pub fn set_speed(&self, speed: f64) -> Result<(), InvalidSpeed> {
        let speed = checked(speed)?;
        self.anchor.send_modify(|anchor| {
            let now = Instant::now();
            *anchor = Anchor { shown: anchor.at(now), real: now, speed };
        });
        Ok(())
    }

    /// How many times as fast as real time the clock runs.
    pub fn speed(&self) -> f64 {
        self.anchor.borrow().speed
    }

    /// Jumps forward to `time`; does nothing if the clock already shows it or later.
    pub fn advance_to(&self, time: DateTime<Utc>) {
        self.anchor.send_if_modified(|anchor| {
            let now = Instant::now();
            let ahead = anchor.at(now) < time;
            if ahead {
                *anchor = Anchor { shown: time, real: now, ..*anchor };
            }
            ahead
        });
    }
}

impl Clock for AcceleratedClock {
    fn now(&self) -> DateTime<Utc> {
        truncate_to_micros(self.anchor.borrow().at(Instant::now()))
    }

    fn sleep_until(&self, deadline: DateTime<Utc>) -> Sleep<'_> {
        Box::pin(async move {
            let mut changes = self.anchor.subscribe();
            loop {
                // Marks the anchor as seen, so that a change between here and the wait below still wakes us.
                let anchor = *changes.borrow_and_update();
                let shown = truncate_to_micros(anchor.at(Instant::now()));
                let Some(left) = remaining(shown, deadline) else { return };
                // Either end of the wait leads to the same question, so neither outcome matters. The sender lives in
                // `self`, which we borrow: `changed` cannot fail.
                let _ = timeout(real_time(left, anchor.speed), changes.changed()).await;
            }
        })
    }
}

impl Anchor {
    fn at(&self, now: Instant) -> DateTime<Utc> {
        let elapsed = now.saturating_duration_since(self.real).as_secs_f64() * self.speed;
        after(self.shown, Duration::try_from_secs_f64(elapsed).unwrap_or(Duration::MAX))
    }
}

/// The real time in which a clock of this speed covers `left`, or the longest wait if that is shorter (as when the
/// clock stands still).
fn real_time(left: Duration, speed: f64) -> Duration {
    Duration::try_from_secs_f64(left.as_secs_f64() / speed).unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT)
}

fn checked(speed: f64) -> Result<f64, InvalidSpeed> {
    if (0.0..=MAX_SPEED).contains(&speed) { Ok(speed) } else { Err(InvalidSpeed(speed)) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn start() -> DateTime<Utc> {
        DateTime::from_timestamp(1_600_000_000, 0).unwrap()
    }

    #[test]
    fn a_speed_that_is_no_speed_is_refused() {
        for speed in [-1.0, f64::NAN, f64::INFINITY, MAX_SPEED * 2.0] {
            assert!(AcceleratedClock::new(start(), speed).is_err(), "{speed}");
        }
        let clock = AcceleratedClock::new(start(), 1.0).unwrap();
        assert!(clock.set_speed(-0.5).is_err());
        assert_eq!(clock.speed(), 1.0);
    }

    #[test]
    fn a_clock_of_speed_zero_stands_still_and_moves_only_forward() {
        let clock = AcceleratedClock::new(start(), 0.0).unwrap();
        assert_eq!(clock.now(), start());
        clock.advance_to(after(start(), HOUR));
        assert_eq!(clock.now(), after(start(), HOUR));
        clock.advance_to(start());
        assert_eq!(clock.now(), after(start(), HOUR), "time never goes backwards");
    }

    #[test]
    fn the_time_follows_from_the_speed() {
        let real = Instant::now();
        let anchor = Anchor { shown: start(), real, speed: 3600.0 };
        assert_eq!(anchor.at(real + Duration::from_secs(2)), after(start(), 2 * HOUR));
        assert_eq!(real_time(HOUR, 3600.0), Duration::from_secs(1));
        assert_eq!(real_time(HOUR, 0.0), LONGEST_WAIT);
    }

    #[test]
    fn changing_the_speed_does_not_turn_time_back() {
        let clock = AcceleratedClock::new(start(), 1000.0).unwrap();
        let mut last = clock.now();
        for speed in [1.0, 100_000.0, 0.0, 2.5] {
            clock.set_speed(speed).unwrap();
            let now = clock.now();
            assert!(now >= last);
            last = now;
        }
    }

    #[tokio::test]
    async fn an_hour_of_clock_time_takes_a_moment_of_real_time() {
        let clock = AcceleratedClock::new(start(), 100_000.0).unwrap();
        timeout(Duration::from_secs(10), clock.sleep(HOUR)).await.unwrap();
        assert!(clock.now() >= after(start(), HOUR));
    }

    #[tokio::test]
    async fn a_sleeper_follows_a_jump_and_a_new_speed() {
        let clock = Arc::new(AcceleratedClock::new(start(), 0.0).unwrap());
        let sleeper = |until| {
            let clock = Arc::clone(&clock);
            tokio::spawn(async move { clock.sleep_until(until).await })
        };
        let jumped = sleeper(after(start(), HOUR));
        tokio::task::yield_now().await;
        clock.advance_to(after(start(), HOUR));
        timeout(Duration::from_secs(10), jumped).await.unwrap().unwrap();

        let sped_up = sleeper(after(start(), 2 * HOUR));
        tokio::task::yield_now().await;
        assert!(!sped_up.is_finished());
        clock.set_speed(MAX_SPEED).unwrap();
        timeout(Duration::from_secs(10), sped_up).await.unwrap().unwrap();
    }
}
