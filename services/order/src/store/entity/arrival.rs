//! What arrived of items, as far as it woke nobody yet.

use chrono::{DateTime, Utc};
use qm_database::TenantEntity;
use qm_ids::{ItemId, TenantId};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "arrival")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub item_id: ItemId,
    /// When an arrival was handled last; none when the item never arrived.
    pub latest_at: Option<DateTime<Utc>>,
    /// Units that are still to wake those who wait.
    pub unserved: i64,
    /// A JSON array of [from, until, units] lists.
    pub spare: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TenantEntity for Entity {
    fn tenant_column() -> Column {
        Column::TenantId
    }

    fn key_column() -> Column {
        Column::ItemId
    }
}
