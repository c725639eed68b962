//! An issuer's keys over time. One loop reads them, however many requests ask: at the start, at intervals, and when a token
//! names a key that is not known, though never more often than [`PAUSE`] allows. So tokens with made-up keys do not
//! reach the issuer, and an issuer that is slow or away delays few requests, each once.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use qm_clock::SharedClock;
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::{KeySet, source::Source};

/// Between two readings of one issuer's keys.
const PAUSE: TimeDelta = TimeDelta::seconds(5);
/// Requests that wait for a reading at a time. They have proven nothing yet, so they may not take the places of others.
const MAX_WAITING: usize = 32;

/// How long keys are good for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Freshness {
    /// They are read anew after this long.
    pub(crate) refresh: TimeDelta,
    /// They are used for at most this long when they cannot be read anew.
    pub(crate) keep: TimeDelta,
    /// How long a request waits for a reading.
    pub(crate) patience: Duration,
}

/// An issuer's keys, as far as they are known.
#[derive(Debug)]
pub(crate) struct Keys {
    source: Source,
    freshness: Freshness,
    clock: SharedClock,
    known: watch::Sender<Known>,
    wanted: Notify,
    waiting: Semaphore,
}

/// The last good keys, and when they were read and tried to be read.
#[derive(Debug, Clone, Default)]
struct Known {
    keys: Arc<KeySet>,
    read_at: Option<DateTime<Utc>>,
    tried_at: Option<DateTime<Utc>>,
}

/// Why there is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoKey {
    /// The issuer has no such key.
    Unknown,
    /// Nobody can say at the moment; ask again after this long.
    Unavailable(Duration),
}

impl Known {
    fn age(at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Option<TimeDelta> {
        // A clock that was set back makes a time look like the future, which says nothing about it.
        at.map(|at| now - at).filter(|age| *age >= TimeDelta::zero())
    }

    fn is_older(&self, than: TimeDelta, now: DateTime<Utc>) -> bool {
        Self::age(self.read_at, now).is_none_or(|age| age >= than)
    }

    /// What is left of the pause after the last try.
    fn pause(&self, now: DateTime<Utc>) -> Option<Duration> {
        let left = PAUSE - Self::age(self.tried_at, now)?;
        left.to_std().ok().filter(|left| !left.is_zero())
    }

    /// The set with this key, given that nothing newer can be had now.
    fn settle(&self, id: &str, keep: TimeDelta, now: DateTime<Utc>) -> Result<Arc<KeySet>, NoKey> {
        let retry_after = self.pause(now).unwrap_or(Duration::from_secs(1));
        if self.is_older(keep, now) {
            return Err(NoKey::Unavailable(retry_after));
        }
        if self.keys.has(id) {
            return Ok(Arc::clone(&self.keys));
        }
        // Only the issuer's latest word rules a key out.
        let is_latest = self.read_at == self.tried_at;
        Err(if is_latest { NoKey::Unknown } else { NoKey::Unavailable(retry_after) })
    }
}

impl Keys {
    /// Keys from `source`; none is known yet.
    pub(crate) fn new(source: Source, freshness: Freshness, clock: SharedClock) -> Self {
        Self {
            source,
            freshness,
            clock,
            known: watch::Sender::default(),
            wanted: Notify::new(),
            waiting: Semaphore::new(MAX_WAITING),
        }
    }

    /// The set with the key of this id.
    pub(crate) async fn find(&self, id: &str) -> Result<Arc<KeySet>, NoKey> {
        let mut changes = self.known.subscribe();
        let known = changes.borrow_and_update().clone();
        let now = self.clock.now();
        let found = known.settle(id, self.freshness.keep, now);
        if found.is_ok() {
            if known.is_older(self.freshness.refresh, now) {
                self.wanted.notify_one();
            }
            return found;
        }
        if known.pause(now).is_some() {
            return found;
        }
        let Ok(_place) = self.waiting.try_acquire() else {
            return Err(NoKey::Unavailable(Duration::from_secs(1)));
        };
        self.wanted.notify_one();
        match tokio::time::timeout(self.freshness.patience, changes.changed()).await {
            Ok(Ok(())) => {
                let known = changes.borrow().clone();
                known.settle(id, self.freshness.keep, self.clock.now())
            }
            _ => Err(NoKey::Unavailable(Duration::from_secs(1))),
        }
    }

    /// Keeps the keys fresh until `shutdown`.
    pub(crate) async fn keep_fresh(&self, issuer: &str, shutdown: CancellationToken) {
        loop {
            if self.known.borrow().pause(self.clock.now()).is_none() {
                tokio::select! {
                    () = self.read(issuer) => {}
                    () = shutdown.cancelled() => return,
                }
            }
            let rest = if self.is_due() { PAUSE } else { self.freshness.refresh };
            tokio::select! {
                () = self.wanted.notified() => {}
                () = tokio::time::sleep(rest.to_std().unwrap_or_default()) => {}
                () = shutdown.cancelled() => return,
            }
        }
    }

    fn is_due(&self) -> bool {
        self.known.borrow().is_older(self.freshness.refresh, self.clock.now())
    }

    async fn read(&self, issuer: &str) {
        let read = self.source.fetch().await;
        let now = self.clock.now();
        if let Err(error) = &read {
            let reason = qm_runtime::with_causes(error);
            tracing::warn!(issuer, "the keys of issuer {issuer} cannot be read: {reason}");
        }
        self.known.send_modify(|known| {
            known.tried_at = Some(now);
            if let Ok(keys) = read {
                known.keys = Arc::new(keys);
                known.read_at = Some(now);
            }
        });
    }
}
