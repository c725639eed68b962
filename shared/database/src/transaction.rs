//! A transaction with its scope, and the selects that cannot leave it.

use std::sync::{Mutex, PoisonError};

use qm_ids::{Id, TenantId};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DatabaseBackend, DatabaseTransaction, ExprTrait as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, Select,
    sea_query::{Expr, SimpleExpr, Value, ValueTuple},
};
use uuid::Uuid;

use crate::{CommitUnknown, Error, Result, TenantEntity, scope::Scope};

/// Keys in one `IN (…)` list. PostgreSQL plans a list of rows as a tree of conditions, which some ten thousand overflow;
/// SQLite allows 32,766 binds.
pub(crate) const KEYS_PER_STATEMENT: usize = 1_000;

type Hook = Box<dyn FnOnce() + Send>;

/// A transaction. Dropping it rolls it back.
pub struct Tx {
    inner: DatabaseTransaction,
    scope: Scope,
    hooks: Mutex<Vec<Hook>>,
}

impl std::fmt::Debug for Tx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tx").field("scope", &self.scope).finish_non_exhaustive()
    }
}

impl Tx {
    pub(crate) fn new(inner: DatabaseTransaction, scope: Scope) -> Self {
        Self { inner, scope, hooks: Mutex::default() }
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
            Scope::Tenants(tenants) => E::find().filter(E::tenant_column().is_in(tenants.iter())),
            Scope::System => E::find(),
        }
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
        let mut rows = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(KEYS_PER_STATEMENT) {
            let select = self
                .find::<E>()
                .filter(is_one_of::<E>(chunk))
                .order_by_asc(E::tenant_column())
                .order_by_asc(E::key_column());
            let select = if lock { select.lock_exclusive() } else { select };
            rows.extend(select.all(&self.inner).await?);
        }
        Ok(rows)
    }

    /// Runs `hook` once the transaction is committed; never if it is not.
    pub fn after_commit(&self, hook: impl FnOnce() + Send + 'static) {
        self.hooks.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(hook));
    }

    /// Makes the change stand, then runs what waited for it.
    pub async fn commit(self) -> Result<()> {
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

/// `(tenant, key) IN ((…), …)`: every row matches its own tenant, also in a batch that mixes them.
pub(crate) fn is_one_of<E: TenantEntity>(keys: &[(TenantId, Uuid)]) -> SimpleExpr {
    let columns = Expr::tuple([E::tenant_column().into_expr(), E::key_column().into_expr()]);
    columns.in_tuples(
        keys.iter().map(|(tenant, key)| {
            ValueTuple::Two(Value::Uuid(Some(tenant.as_uuid())), Value::Uuid(Some(*key)))
        }),
    )
}

/// Turns typed ids into the keys that [`Tx::find_keys`] takes.
pub fn keys<T: Id>(ids: impl IntoIterator<Item = (TenantId, T)>) -> Vec<(TenantId, Uuid)> {
    ids.into_iter().map(|(tenant, id)| (tenant, id.as_uuid())).collect()
}
