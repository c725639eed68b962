//! Keeps an outage short for those who wait and quiet for those who read logs.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// How long operations pass the cache by after one failed.
const PAUSE: Duration = Duration::from_secs(1);

/// How often the cache was gone when it was needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Operations that went without it.
    pub misses: u64,
    /// Outages, of which each may have cost many operations.
    pub outages: u64,
}

/// Remembers whether the cache is gone.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    /// While the cache is gone: when to try again.
    retry_at: Mutex<Option<Instant>>,
    misses: AtomicU64,
    outages: AtomicU64,
}

impl Outage {
    /// Whether to try at all. During an outage one operation a second is let through to see if it is over.
    pub(crate) fn may_try(&self) -> bool {
        let mut retry_at = self.lock();
        match *retry_at {
            Some(at) if Instant::now() < at => {
                drop(retry_at);
                self.misses.fetch_add(1, Ordering::Relaxed);
                false
            }
            Some(_) => {
                *retry_at = Some(Instant::now() + PAUSE);
                true
            }
            None => true,
        }
    }

    pub(crate) fn succeeded(&self) {
        if self.lock().take().is_some() {
            tracing::info!("the cache can be reached again");
        }
    }

    pub(crate) fn failed(&self, error: &dyn std::fmt::Display) {
        self.misses.fetch_add(1, Ordering::Relaxed);
        let is_new = self.lock().replace(Instant::now() + PAUSE).is_none();
        if is_new {
            self.outages.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(%error, "the cache cannot be reached: rate limits are off and values are looked up until it can");
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats { misses: self.misses.load(Ordering::Relaxed), outages: self.outages.load(Ordering::Relaxed) }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.retry_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
