//! Stock: one row for each item at each location.

use qm_database::TenantEntity;
use qm_ids::{ItemId, LocationId, TenantId};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "stock")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub stock_id: Uuid,
    pub item_id: ItemId,
    pub location_id: LocationId,
    pub sellable: i64,
    pub quarantine: i64,
    pub damaged: i64,
    pub soft_reserved: i64,
    pub allocated: i64,
    pub safety: i64,
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
        Column::StockId
    }
}
