//! Labels and scans say that they are being worked on: until then only their due time told, and that lies ahead as well when
//! a try failed.

use sea_orm::{ConnectionTrait as _, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0003_claims"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(CHANGES).await?;
        Ok(())
    }
}

// The defaults are for the version before, which knows nothing of the columns.
const CHANGES: &str = "
ALTER TABLE label_intent ADD COLUMN is_claimed boolean NOT NULL DEFAULT false;
ALTER TABLE planned_scan ADD COLUMN is_claimed boolean NOT NULL DEFAULT false;
CREATE INDEX label_intent_claimed ON label_intent (due_at) WHERE due_at IS NOT NULL AND is_claimed;
CREATE INDEX planned_scan_claimed ON planned_scan (due_at) WHERE due_at IS NOT NULL AND is_claimed;
";
