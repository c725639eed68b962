//! Claims on the capacity of a location's day.

use chrono::{DateTime, NaiveDate, Utc};
use qm_database::TenantEntity;
use qm_ids::{LocationId, PlanId, TenantId};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "capacity_claim")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub plan_id: PlanId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub location_id: LocationId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub group_name: String,
    pub ship_date: NaiveDate,
    /// JSON: the units that are still wanted.
    pub units: String,
    pub issued_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TenantEntity for Entity {
    fn tenant_column() -> Column {
        Column::TenantId
    }

    fn key_column() -> Column {
        Column::PlanId
    }
}
