//! Orders as they were placed; what changes with their steps stands in [`progress`](super::progress).

use chrono::{DateTime, NaiveDate, Utc};
use qm_database::TenantEntity;
use qm_ids::{LocationId, OrderId, TenantId};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "orders")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub order_id: OrderId,
    pub number: i64,
    pub channel: String,
    pub external_id: Option<String>,
    pub currency: String,
    pub customer_reference: String,
    pub customer_name: String,
    /// In lower case: addresses are compared without case.
    pub customer_email: String,
    pub customer_phone: String,
    pub customer_locale: String,
    /// JSON; none for a pickup.
    pub ship_to: Option<String>,
    pub pickup_location_id: Option<LocationId>,
    pub service_level: String,
    pub promise_by: Option<NaiveDate>,
    pub priority: i32,
    pub shipping_minor: i64,
    /// A JSON array of [code, minor units] pairs.
    pub fees: String,
    pub discount_minor: i64,
    pub total_minor: i64,
    pub placed_at: DateTime<Utc>,
    pub created_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::progress::Entity",
        from = "(Column::TenantId, Column::OrderId)",
        to = "(super::progress::Column::TenantId, super::progress::Column::OrderId)"
    )]
    Progress,
}

impl ActiveModelBehavior for ActiveModel {}

impl TenantEntity for Entity {
    fn tenant_column() -> Column {
        Column::TenantId
    }

    fn key_column() -> Column {
        Column::OrderId
    }
}
