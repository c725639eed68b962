//! Locations.

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
    pub kind: String,
    /// JSON; none when it was not given.
    pub address: Option<String>,
    pub time_zone: String,
    pub cutoff_local: String,
    pub lead_days: i32,
    pub capacity_per_day: i32,
    pub handling_order_minor: i64,
    pub handling_unit_minor: i64,
    pub can_ship: bool,
    pub can_pickup: bool,
    /// A JSON array.
    pub storage_classes: String,
    /// A JSON array.
    pub compliance_classes: String,
    pub safety_units: i64,
    pub active: bool,
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
