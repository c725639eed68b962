//! The seam: memory or Redis behind one type.

use std::{sync::Arc, time::Duration};

use crate::{Decision, Stats, TokenBucket, memory::Memory, redis_side::Redis};

/// A cache that the parts of a process share.
pub type SharedCache = Arc<Cache>;

/// Larger values are not stored: a cache is no place for them.
pub const MAX_VALUE_BYTES: usize = 64 * 1024;

/// Rate limits and small values that anybody may lose. See the crate's documentation for what happens when it does.
#[derive(Debug)]
pub struct Cache {
    side: Side,
}

#[derive(Debug)]
enum Side {
    Memory(Box<Memory>),
    Redis(Box<Redis>),
}

/// A URL that names no cache.
#[derive(Debug, thiserror::Error)]
pub enum InvalidUrl {
    /// Of another scheme. The URL itself is not shown: it may hold a password.
    #[error("expected memory:// or redis://HOST:PORT/DATABASE")]
    Scheme,
    /// Not a URL that Redis's client understands.
    #[error("expected redis://HOST:PORT/DATABASE")]
    Redis(#[source] redis::RedisError),
}

/// It is not known whether the value is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cache cannot be reached")]
pub struct Unreachable;

impl Cache {
    /// Opens `memory://` (of this process alone) or `redis://…`. Nothing is connected yet, and a Redis that is down does
    /// not keep a service from starting. Must be called inside a tokio runtime.
    pub fn open(url: &str) -> Result<SharedCache, InvalidUrl> {
        let side = if url == "memory://" {
            Side::Memory(Box::default())
        } else if url.starts_with("redis://") {
            Side::Redis(Box::new(Redis::open(url).map_err(InvalidUrl::Redis)?))
        } else {
            return Err(InvalidUrl::Scheme);
        };
        Ok(Arc::new(Self { side }))
    }

    /// The value under `key`, if it is known and its time is not over.
    pub async fn get(&self, key: &str) -> Option<Vec<u8>> {
        match &self.side {
            Side::Memory(memory) => memory.get(key),
            Side::Redis(redis) => redis.get(key).await,
        }
    }

    /// Remembers `value` under `key` for at most `ttl`. Values above [`MAX_VALUE_BYTES`] and times below a millisecond
    /// are not remembered.
    pub async fn set(&self, key: &str, value: &[u8], ttl: Duration) {
        if value.len() > MAX_VALUE_BYTES || ttl < Duration::from_millis(1) {
            // What was there before is older than this value, so it may not stay either.
            let _ = self.delete(key).await;
            return;
        }
        match &self.side {
            Side::Memory(memory) => memory.set(key, value, ttl),
            Side::Redis(redis) => redis.set(key, value, ttl).await,
        }
    }

    /// Forgets what is under `key`.
    pub async fn delete(&self, key: &str) -> Result<(), Unreachable> {
        match &self.side {
            Side::Memory(memory) => {
                memory.delete(key);
                Ok(())
            }
            Side::Redis(redis) => redis.delete(key).await,
        }
    }

    /// How often the cache was gone when it was needed.
    pub fn stats(&self) -> Stats {
        match &self.side {
            Side::Memory(_) => Stats::default(),
            Side::Redis(redis) => redis.stats(),
        }
    }

    pub(crate) async fn take(&self, key: &str, bucket: &TokenBucket, cost: u32) -> Decision {
        match &self.side {
            Side::Memory(memory) => memory.take(key, bucket, cost),
            Side::Redis(redis) => redis.take(key, bucket, cost).await,
        }
    }
}
