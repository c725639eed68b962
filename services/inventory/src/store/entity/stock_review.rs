//! Locations that changed, whose stock has to follow.

use chrono::{DateTime, Utc};
use qm_database::TenantEntity;
use qm_ids::{ItemId, LocationId, TenantId};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "stock_review")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub location_id: LocationId,
    /// True when the location takes work that it did not take before.
    pub was_opened: bool,
    /// The rows up to this item have followed; none at the beginning.
    pub after_item_id: Option<ItemId>,
    /// When it was asked for, or its last page was done.
    pub touched_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TenantEntity for Entity {
    fn tenant_column() -> Column {
        Column::TenantId
    }

    fn key_column() -> Column {
        Column::LocationId
    }
}
