//! Everything that changed fulfilments, with cause and actor. Append only.

use chrono::{DateTime, Utc};
use qm_database::TenantEntity;
use qm_ids::{EventId, FulfilmentId, TenantId};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "journal")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub fulfilment_id: FulfilmentId,
    /// Of the fulfilment after the change.
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: i64,
    pub command: String,
    pub note: String,
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
        Column::FulfilmentId
    }
}
