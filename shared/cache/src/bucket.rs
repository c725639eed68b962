//! The token bucket: a burst up to its capacity, a steady rate in the long run. Both sides keep the same numbers and
//! count in the same way; `token_bucket.lua` is this file in Redis.

use std::time::Duration;

/// A limit. A bucket starts full; requests take tokens out, and time puts them back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TokenBucket {
    capacity: u32,
    refill_per_second: f64,
}

/// A bucket that could never let anything through, or never fill.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error(
    "a limit needs a capacity of at least 1 and a positive refill per second, got {capacity} and {refill_per_second}"
)]
pub struct InvalidBucket {
    capacity: u32,
    refill_per_second: f64,
}

/// Whether a request is within its limit, with what its sender should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Whether it is.
    pub allowed: bool,
    /// The most that can be had at once.
    pub limit: u32,
    /// What can still be had now.
    pub remaining: u32,
    /// Until the bucket is full again.
    pub reset_after: Duration,
    /// Until the same request would be allowed: zero if it was, and for a request that costs more than the capacity the
    /// time until the bucket is full, though it will not be allowed then either.
    pub retry_after: Duration,
}

impl TokenBucket {
    /// A bucket of `capacity` tokens, of which `refill_per_second` come back each second (fractions are fine).
    pub fn new(capacity: u32, refill_per_second: f64) -> Result<Self, InvalidBucket> {
        if capacity > 0 && refill_per_second.is_finite() && refill_per_second > 0.0 {
            Ok(Self { capacity, refill_per_second })
        } else {
            Err(InvalidBucket { capacity, refill_per_second })
        }
    }

    /// At most `limit` per `window` in the long run, all at once if so wanted.
    pub fn per_window(limit: u32, window: Duration) -> Result<Self, InvalidBucket> {
        Self::new(limit, f64::from(limit) / window.as_secs_f64())
    }

    pub(crate) fn capacity(&self) -> u32 {
        self.capacity
    }

    pub(crate) fn refill_per_second(&self) -> f64 {
        self.refill_per_second
    }

    /// Takes `cost` out of a bucket that held `tokens` (none: it is new) `elapsed` ago, if that much is in it. Gives
    /// what is in it now, and whether the cost was paid.
    pub(crate) fn take(&self, tokens: Option<f64>, elapsed: Duration, cost: u32) -> (f64, bool) {
        let capacity = f64::from(self.capacity);
        let tokens = tokens
            .map_or(capacity, |tokens| tokens + elapsed.as_secs_f64() * self.refill_per_second)
            .min(capacity);
        let cost = f64::from(cost);
        if tokens >= cost { (tokens - cost, true) } else { (tokens, false) }
    }

    /// What a sender is told whose request left `tokens` in the bucket.
    pub(crate) fn decision(&self, tokens: f64, allowed: bool, cost: u32) -> Decision {
        let until = |wanted: f64| {
            let seconds = (wanted - tokens).max(0.0) / self.refill_per_second;
            // Beyond what a duration can hold: a rate next to nothing.
            Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
        };
        let reset_after = until(f64::from(self.capacity));
        Decision {
            allowed,
            limit: self.capacity,
            // Rounds down and stays within bounds: the cast saturates.
            remaining: tokens as u32,
            reset_after,
            retry_after: if allowed { Duration::ZERO } else { until(f64::from(cost)).min(reset_after) },
        }
    }

    /// Nobody knows, so the request is allowed.
    pub(crate) fn unknown(&self, cost: u32) -> Decision {
        Decision {
            allowed: true,
            limit: self.capacity,
            remaining: self.capacity.saturating_sub(cost),
            reset_after: Duration::ZERO,
            retry_after: Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_bucket_that_makes_no_sense_is_refused() {
        for (capacity, refill) in [(0, 1.0), (1, 0.0), (1, -1.0), (1, f64::NAN), (1, f64::INFINITY)] {
            assert!(TokenBucket::new(capacity, refill).is_err(), "{capacity} {refill}");
        }
        assert!(TokenBucket::per_window(10, Duration::ZERO).is_err());
    }

    proptest! {
        /// Whatever is asked for and when: never more than the burst plus what came back.
        #[test]
        fn no_more_is_let_through_than_the_limit(
            capacity in 1_u32..1000,
            refill in 0.01_f64..1000.0,
            requests in prop::collection::vec((0_u64..5_000, 0_u32..50), 1..200),
        ) {
            let bucket = TokenBucket::new(capacity, refill).unwrap();
            let (mut tokens, mut let_through, mut elapsed) = (None, 0.0, Duration::ZERO);
            for (pause_ms, cost) in requests {
                let pause = Duration::from_millis(pause_ms);
                elapsed += pause;
                let (left, allowed) = bucket.take(tokens, pause, cost);
                prop_assert!((0.0..=f64::from(capacity)).contains(&left));
                if allowed {
                    let_through += f64::from(cost);
                }
                let limit = f64::from(capacity) + elapsed.as_secs_f64() * refill;
                prop_assert!(let_through <= limit + 1e-6, "{let_through} > {limit}");
                tokens = Some(left);
            }
        }

        /// Who comes back after `retry_after` is let through, and who comes earlier is not.
        #[test]
        fn retry_after_is_exact(capacity in 1_u32..1000, refill in 0.01_f64..1000.0, cost in 1_u32..1000) {
            prop_assume!(cost <= capacity);
            let bucket = TokenBucket::new(capacity, refill).unwrap();
            let (left, _) = bucket.take(None, Duration::ZERO, capacity);
            let wait = bucket.decision(left, false, cost).retry_after;
            prop_assert!(bucket.take(Some(left), wait + Duration::from_micros(1), cost).1);
            prop_assert!(!bucket.take(Some(left), wait.mul_f64(0.99), cost).1);
        }
    }
}
