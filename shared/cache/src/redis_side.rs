//! The side in Redis: shared by replicas, decided by a script, and done without when it is gone.

use std::{fmt, time::Duration};

use redis::{
    Client, ErrorKind, RedisError, RedisResult, Script, SetExpiry, SetOptions,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use tokio::time::timeout;

use crate::{Decision, Stats, TokenBucket, cache::Unreachable, outage::Outage};

/// Longer than any healthy answer takes, short for a request that waits for it.
const PATIENCE: Duration = Duration::from_millis(250);

/// A Redis and its connection, which is made when it is first needed and again when it is lost.
pub(crate) struct Redis {
    connection: ConnectionManager,
    token_bucket: Script,
    outage: Outage,
}

impl Redis {
    pub(crate) fn open(url: &str) -> RedisResult<Self> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE))
            // We try again ourselves, with the next operation after the pause.
            .set_number_of_retries(0);
        Ok(Self {
            connection: ConnectionManager::new_lazy_with_config(Client::open(url)?, config)?,
            token_bucket: Script::new(include_str!("token_bucket.lua")),
            outage: Outage::default(),
        })
    }

    pub(crate) async fn take(&self, key: &str, bucket: &TokenBucket, cost: u32) -> Decision {
        let mut connection = self.connection.clone();
        let mut call = self.token_bucket.key(format!("qm:rate:{key}"));
        call.arg(bucket.capacity()).arg(bucket.refill_per_second()).arg(cost);
        let answer: Option<(bool, f64)> = self.attempt(call.invoke_async(&mut connection)).await;
        match answer {
            Some((paid, tokens)) => bucket.decision(tokens, paid, cost),
            None => bucket.unknown(cost),
        }
    }

    pub(crate) async fn get(&self, key: &str) -> Option<Vec<u8>> {
        let mut connection = self.connection.clone();
        self.attempt(redis::cmd("GET").arg(value_key(key)).query_async(&mut connection)).await.flatten()
    }

    pub(crate) async fn set(&self, key: &str, value: &[u8], ttl: Duration) {
        let mut connection = self.connection.clone();
        let millis = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).min(365 * 86_400_000);
        let options = SetOptions::default().with_expiration(SetExpiry::PX(millis));
        let mut command = redis::cmd("SET");
        command.arg(value_key(key)).arg(value).arg(options);
        let _: Option<()> = self.attempt(command.query_async(&mut connection)).await;
    }

    pub(crate) async fn delete(&self, key: &str) -> Result<(), Unreachable> {
        let mut connection = self.connection.clone();
        let deleted: Option<u64> =
            self.attempt(redis::cmd("DEL").arg(value_key(key)).query_async(&mut connection)).await;
        deleted.map(|_| ()).ok_or(Unreachable)
    }

    pub(crate) fn stats(&self) -> Stats {
        self.outage.stats()
    }

    /// Waits for an operation, but not long, and not at all during an outage.
    async fn attempt<T>(&self, operation: impl Future<Output = RedisResult<T>>) -> Option<T> {
        if !self.outage.may_try() {
            return None;
        }
        let late = || RedisError::from((ErrorKind::Io, "no answer in time"));
        match timeout(PATIENCE, operation).await.unwrap_or_else(|_| Err(late())) {
            Ok(answer) => {
                self.outage.succeeded();
                Some(answer)
            }
            Err(error) => {
                self.outage.failed(&error);
                None
            }
        }
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("outage", &self.outage).finish_non_exhaustive()
    }
}

fn value_key(key: &str) -> String {
    format!("qm:value:{key}")
}
