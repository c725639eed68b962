//! Every plan, for audits.

use qm_database::{Database, Result};
use qm_ids::TenantId;
use sea_orm::{
    ColumnTrait as _, ExprTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, sea_query::Expr,
};

use super::{
    entity::{
        announcement,
        plan::{self, Column},
    },
    plans::{self, Key},
};
use crate::domain::Plan;

/// Plans read at a time.
const BATCH: u64 = 500;

/// A plan and what was announced of it.
#[derive(Debug)]
pub struct Examined<'r> {
    /// The plan.
    pub plan: &'r Plan,
    /// What was announced; none for a tombstone.
    pub announcement: Option<&'r announcement::Model>,
}

/// Calls `examine` with every plan, of one tenant or of all.
pub async fn each_plan(
    database: &Database,
    tenant: Option<TenantId>,
    mut examine: impl FnMut(Examined<'_>) + Send,
) -> Result<()> {
    let mut after: Option<Key> = None;
    loop {
        let tx = database.audit().await?;
        let mut select = tx.find::<plan::Entity>();
        if let Some(tenant) = tenant {
            select = select.filter(Column::TenantId.eq(tenant));
        }
        if let Some((tenant, id)) = after {
            let row = Expr::tuple([Column::TenantId.into_expr(), Column::PlanId.into_expr()]);
            select =
                select.filter(row.gt(Expr::tuple([Expr::val(tenant.as_uuid()), Expr::val(id.as_uuid())])));
        }
        let rows = select
            .order_by_asc(Column::TenantId)
            .order_by_asc(Column::PlanId)
            .limit(BATCH)
            .all(tx.conn())
            .await?;
        let keys: Vec<Key> = rows.iter().map(|row| (row.tenant_id, row.plan_id)).collect();
        let announcements = plans::announcements(&tx, keys.iter().copied()).await?;
        for (key, plan) in &plans::assemble(&tx, rows).await? {
            examine(Examined { plan, announcement: announcements.get(key) });
        }
        match keys.last() {
            Some(last) if keys.len() as u64 == BATCH => after = Some(*last),
            _ => return Ok(()),
        }
    }
}
