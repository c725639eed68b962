//! Which events of the history the bus has not acknowledged yet.

use chrono::{DateTime, Utc};
use qm_database::TenantEntity;
use qm_ids::{EventId, TenantId};
use sea_orm::entity::prelude::*;

/// Events that a transaction wrote together: a row for each event would be written, and deleted a moment later, at the
/// price of the event itself.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "outbox")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    /// The first of them.
    #[sea_orm(primary_key, auto_increment = false)]
    pub event_id: EventId,
    /// All of them, 16 bytes each, in their order.
    pub event_ids: Vec<u8>,
    pub event_count: i32,
    /// The process that publishes them: the one that wrote them, or one that took over.
    pub owner: Uuid,
    pub written_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TenantEntity for Entity {
    fn tenant_column() -> Column {
        Column::TenantId
    }

    fn key_column() -> Column {
        Column::EventId
    }
}
