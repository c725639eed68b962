//! Everything that happened to orders, with cause and actor. Append only.

use chrono::{DateTime, Utc};
use qm_database::TenantEntity;
use qm_ids::{EventId, OrderId, TenantId};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "timeline")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub order_id: OrderId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub sequence: i64,
    pub command: String,
    pub outcome: String,
    pub cause_event_id: Option<EventId>,
    pub actor_kind: String,
    pub actor_id: String,
    pub at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TenantEntity for Entity {
    fn tenant_column() -> Column {
        Column::TenantId
    }

    fn key_column() -> Column {
        Column::OrderId
    }
}
