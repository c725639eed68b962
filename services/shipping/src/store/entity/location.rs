//! Locations, replicated from inventory.

use qm_database::TenantEntity;
use qm_ids::{LocationId, TenantId};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "location")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub location_id: LocationId,
    pub code: String,
    pub name: String,
    pub postal_code: String,
    pub country: String,
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
        Column::LocationId
    }
}
