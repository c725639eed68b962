//! What was announced of a plan is written once, but after the database was restored: then it is put together again from what
//! others were told, which may be an event at a time.

use sea_orm::{ConnectionTrait as _, DatabaseBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0005_amend_announcements"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() == DatabaseBackend::Postgres {
            let grant = "GRANT UPDATE ON announcement TO quartermaster_app";
            manager.get_connection().execute_unprepared(grant).await?;
        }
        Ok(())
    }
}
