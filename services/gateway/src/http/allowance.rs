//! How often a caller may ask: each pays its requests from a bucket of its own.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use qm_cache::{Decision, RateLimiter, TokenBucket};
use qm_refusal::Refusal;

use crate::config::Buckets;

/// Holds callers to their limit.
#[derive(Debug, Clone)]
pub struct Toll {
    limiter: RateLimiter,
    bucket: TokenBucket,
    /// How long a token takes to come back.
    refill: Duration,
}

/// What one request has paid.
#[derive(Debug)]
pub(super) struct Allowance {
    toll: Toll,
    key: String,
    state: Mutex<Decision>,
}

impl Toll {
    /// The limit that `buckets` sets on one caller.
    pub fn new(limiter: RateLimiter, buckets: &Buckets) -> Self {
        Self { limiter, bucket: buckets.api, refill: buckets.api_refill }
    }

    /// Takes a token for a request of the caller whose bucket is `key`.
    pub(super) async fn charge(&self, key: String) -> (Allowance, Result<(), Refusal>) {
        let state = self.limiter.check(&key, &self.bucket, 1).await;
        let allowance = Allowance { toll: self.clone(), key, state: Mutex::new(state) };
        (allowance, if state.allowed { Ok(()) } else { Err(too_often(state.retry_after)) })
    }
}

impl Allowance {
    /// Pays what a request costs that turned out to be worth `requests`: all but the one that is paid already. More than the
    /// bucket can hold is never asked for, since it could never be paid.
    pub(super) async fn pay_for(&self, requests: usize) -> Result<(), Refusal> {
        let limit = self.state().limit;
        let more = u32::try_from(requests).unwrap_or(u32::MAX).min(limit).saturating_sub(1);
        if more == 0 {
            return Ok(());
        }
        let state = self.toll.limiter.check(&self.key, &self.toll.bucket, more).await;
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
        if state.allowed {
            return Ok(());
        }
        // When it comes again it pays the first token again, before the others.
        Err(too_often(state.retry_after.saturating_add(self.toll.refill)))
    }

    /// Writes the fields of draft-ietf-httpapi-ratelimit-headers: the policy, what is left of it, and until when.
    pub(super) fn tell(&self, headers: &mut HeaderMap) {
        let state = self.state();
        let seconds = state.reset_after.as_secs_f64().ceil();
        let policy = format!("\"key\";q={}", state.limit);
        let left = format!("\"key\";r={};t={seconds}", state.remaining);
        for (name, value) in [("ratelimit-policy", policy), ("ratelimit", left)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
    }

    fn state(&self) -> Decision {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn too_often(retry_after: Duration) -> Refusal {
    Refusal::too_many("rate_limited", "this caller asks too often", retry_after)
}
