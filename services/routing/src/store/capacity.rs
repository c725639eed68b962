//! How much of the locations' days is taken.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use qm_database::{Result, TenantEntity as _, Tx};
use qm_ids::{LocationId, TenantId};
use sea_orm::{
    ColumnTrait as _, ExprTrait as _, QueryFilter as _, QuerySelect as _,
    sea_query::{Expr, ValueTuple},
};

use super::entity::capacity_claim::{Column, Entity};

/// Locations in one list.
const KEYS: usize = 1_000;

/// Claims that count, by location and local date, of these locations from a date on. Whoever is to give days away holds
/// the locations' locks.
pub async fn claimed(
    tx: &Tx,
    wanted: &BTreeSet<(TenantId, LocationId)>,
    from: NaiveDate,
) -> Result<Vec<(TenantId, LocationId, NaiveDate, i64)>> {
    let wanted: Vec<_> = wanted.iter().copied().collect();
    let mut counts = Vec::new();
    for chunk in wanted.chunks(KEYS) {
        let key = Expr::tuple([Entity::tenant_column().into_expr(), Column::LocationId.into_expr()]);
        let pairs = chunk
            .iter()
            .map(|(tenant, location)| ValueTuple::Two(tenant.as_uuid().into(), location.as_uuid().into()));
        let rows: Vec<(TenantId, LocationId, NaiveDate, i64)> = tx
            .find::<Entity>()
            .filter(key.in_tuples(pairs))
            // Says nothing new; without it SQLite would read all claims of the tenant.
            .filter(Column::LocationId.is_in(chunk.iter().map(|(_, location)| *location)))
            .filter(Column::ShipDate.gte(from))
            .filter(Column::EndedAt.is_null())
            .select_only()
            .columns([Column::TenantId, Column::LocationId, Column::ShipDate])
            .column_as(Column::ShipDate.count(), "claims")
            .group_by(Column::TenantId)
            .group_by(Column::LocationId)
            .group_by(Column::ShipDate)
            .into_tuple()
            .all(tx.conn())
            .await?;
        counts.extend(rows);
    }
    Ok(counts)
}
