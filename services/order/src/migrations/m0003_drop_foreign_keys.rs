//! Parts of an order are written with it, by `store::save` alone; see decision 0017.

use qm_database::schema;
use sea_orm::DbErr;
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0003_drop_foreign_keys"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        schema::drop_foreign_keys(manager, &TABLES).await
    }
}

const TABLES: [&str; 6] = ["line", "piece", "attempt", "fulfilment", "hold", "timeline"];
