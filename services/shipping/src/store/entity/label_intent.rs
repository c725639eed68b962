//! Labels that are being bought or voided: what a carrier is, or was, asked for.

use chrono::{DateTime, Utc};
use qm_database::TenantEntity;
use qm_ids::{FulfilmentId, LocationId, ParcelId, TenantId};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "label_intent")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    /// The carrier's idempotency key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub parcel_id: ParcelId,
    pub fulfilment_id: FulfilmentId,
    pub location_id: LocationId,
    pub carrier: String,
    pub service_level: String,
    pub weight_grams: i64,
    /// See `IntentState`.
    pub state: String,
    /// Empty until the carrier sold a label.
    pub tracking_number: String,
    /// Times that the carrier was asked in this state.
    pub attempts: i32,
    pub last_error: String,
    /// When the carrier is asked next; none when it need not be.
    pub due_at: Option<DateTime<Utc>>,
    /// The carrier is being asked right now, until `due_at` at most.
    pub is_claimed: bool,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TenantEntity for Entity {
    fn tenant_column() -> Column {
        Column::TenantId
    }

    fn key_column() -> Column {
        Column::ParcelId
    }
}
