//! The machine's own clock.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::{Clock, Sleep, remaining, truncate_to_micros};

/// How long one uninterrupted wait may be. The wall clock can be stepped while we sleep; looking again now and then
/// bounds how late we notice.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The wall clock of the machine, in UTC.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the machine is asked for the time of day"
    )]
    fn now(&self) -> DateTime<Utc> {
        truncate_to_micros(Utc::now())
    }

    fn sleep_until(&self, deadline: DateTime<Utc>) -> Sleep<'_> {
        Box::pin(async move {
            while let Some(left) = remaining(self.now(), deadline) {
                tokio::time::sleep(left.min(LONGEST_WAIT)).await;
            }
        })
    }

    /// Measured on the monotonic clock, so that stepping the wall clock neither stretches nor cuts it.
    fn sleep(&self, duration: Duration) -> Sleep<'_> {
        Box::pin(tokio::time::sleep(duration))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn it_tells_whole_microseconds() {
        for _ in 0..1000 {
            assert_eq!(SystemClock.now().timestamp_subsec_nanos() % 1000, 0);
        }
    }

    #[tokio::test]
    async fn it_does_not_wake_before_the_deadline() {
        let started = Instant::now();
        let deadline = crate::after(SystemClock.now(), Duration::from_millis(20));
        SystemClock.sleep_until(deadline).await;
        assert!(SystemClock.now() >= deadline);
        assert!(started.elapsed() >= Duration::from_millis(19));
    }
}
