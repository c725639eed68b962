//! A transaction with its scope, and the selects that cannot leave it.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use qm_ids::TenantId;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DatabaseBackend, EntityTrait, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, Select,
    sea_query::{SimpleExpr, Value},
};
use uuid::Uuid;

use crate::{
    CommitUnknown, Error, Result, SharedFaults, TenantEntity,
    deferred::Deferred,
    keys::{self, TUPLES_PER_STATEMENT, pair},
    scope::Scope,
    silence::Bounded,
};

type Hook = Box<dyn FnOnce() + Send>;

/// A transaction. Dropping it rolls it back.
pub struct Tx {
    inner: Bounded,
    scope: Scope,
    hooks: Mutex<Vec<Hook>>,
    faults: Option<SharedFaults>,
}

impl std::fmt::Debug for Tx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tx").field("scope", &self.scope).finish_non_exhaustive()
    }
}

impl Tx {
    pub(crate) fn new(inner: Bounded, scope: Scope, faults: Option<SharedFaults>) -> Self {
        Self { inner, scope, hooks: Mutex::default(), faults }
    }

    /// The same transaction, whose statements may take longer.
    pub(crate) fn with_patience(self, patience: Duration) -> Self {
        Self { inner: self.inner.with_patience(patience), ..self }
    }

    pub(crate) fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The connection, for statements that this type has no word for. They must name the tenant themselves.
    pub fn conn(&self) -> &impl ConnectionTrait {
        &self.inner
    }

    /// Which database this is.
    pub fn backend(&self) -> DatabaseBackend {
        self.inner.get_database_backend()
    }

    /// True when rows of `tenant` are within the scope.
    pub fn covers(&self, tenant: TenantId) -> bool {
        match &self.scope {
            Scope::Tenants(tenants) => tenants.contains(tenant),
            Scope::System => true,
        }
    }

    /// Selects rows of the transaction's tenants. The only way that services select.
    pub fn find<E: TenantEntity>(&self) -> Select<E> {
        match &self.scope {
            Scope::Tenants(tenants) => E::find().filter(match tenants.only() {
                // The plain form, so that an index on tenant and more gives its order.
                Some(tenant) => E::tenant_column().eq(tenant),
                None => self.is_one_of::<E, 1>(
                    [E::tenant_column()],
                    tenants.iter().map(|tenant| [Value::from(tenant.as_uuid())]),
                ),
            }),
            Scope::System => E::find(),
        }
    }

    /// `(columns…) IN (tuples…)`, for summaries and audits: what a request or an event waits for is better served by
    /// [`find_tuples`](Self::find_tuples).
    pub fn is_one_of<E: EntityTrait, const N: usize>(
        &self,
        columns: [E::Column; N],
        tuples: impl IntoIterator<Item = [Value; N]>,
    ) -> SimpleExpr {
        keys::is_one_of::<E, N>(self.backend(), columns, tuples)
    }

    /// `(tenant, column) IN (pairs…)`, for the same.
    pub fn is_one_of_pairs<E: TenantEntity>(
        &self,
        column: E::Column,
        pairs: &[(TenantId, Uuid)],
    ) -> SimpleExpr {
        self.is_one_of::<E, 2>([E::tenant_column(), column], pairs.iter().map(pair))
    }

    /// The rows with these tuples in these columns, which an index must begin with, narrowed as asked. With the tenant among
    /// them each row matches its own tenant, also in a batch that mixes them. Order is not defined.
    pub async fn find_tuples<E: TenantEntity, const N: usize>(
        &self,
        columns: [E::Column; N],
        tuples: &[[Value; N]],
        narrow: impl Fn(Select<E>) -> Select<E>,
    ) -> Result<Vec<E::Model>> {
        let mut rows = Vec::with_capacity(tuples.len());
        for chunk in tuples.chunks(TUPLES_PER_STATEMENT) {
            let select = narrow(self.find::<E>());
            let tuples = chunk.iter().cloned();
            rows.extend(if self.backend() == DatabaseBackend::Postgres {
                let lookup = keys::lookup::<E, N>(select, columns, tuples);
                E::find().from_raw_sql(lookup).all(&self.inner).await?
            } else {
                select.filter(self.is_one_of::<E, N>(columns, tuples)).all(&self.inner).await?
            });
        }
        Ok(rows)
    }

    /// The rows of a tenant with these names in a column of text, which an index on tenant and column must begin with.
    pub async fn find_names<E: TenantEntity>(
        &self,
        column: E::Column,
        tenant: TenantId,
        names: &[&str],
    ) -> Result<Vec<E::Model>> {
        let tuples: Vec<_> =
            names.iter().map(|name| [Value::from(tenant.as_uuid()), Value::from(*name)]).collect();
        self.find_tuples::<E, 2>([E::tenant_column(), column], &tuples, |select| select).await
    }

    /// The rows with these (tenant, `column`) pairs, which an index must begin with, narrowed as asked. Order is not
    /// defined.
    pub async fn find_pairs<E: TenantEntity>(
        &self,
        column: E::Column,
        pairs: &[(TenantId, Uuid)],
        narrow: impl Fn(Select<E>) -> Select<E>,
    ) -> Result<Vec<E::Model>> {
        let tuples: Vec<_> = pairs.iter().map(pair).collect();
        self.find_tuples::<E, 2>([E::tenant_column(), column], &tuples, narrow).await
    }

    /// The one row that each of these tenants has in a table, such as a counter, locked until the transaction ends. What a
    /// tenant does not have yet is made first.
    pub async fn lock_own<E: TenantEntity>(
        &self,
        tenants: impl IntoIterator<Item = TenantId>,
        fresh: impl Fn(TenantId) -> E::Model,
    ) -> Result<Vec<E::Model>> {
        let keys: BTreeSet<_> = tenants.into_iter().map(|tenant| (tenant, tenant.as_uuid())).collect();
        let keys: Vec<_> = keys.into_iter().collect();
        let found = self.find_keys_for_update::<E>(&keys).await?;
        if found.len() == keys.len() {
            return Ok(found);
        }
        self.insert_ignore_many::<E>(keys.iter().map(|(tenant, _)| fresh(*tenant)).collect()).await?;
        self.find_keys_for_update::<E>(&keys).await
    }

    /// The rows with these (tenant, key) pairs, in that order of keys. Rows that do not exist are left out.
    pub async fn find_keys<E: TenantEntity>(&self, keys: &[(TenantId, Uuid)]) -> Result<Vec<E::Model>> {
        self.find_keys_with::<E>(keys, false).await
    }

    /// The same, each row locked until the transaction ends. Locking in key order keeps two batches from deadlocking.
    /// On SQLite the write transaction itself is the lock.
    pub async fn find_keys_for_update<E: TenantEntity>(
        &self,
        keys: &[(TenantId, Uuid)],
    ) -> Result<Vec<E::Model>> {
        self.find_keys_with::<E>(keys, true).await
    }

    async fn find_keys_with<E: TenantEntity>(
        &self,
        keys: &[(TenantId, Uuid)],
        lock: bool,
    ) -> Result<Vec<E::Model>> {
        let mut keys = keys.to_vec();
        keys.sort_unstable();
        keys.dedup();
        self.find_pairs::<E>(E::key_column(), &keys, |select| {
            // Where each key is looked up by itself, their order is that of the rows and of the locks.
            if self.backend() == DatabaseBackend::Postgres {
                return if lock { select.lock_exclusive() } else { select };
            }
            select.order_by_asc(E::tenant_column()).order_by_asc(E::key_column())
        })
        .await
    }

    /// Runs `hook` once the transaction is committed; never if it is not.
    pub fn after_commit(&self, hook: impl FnOnce() + Send + 'static) {
        self.hooks.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(hook));
    }

    /// Does the writes that wait. For whoever must know now whether a row was refused: else it is the next statement, or
    /// the commit, that fails.
    pub async fn flush(&self) -> Result<()> {
        Ok(self.inner.flush().await?)
    }

    pub(crate) fn defer(&self, write: Deferred) {
        self.inner.defer(write);
    }

    /// Makes the change stand, then runs what waited for it.
    pub async fn commit(self) -> Result<()> {
        self.flush().await?;
        if let Some(fault) = self.faults.as_ref().and_then(|faults| faults.at_commit()) {
            if fault.stands() {
                self.inner.commit().await?;
            } else {
                self.inner.rollback().await?;
            }
            return Err(fault.into());
        }
        match self.inner.commit().await {
            Ok(()) => {}
            Err(error) => {
                return Err(match Error::from(error) {
                    // The commit was sent: whether it arrived is not known.
                    Error::Unavailable(source) => CommitUnknown { source }.into(),
                    other => other,
                });
            }
        }
        for hook in self.hooks.into_inner().unwrap_or_else(PoisonError::into_inner) {
            hook();
        }
        Ok(())
    }
}
