//! What a carrier without a will of its own will report, and when.

use chrono::{DateTime, Utc};
use qm_database::TenantEntity;
use qm_ids::{TenantId, TimerId};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "planned_scan")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub scan_id: TimerId,
    pub carrier: String,
    pub tracking_number: String,
    pub carrier_event_id: String,
    pub status: String,
    pub description: String,
    pub place: String,
    pub occurs_at: DateTime<Utc>,
    pub attempts: i32,
    pub last_error: String,
    /// When it is reported; none when that was given up.
    pub due_at: Option<DateTime<Utc>>,
    /// Being reported right now, until `due_at` at most.
    pub is_claimed: bool,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TenantEntity for Entity {
    fn tenant_column() -> Column {
        Column::TenantId
    }

    fn key_column() -> Column {
        Column::ScanId
    }
}
