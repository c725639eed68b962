//! Where webhooks go.

use chrono::{DateTime, Utc};
use qm_database::TenantEntity;
use qm_ids::{EndpointId, TenantId};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "endpoint")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub endpoint_id: EndpointId,
    pub url: String,
    pub secret: String,
    /// Patterns joined by spaces; empty takes all.
    pub event_types: String,
    pub enabled: bool,
    pub disabled_reason: String,
    /// Since when nothing has succeeded; none while the last try did.
    pub failing_since: Option<DateTime<Utc>>,
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
        Column::EndpointId
    }
}
