//! A mail is written three times within a moment; each index that it stands in is written with it.

use sea_orm::{ConnectionTrait as _, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0003_fewer_indexes"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(CHANGES).await?;
        Ok(())
    }
}

// Counting all mails of a tenant by their status reads all of them with an index or without. The mails that are being
// sent are few, and all of them pending.
const CHANGES: &str = "
DROP INDEX message_status;
DROP INDEX message_claimed;
";
