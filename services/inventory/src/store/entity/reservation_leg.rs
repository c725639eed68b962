//! Legs: the units of one line that a reservation claims at one location.

use chrono::NaiveDate;
use qm_database::TenantEntity;
use qm_ids::{ItemId, LineId, LocationId, ReservationId, TenantId};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "reservation_leg")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub reservation_id: ReservationId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub leg: i32,
    /// Its stock row, also when it is not stocked.
    pub stock_id: Uuid,
    pub location_id: LocationId,
    pub line_id: LineId,
    pub item_id: ItemId,
    pub quantity: i64,
    pub released: i64,
    pub issued: i64,
    pub broken: i64,
    /// `quantity - released - issued - broken`, for indexes.
    pub open_units: i64,
    pub promised_date: Option<NaiveDate>,
    pub stocked: bool,
    pub picked: bool,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TenantEntity for Entity {
    fn tenant_column() -> Column {
        Column::TenantId
    }

    fn key_column() -> Column {
        Column::ReservationId
    }
}
