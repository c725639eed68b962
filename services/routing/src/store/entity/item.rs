//! Items, replicated from inventory.

use qm_database::TenantEntity;
use qm_ids::{ItemId, TenantId};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "item")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub item_id: ItemId,
    /// Of one unit.
    pub weight_grams: i64,
    pub storage_class: String,
    /// Empty for none.
    pub compliance_class: String,
    pub supply: String,
    pub drop_ship: bool,
    pub version: i64,
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
