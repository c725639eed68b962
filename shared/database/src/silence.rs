//! Connections that fell silent: the machine at the other end is gone, or what lies between has forgotten them, and nobody
//! says so. Whoever waits for an answer must not wait for ever, and must not meet the same connection again.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::future::BoxFuture;
use sea_orm::{
    ConnectionTrait, DatabaseBackend, DatabaseTransaction, DbErr, ExecResult, QueryResult, RuntimeErr,
    Statement,
    sqlx::{self, Connection as _, PgConnection},
};
use tokio::time::timeout;

use crate::{
    deferred::{self, Deferred},
    error::{LOST_RACE, is_lost_race},
};

/// Where one connection has fallen silent, others are suspected for so long.
const SUSPICION: Duration = Duration::from_secs(60);
/// How long a suspected connection may take to show that it is alive.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);

/// Notices silence, and makes a pool ask its connections for a sign of life after that. While all is well it costs nothing:
/// asking each time would be a round trip per transaction.
#[derive(Debug, Clone, Default)]
pub(crate) struct Silence {
    noticed: Arc<Mutex<Option<Instant>>>,
}

impl Silence {
    /// Waits for an answer, so long and no longer.
    pub(crate) async fn listen<T>(
        &self,
        patience: Duration,
        answer: impl Future<Output = Result<T, DbErr>>,
    ) -> Result<T, DbErr> {
        match timeout(patience, answer).await {
            Ok(answer) => answer,
            Err(_) => {
                *self.noticed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
                let text = format!("no answer within {} ms", patience.as_millis());
                Err(DbErr::Conn(RuntimeErr::Internal(text)))
            }
        }
    }

    /// For a pool, when a connection is taken from it or comes back: an error makes it drop the connection.
    pub(crate) fn examine<'c>(&self, connection: &'c mut PgConnection) -> BoxFuture<'c, sqlx::Result<bool>> {
        let noticed = *self.noticed.lock().unwrap_or_else(PoisonError::into_inner);
        let is_suspected = noticed.is_some_and(|noticed| noticed.elapsed() < SUSPICION);
        Box::pin(async move {
            if is_suspected {
                let silent = |_| sqlx::Error::Protocol("the connection is silent".to_owned());
                timeout(SIGN_OF_LIFE, connection.ping()).await.map_err(silent)??;
            }
            Ok(true)
        })
    }
}

/// A transaction in which no answer is waited for without an end.
#[derive(Debug)]
pub(crate) struct Bounded {
    inner: DatabaseTransaction,
    silence: Silence,
    patience: Duration,
    /// Done before anything else is.
    deferred: Mutex<Vec<Deferred>>,
}

impl Bounded {
    pub(crate) fn new(inner: DatabaseTransaction, silence: Silence, patience: Duration) -> Self {
        Self { inner, silence, patience, deferred: Mutex::default() }
    }

    pub(crate) fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Leaves a write until the transaction goes on to something else.
    pub(crate) fn defer(&self, write: Deferred) {
        self.deferred.lock().unwrap_or_else(PoisonError::into_inner).push(write);
    }

    /// Does the writes that wait.
    pub(crate) async fn flush(&self) -> Result<(), DbErr> {
        let deferred = std::mem::take(&mut *self.deferred.lock().unwrap_or_else(PoisonError::into_inner));
        if deferred.is_empty() {
            return Ok(());
        }
        let races = deferred::races(&deferred);
        for statement in deferred::statements(deferred) {
            let written = self.silence.listen(self.patience, self.inner.execute_raw(statement)).await;
            written.map_err(|error| if is_lost_race(&error, &races) { LOST_RACE } else { error })?;
        }
        Ok(())
    }

    /// Nothing may wait to be written any more.
    pub(crate) async fn commit(self) -> Result<(), DbErr> {
        self.silence.listen(self.patience, self.inner.commit()).await
    }

    pub(crate) async fn rollback(self) -> Result<(), DbErr> {
        self.silence.listen(self.patience, self.inner.rollback()).await
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Bounded {
    fn get_database_backend(&self) -> DatabaseBackend {
        self.inner.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.flush().await?;
        self.silence.listen(self.patience, self.inner.execute_raw(statement)).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.flush().await?;
        self.silence.listen(self.patience, self.inner.execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.flush().await?;
        self.silence.listen(self.patience, self.inner.query_one_raw(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.flush().await?;
        self.silence.listen(self.patience, self.inner.query_all_raw(statement)).await
    }
}
