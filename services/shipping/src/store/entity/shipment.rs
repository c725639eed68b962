//! Shipments.

use chrono::{DateTime, Utc};
use qm_database::TenantEntity;
use qm_ids::{FulfilmentId, OrderId, ParcelId, ShipmentId, TenantId};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "shipment")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub shipment_id: ShipmentId,
    pub fulfilment_id: FulfilmentId,
    pub order_id: OrderId,
    pub parcel_id: ParcelId,
    /// Order of labels within the fulfilment.
    pub position: i32,
    pub carrier: String,
    pub tracking_number: String,
    pub tracking_url: String,
    pub cost_minor: i64,
    /// Projection of `Shipment::status`, for filtering.
    pub status: String,
    pub is_voided: bool,
    pub handed_over_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TenantEntity for Entity {
    fn tenant_column() -> Column {
        Column::TenantId
    }

    fn key_column() -> Column {
        Column::ShipmentId
    }
}
