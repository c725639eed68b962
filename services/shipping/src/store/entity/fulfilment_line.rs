//! Lines of fulfilments, with what became of their units.

use qm_database::TenantEntity;
use qm_ids::{FulfilmentId, ItemId, LineId, LocationId, OrderId, ReservationId, TenantId};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "fulfilment_line")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub fulfilment_id: FulfilmentId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub line_id: LineId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub item_id: ItemId,
    /// The fulfilment's, for the facts of audits; so are the two below.
    pub order_id: OrderId,
    pub reservation_id: ReservationId,
    pub location_id: LocationId,
    pub quantity: i64,
    pub rejected: i64,
    pub cancelled: i64,
    pub issued: i64,
    /// Projection of `Fulfilment::delivered`.
    pub delivered: i64,
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
