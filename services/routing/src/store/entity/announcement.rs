//! What was announced of a plan, and why. Never changed, so that a repeat says the same.

use qm_database::TenantEntity;
use qm_ids::{PlanId, TenantId};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "announcement")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub plan_id: PlanId,
    /// JSON: the units that were asked for.
    pub asked: String,
    /// `routing.planned`, encoded; without assignments when nothing could be filled.
    pub planned: Vec<u8>,
    /// `routing.unfillable`, encoded; without units when all could be filled.
    pub unfillable: Vec<u8>,
    /// JSON, documented in docs/routing-explanation.md.
    pub explanation: String,
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
