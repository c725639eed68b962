//! Explanations are some kilobytes of JSON each, which PostgreSQL compresses on the way in.

use sea_orm::{ConnectionTrait as _, DatabaseBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0004_compress_explanations"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() == DatabaseBackend::Postgres {
            manager.get_connection().execute_unprepared(LZ4).await?;
        }
        Ok(())
    }
}

// Some ten times as fast as the default. A server that was built without it keeps the default.
const LZ4: &str = "
DO $$ BEGIN
    ALTER TABLE announcement ALTER COLUMN explanation SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN NULL;
END $$";
