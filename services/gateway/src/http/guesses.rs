//! Guessing of API keys: an address that sends keys which are none is soon not listened to.

use qm_cache::{RateLimiter, TokenBucket};
use qm_refusal::Refusal;

use super::ClientAddress;

/// Holds addresses to a number of wrong credentials.
#[derive(Debug, Clone)]
pub struct Guesses {
    limiter: RateLimiter,
    bucket: TokenBucket,
}

impl Guesses {
    /// At most as many as fit the bucket.
    pub fn new(limiter: RateLimiter, bucket: TokenBucket) -> Self {
        Self { limiter, bucket }
    }

    /// Refuses to look at one more credential of an address that guessed too often. Costs nothing.
    pub(super) async fn look(&self, client: ClientAddress) -> Result<(), Refusal> {
        self.take(client, 0).await
    }

    /// Notes that a credential was wrong.
    pub(super) async fn count(&self, client: ClientAddress) -> Result<(), Refusal> {
        self.take(client, 1).await
    }

    async fn take(&self, client: ClientAddress, cost: u32) -> Result<(), Refusal> {
        let state = self.limiter.check(&client.bucket("guess"), &self.bucket, cost).await;
        if state.allowed && (cost > 0 || state.remaining > 0) {
            return Ok(());
        }
        let message = "too many wrong credentials came from this address";
        let wait = state.retry_after.max(std::time::Duration::from_secs(1));
        Err(Refusal::too_many("too_many_guesses", message, wait))
    }
}
