//! Boxes.

use qm_database::TenantEntity;
use qm_ids::{FulfilmentId, ParcelId, TenantId};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "parcel")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub fulfilment_id: FulfilmentId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub parcel_id: ParcelId,
    pub position: i32,
    /// A JSON array of [line, item, quantity].
    pub units: String,
    pub weight_grams: i64,
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
