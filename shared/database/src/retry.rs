//! Transactions that are tried again when another was in the way.

use std::{marker::PhantomData, time::Duration};

use futures::future::BoxFuture;

use crate::{Database, Error, Result, TenantSet, Tx};

/// How often a transaction is tried before its conflict is reported.
pub const MAX_TRIES: u32 = 8;

/// An error that can tell whether its transaction is worth another try.
pub trait Retryable {
    /// True when the same transaction tried again may succeed.
    fn is_retryable(&self) -> bool;
}

impl Retryable for Error {
    fn is_retryable(&self) -> bool {
        Error::is_retryable(self)
    }
}

/// A transaction inside [`Database::write`]. The second lifetime is that of what the work borrows; it lives at least as
/// long as the transaction, which a plain reference in the signature could not say.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'t, 'env> {
    tx: &'t Tx,
    borrowed: PhantomData<&'t &'env ()>,
}

impl<'t> Attempt<'t, '_> {
    /// The transaction.
    pub fn tx(self) -> &'t Tx {
        self.tx
    }
}

impl Database {
    /// Runs `work` in a write transaction for `tenants` and commits it; starts over, at most [`MAX_TRIES`] times in all,
    /// when another transaction was in the way. `work` must therefore have no effect outside the transaction.
    pub async fn write<'env, T, E>(
        &self,
        tenants: &TenantSet,
        work: impl for<'t> Fn(Attempt<'t, 'env>) -> BoxFuture<'t, Result<T, E>> + Send + Sync,
    ) -> Result<T, E>
    where
        E: From<Error> + Retryable,
    {
        let mut tries = 1;
        loop {
            let error = match self.try_write(tenants, &work).await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            if tries >= MAX_TRIES || !error.is_retryable() {
                return Err(error);
            }
            // Grows so that two batches that keep meeting fall out of step.
            tokio::time::sleep(Duration::from_millis(1 << tries)).await;
            tries += 1;
        }
    }

    async fn try_write<'env, T, E>(
        &self,
        tenants: &TenantSet,
        work: &(impl for<'t> Fn(Attempt<'t, 'env>) -> BoxFuture<'t, Result<T, E>> + Send + Sync),
    ) -> Result<T, E>
    where
        E: From<Error> + Retryable,
    {
        let tx = self.begin(tenants).await?;
        let value = work(Attempt { tx: &tx, borrowed: PhantomData }).await?;
        tx.commit().await?;
        Ok(value)
    }
}
