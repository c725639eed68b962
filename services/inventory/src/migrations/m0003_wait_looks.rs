//! When to look again at items that wait, in case stock lies there that nobody was told of.

use qm_database::schema;
use sea_orm::{ConnectionTrait as _, DatabaseBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0003_wait_looks"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (uuid, time) = match manager.get_database_backend() {
            DatabaseBackend::Postgres => ("uuid", "timestamptz"),
            _ => ("uuid_blob", "text"),
        };
        let sql = TABLE.replace("UUID", uuid).replace("TIME", time);
        manager.get_connection().execute_unprepared(&sql).await?;
        schema::protect_tenant_table(manager, "wait_look").await
    }
}

// A row for each item that waits or waited a look ago.
const TABLE: &str = "
CREATE TABLE wait_look (
    tenant_id UUID NOT NULL, item_id UUID NOT NULL, due_at TIME NOT NULL,
    PRIMARY KEY (tenant_id, item_id));
CREATE INDEX wait_look_due ON wait_look (due_at);
";
