//! Each time that this database was found to have been restored to an earlier point.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "epoch")]
pub struct Model {
    /// From 1; before the first there was no restoration.
    #[sea_orm(primary_key, auto_increment = false)]
    pub epoch: i64,
    /// The time of the newest event that it knew.
    pub restored_to: DateTime<Utc>,
    pub noticed_at: DateTime<Utc>,
    /// Absent until all that the streams hold is known again.
    pub caught_up_at: Option<DateTime<Utc>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
