//! One change on its way to one endpoint.

use chrono::{DateTime, Utc};
use qm_database::TenantEntity;
use qm_ids::{DeliveryId, EndpointId, EventId, TenantId};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "delivery")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub delivery_id: DeliveryId,
    pub endpoint_id: EndpointId,
    pub position: i64,
    pub event_id: EventId,
    pub event_type: String,
    /// pending, delivered or failed.
    pub status: String,
    pub attempts: i32,
    pub last_status: i32,
    pub last_error: String,
    /// When the next try is due, or with `is_claimed` when the claim ends; none once it is over.
    pub due_at: Option<DateTime<Utc>>,
    /// True while somebody is sending it.
    pub is_claimed: bool,
    /// `traceparent` of the event that caused it.
    pub trace: Option<String>,
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
        Column::DeliveryId
    }
}
