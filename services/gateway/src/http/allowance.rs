//! How often a caller may ask: each pays its requests from a bucket of its own.

use std::time::Duration;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use qm_cache::{Decision, RateLimiter, TokenBucket};
use qm_refusal::Refusal;

use crate::config::Buckets;

/// Holds callers to their limit.
#[derive(Debug, Clone)]
pub struct Toll {
    limiter: RateLimiter,
    bucket: TokenBucket,
}

/// What one request has paid.
#[derive(Debug)]
pub(super) struct Allowance {
    state: Decision,
}

impl Toll {
    /// The limit that `buckets` sets on one caller.
    pub fn new(limiter: RateLimiter, buckets: &Buckets) -> Self {
        Self { limiter, bucket: buckets.api }
    }

    /// Takes a token for a request of the caller whose bucket is `key`.
    pub(super) async fn charge(&self, key: String) -> (Allowance, Result<(), Refusal>) {
        let state = self.limiter.check(&key, &self.bucket, 1).await;
        let allowance = Allowance { state };
        (allowance, if state.allowed { Ok(()) } else { Err(too_often(state.retry_after)) })
    }
}

impl Allowance {
    /// Writes the fields of draft-ietf-httpapi-ratelimit-headers: the policy, what is left of it, and until when.
    pub(super) fn tell(&self, headers: &mut HeaderMap) {
        let state = &self.state;
        let seconds = state.reset_after.as_secs_f64().ceil();
        let policy = format!("\"key\";q={}", state.limit);
        let left = format!("\"key\";r={};t={seconds}", state.remaining);
        for (name, value) in [("ratelimit-policy", policy), ("ratelimit", left)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
    }
}

fn too_often(retry_after: Duration) -> Refusal {
    Refusal::too_many("rate_limited", "this caller asks too often", retry_after)
}
