//! The first word about each fulfilment: its request, or a recall that overtook it.

use chrono::{DateTime, Utc};
use qm_database::TenantEntity;
use qm_ids::{FulfilmentId, OrderId, TenantId};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "arrival")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub fulfilment_id: FulfilmentId,
    pub order_id: OrderId,
    /// True when the recall came first.
    pub is_recalled: bool,
    /// The recall's reason.
    pub reason: String,
    pub arrived_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TenantEntity for Entity {
    fn tenant_column() -> Column {
        Column::TenantId
    }

    fn key_column() -> Column {
        Column::FulfilmentId
    }
}
