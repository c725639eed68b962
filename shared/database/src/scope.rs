//! Whose rows a transaction may see.

use std::collections::BTreeSet;

use qm_ids::TenantId;
use sea_orm::EntityTrait;

/// The tenants that a transaction works for. None means no rows at all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TenantSet(BTreeSet<TenantId>);

impl TenantSet {
    /// One tenant.
    pub fn one(tenant: TenantId) -> Self {
        Self(BTreeSet::from([tenant]))
    }

    /// Several tenants, for a batch that mixes them.
    pub fn of(tenants: impl IntoIterator<Item = TenantId>) -> Self {
        Self(tenants.into_iter().collect())
    }

    /// True when the set holds `tenant`.
    pub fn contains(&self, tenant: TenantId) -> bool {
        self.0.contains(&tenant)
    }

    /// The tenants in order.
    pub fn iter(&self) -> impl Iterator<Item = TenantId> + '_ {
        self.0.iter().copied()
    }

    /// The tenant, when there is just one.
    pub(crate) fn only(&self) -> Option<TenantId> {
        self.0.first().copied().filter(|_| self.0.len() == 1)
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The setting that row-level security reads: UUIDs joined by commas.
    pub(crate) fn setting(&self) -> String {
        self.iter().map(|tenant| tenant.as_uuid().to_string()).collect::<Vec<_>>().join(",")
    }
}

/// A table whose rows belong to tenants.
pub trait TenantEntity: EntityTrait {
    /// The column with the tenant, first in every key.
    fn tenant_column() -> Self::Column;

    /// The UUID column that names a row together with the tenant. For child rows it is the parent's id.
    fn key_column() -> Self::Column;
}

/// What a transaction may touch.
#[derive(Debug, Clone)]
pub(crate) enum Scope {
    /// Rows of these tenants.
    Tenants(TenantSet),
    /// Everything: outbox, inbox, timers, audits.
    System,
}
