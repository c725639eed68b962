//! Attempts to find sources.

use chrono::{DateTime, Utc};
use qm_database::TenantEntity;
use qm_ids::{OrderId, TenantId};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "attempt")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub order_id: OrderId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i32,
    pub reason: String,
    pub rejections: i32,
    /// A JSON array of [location, item or null] pairs.
    pub exclusions: String,
    /// It saw all stock whose arrival was handled until then.
    pub sees_until: DateTime<Utc>,
    pub told_unfillable: bool,
    /// A JSON array of [location, line, item, quantity] lists.
    pub broken: String,
    pub asks: i32,
    /// None once it is closed.
    pub due_at: Option<DateTime<Utc>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TenantEntity for Entity {
    fn tenant_column() -> Column {
        Column::TenantId
    }

    fn key_column() -> Column {
        Column::OrderId
    }
}
