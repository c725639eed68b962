//! Rate limiting.

use crate::{Decision, SharedCache, TokenBucket};

/// Holds senders to their limits. Clones share the buckets; so do replicas that share a Redis.
#[derive(Debug, Clone)]
pub struct RateLimiter {
    cache: SharedCache,
}

impl RateLimiter {
    /// A limiter whose buckets stand in `cache`.
    pub fn new(cache: SharedCache) -> Self {
        Self { cache }
    }

    /// Takes `cost` tokens from the bucket of `key`, or none if there are too few. Decides in one step, however many ask
    /// at a time. When the bucket cannot be reached, the request is allowed.
    pub async fn check(&self, key: &str, bucket: &TokenBucket, cost: u32) -> Decision {
        self.cache.take(key, bucket, cost).await
    }
}
