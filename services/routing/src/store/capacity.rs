//! How much of the locations' days is taken.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::NaiveDate;
use qm_database::{Database, Result, Tx, keys};
use qm_ids::{LocationId, TenantId};
use sea_orm::{
    ColumnTrait as _, ExprTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, sea_query::Expr,
};

use super::entity::{
    capacity_claim,
    capacity_day::{Column, Entity, Model},
    planner,
};

/// Days read at a time by the audit.
const BATCH: u64 = 500;

/// A location's day.
pub type Day = (TenantId, LocationId, NaiveDate);

/// Makes the transaction the only one that gives days of these tenants' locations away.
pub async fn lock_planning(tx: &Tx, tenants: &BTreeSet<TenantId>) -> Result<()> {
    tx.lock_own::<planner::Entity>(tenants.iter().copied(), |tenant_id| planner::Model { tenant_id }).await?;
    Ok(())
}

/// Claims that stand, by location and local date, of these locations from a date on.
pub async fn claimed(
    tx: &Tx,
    wanted: &BTreeSet<(TenantId, LocationId)>,
    from: NaiveDate,
) -> Result<Vec<(Day, i64)>> {
    let pairs = keys(wanted.iter().copied());
    let is_ahead = |select: sea_orm::Select<Entity>| select.filter(Column::ShipDate.gte(from));
    let rows = tx.find_pairs::<Entity>(Column::LocationId, &pairs, is_ahead).await?;
    Ok(rows.into_iter().map(|row| ((row.tenant_id, row.location_id, row.ship_date), row.taken)).collect())
}

/// Counts claims that were made (more) or ended (fewer) on days. They are counted in the order of days, so that two
/// transactions wait for each other in one order.
pub(super) async fn count(tx: &Tx, changes: BTreeMap<Day, i64>) -> Result<()> {
    let rows = changes
        .into_iter()
        .filter(|(_, more)| *more != 0)
        .map(|((tenant_id, location_id, ship_date), taken)| Model {
            tenant_id,
            location_id,
            ship_date,
            taken,
        })
        .collect();
    tx.add_many::<Entity>(rows, Column::Taken).await
}

/// Calls `found` with each day that was ever claimed, what its counter says, and how many claims stand.
pub async fn each_day(
    database: &Database,
    tenant: Option<TenantId>,
    mut found: impl FnMut(Day, i64, i64) + Send,
) -> Result<()> {
    let mut after: Option<Day> = None;
    loop {
        // Both in one snapshot, so that they agree also while orders are planned.
        let tx = database.read_system().await?;
        let mut select = tx.find::<Entity>();
        if let Some(tenant) = tenant {
            select = select.filter(Column::TenantId.eq(tenant));
        }
        if let Some((tenant, location, date)) = after {
            let row = [Column::TenantId, Column::LocationId, Column::ShipDate].map(|it| it.into_expr());
            let last = [Expr::val(tenant.as_uuid()), Expr::val(location.as_uuid()), Expr::val(date)];
            select = select.filter(Expr::tuple(row).gt(Expr::tuple(last)));
        }
        let rows = select
            .order_by_asc(Column::TenantId)
            .order_by_asc(Column::LocationId)
            .order_by_asc(Column::ShipDate)
            .limit(BATCH)
            .all(tx.conn())
            .await?;
        let standing = standing(&tx, &rows).await?;
        for row in &rows {
            let day = (row.tenant_id, row.location_id, row.ship_date);
            found(day, row.taken, standing.get(&day).copied().unwrap_or(0));
        }
        match rows.last() {
            Some(last) if rows.len() as u64 == BATCH => {
                after = Some((last.tenant_id, last.location_id, last.ship_date));
            }
            _ => return Ok(()),
        }
    }
}

/// How many claims stand on these days.
async fn standing(tx: &Tx, days: &[Model]) -> Result<HashMap<Day, i64>> {
    use capacity_claim::{Column, Entity};
    if days.is_empty() {
        return Ok(HashMap::new());
    }
    let columns = [Column::TenantId, Column::LocationId, Column::ShipDate];
    let wanted =
        days.iter().map(|day| [day.tenant_id.as_uuid().into(), day.location_id.into(), day.ship_date.into()]);
    let rows: Vec<(TenantId, LocationId, NaiveDate, i64)> = tx
        .find::<Entity>()
        .filter(tx.is_one_of::<Entity, 3>(columns, wanted))
        .filter(Column::EndedAt.is_null())
        .select_only()
        .columns(columns)
        .column_as(Column::ShipDate.count(), "claims")
        .group_by(Column::TenantId)
        .group_by(Column::LocationId)
        .group_by(Column::ShipDate)
        .into_tuple()
        .all(tx.conn())
        .await?;
    Ok(rows.into_iter().map(|(tenant, location, date, claims)| ((tenant, location, date), claims)).collect())
}
