//! Plans, and the tombstones of those that were let go before they were made.

use chrono::{DateTime, Utc};
use qm_database::TenantEntity;
use qm_ids::{OrderId, PlanId, TenantId};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "plan")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub plan_id: PlanId,
    pub order_id: OrderId,
    pub attempt: i32,
    pub outcome: String,
    pub cost_minor: i64,
    /// JSON: what was let go before the plan was made.
    pub early: String,
    /// Absent in a tombstone.
    pub planned_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    pub ended_by: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TenantEntity for Entity {
    fn tenant_column() -> Column {
        Column::TenantId
    }

    fn key_column() -> Column {
        Column::PlanId
    }
}
