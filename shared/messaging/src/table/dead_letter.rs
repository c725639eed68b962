//! Messages that a consumer gave up on, whole, so that they can be replayed.

use chrono::{DateTime, Utc};
use qm_database::TenantEntity;
use qm_ids::TenantId;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "dead_letter")]
pub struct Model {
    /// The nil tenant when the envelope itself is malformed.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub consumer: String,
    /// The bus's id of the message; the event's id unless the envelope is malformed.
    #[sea_orm(primary_key, auto_increment = false)]
    pub message_id: String,
    /// Names the row; for [`TenantEntity`].
    pub dead_letter_id: Uuid,
    pub subject: String,
    /// A JSON array of [name, value] pairs.
    pub headers: String,
    pub payload: Vec<u8>,
    pub error: String,
    pub deliveries: i32,
    pub dead_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TenantEntity for Entity {
    fn tenant_column() -> Column {
        Column::TenantId
    }

    fn key_column() -> Column {
        Column::DeadLetterId
    }
}
