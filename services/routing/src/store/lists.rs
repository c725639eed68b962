//! Plans as people ask for them.

use chrono::{DateTime, Utc};
use qm_database::{Database, Result, TenantSet};
use qm_ids::{OrderId, TenantId};
use sea_orm::{
    ColumnTrait as _, ExprTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, sea_query::Expr,
};

use super::{
    entity::{
        announcement,
        plan::{self, Column},
    },
    plans,
};

/// Most plans of one order that are listed: the newest ones.
const MAX_LISTED: u64 = 200;

/// A plan and what was announced of it.
#[derive(Debug, Clone)]
pub struct Listed {
    /// When it was made.
    pub planned_at: DateTime<Utc>,
    /// What was announced.
    pub announcement: announcement::Model,
}

/// Counts of a tenant.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Plans by outcome.
    pub outcomes: Vec<(String, i64)>,
    /// Planned cost of the plans that stand, minor units.
    pub cost_minor: i64,
}

/// An order's plans, oldest first.
pub async fn plans_of(database: &Database, tenant: TenantId, order: OrderId) -> Result<Vec<Listed>> {
    let tx = database.read(&TenantSet::one(tenant)).await?;
    let mut rows = tx
        .find::<plan::Entity>()
        .filter(Column::OrderId.eq(order))
        .filter(Column::PlannedAt.is_not_null())
        .order_by_desc(Column::Attempt)
        .limit(MAX_LISTED)
        .all(tx.conn())
        .await?;
    rows.reverse();
    let mut told = plans::announcements(&tx, rows.iter().map(|row| (row.tenant_id, row.plan_id))).await?;
    let listed = rows.into_iter().filter_map(|row| {
        let announcement = told.remove(&(row.tenant_id, row.plan_id))?;
        Some(Listed { planned_at: row.planned_at?, announcement })
    });
    Ok(listed.collect())
}

/// Counts plans. Reads an index entry of every plan of the tenant, so it is for summaries and not for dashboards.
pub async fn summary(database: &Database, tenant: TenantId) -> Result<Summary> {
    let tx = database.read(&TenantSet::one(tenant)).await?;
    let rows: Vec<(String, Option<String>, i64, i64)> = tx
        .find::<plan::Entity>()
        .filter(Column::PlannedAt.is_not_null())
        .select_only()
        .column(Column::Outcome)
        .column(Column::EndedBy)
        .column_as(Column::Outcome.count(), "plans")
        // PostgreSQL sums bigints as numeric.
        .column_as(Expr::col(Column::CostMinor).sum().cast_as("bigint"), "cost_minor")
        .group_by(Column::Outcome)
        .group_by(Column::EndedBy)
        .into_tuple()
        .all(tx.conn())
        .await?;
    let mut summary = Summary::default();
    for (outcome, ended_by, plans, cost_minor) in rows {
        summary.outcomes.push((outcome, plans));
        if ended_by.is_none() {
            summary.cost_minor = summary.cost_minor.saturating_add(cost_minor);
        }
    }
    Ok(summary)
}
