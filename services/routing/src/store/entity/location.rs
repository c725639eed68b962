//! Locations, replicated from inventory.

use qm_database::TenantEntity;
use qm_ids::{LocationId, TenantId};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "location")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub location_id: LocationId,
    pub code: String,
    pub kind: String,
    /// Absent, with the longitude, when nobody said where it is.
    pub latitude: Option<f64>,
    pub longitude: Option<f64>,
    pub time_zone: String,
    /// HH:MM.
    pub cutoff_local: String,
    pub lead_days: i32,
    /// 0 for no limit.
    pub capacity_per_day: i32,
    pub handling_order_minor: i64,
    pub handling_unit_minor: i64,
    pub can_ship: bool,
    pub can_pickup: bool,
    /// JSON list.
    pub storage_classes: String,
    /// JSON list.
    pub compliance_classes: String,
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
