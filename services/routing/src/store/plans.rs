//! Plans by key, with their claims, and what was announced of them.

use std::collections::{BTreeMap, HashMap};

use qm_database::{Result, Tx, keys};
use qm_ids::{PlanId, TenantId};

use super::{
    capacity::{self, Day},
    convert,
    entity::{announcement, capacity_claim, plan},
};
use crate::domain::Plan;

/// A plan of a tenant.
pub type Key = (TenantId, PlanId);

/// Loads plans with their claims for a change. The plans' rows are locked in key order; claims belong to whoever holds
/// the plan.
pub async fn lock_many(tx: &Tx, wanted: impl IntoIterator<Item = Key>) -> Result<BTreeMap<Key, Plan>> {
    let rows = tx.find_keys_for_update::<plan::Entity>(&keys(wanted)).await?;
    assemble(tx, rows).await
}

/// Puts plans together with their claims.
pub(super) async fn assemble(tx: &Tx, rows: Vec<plan::Model>) -> Result<BTreeMap<Key, Plan>> {
    if rows.is_empty() {
        return Ok(BTreeMap::new());
    }
    let keys = keys(rows.iter().map(|row| (row.tenant_id, row.plan_id)));
    let mut claims: HashMap<Key, Vec<capacity_claim::Model>> = HashMap::new();
    for row in tx.find_keys::<capacity_claim::Entity>(&keys).await? {
        claims.entry((row.tenant_id, row.plan_id)).or_default().push(row);
    }
    rows.into_iter()
        .map(|row| {
            let key = (row.tenant_id, row.plan_id);
            Ok((key, convert::plan(row, claims.remove(&key).unwrap_or_default())?))
        })
        .collect()
}

/// What was announced of plans.
pub async fn announcements(
    tx: &Tx,
    wanted: impl IntoIterator<Item = Key>,
) -> Result<HashMap<Key, announcement::Model>> {
    let rows = tx.find_keys::<announcement::Entity>(&keys(wanted)).await?;
    Ok(rows.into_iter().map(|row| ((row.tenant_id, row.plan_id), row)).collect())
}

/// Writes what was announced of plans that were saved.
pub async fn insert(tx: &Tx, announcements: Vec<announcement::Model>) -> Result<()> {
    tx.insert_many::<announcement::Entity>(announcements).await
}

/// Writes what was announced of plans that were saved, in place of what was known of it.
pub async fn replace(tx: &Tx, announcements: Vec<announcement::Model>) -> Result<()> {
    tx.upsert_many::<announcement::Entity>(announcements).await
}

/// Writes plans after a change: what changed since `before`, each table at once. Of two transactions that bring the same
/// plan, one starts over and then finds the other's.
pub async fn save(tx: &Tx, before: &BTreeMap<Key, Plan>, after: &BTreeMap<Key, Plan>) -> Result<()> {
    let (mut new, mut changed, mut claims) = (Vec::new(), Vec::new(), Vec::new());
    let mut days: BTreeMap<Day, i64> = BTreeMap::new();
    for (key, plan) in after {
        let (row, claim_rows) = (convert::plan_row(plan)?, convert::claim_rows(plan)?);
        match before.get(key) {
            None => new.push(row),
            Some(old) if convert::plan_row(old)? != row => changed.push(row),
            Some(_) => {}
        }
        let known = before.get(key).map(convert::claim_rows).transpose()?.unwrap_or_default();
        for (rows, change) in [(&claim_rows, 1), (&known, -1)] {
            for row in rows.iter().filter(|row| row.ended_at.is_none()) {
                *days.entry((row.tenant_id, row.location_id, row.ship_date)).or_default() += change;
            }
        }
        claims.extend(claim_rows.into_iter().filter(|row| !known.contains(row)));
    }
    tx.insert_first_many::<plan::Entity>(new).await?;
    tx.upsert_many::<plan::Entity>(changed).await?;
    tx.upsert_many::<capacity_claim::Entity>(claims).await?;
    capacity::count(tx, days).await
}
