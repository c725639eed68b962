//! The ledger. Append only.

use chrono::{DateTime, Utc};
use qm_database::TenantEntity;
use qm_ids::{MovementId, TenantId};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "movement")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub stock_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub movement_id: MovementId,
    pub kind: String,
    pub sellable_delta: i64,
    pub allocated_delta: i64,
    pub soft_reserved_delta: i64,
    pub reason: String,
    pub reference: String,
    pub actor_kind: String,
    pub actor_id: String,
    pub occurred_at: DateTime<Utc>,
    pub recorded_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TenantEntity for Entity {
    fn tenant_column() -> Column {
        Column::TenantId
    }

    fn key_column() -> Column {
        Column::StockId
    }
}
