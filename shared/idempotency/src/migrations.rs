//! The table of answers, to be spliced into a service's migration history.

use qm_database::schema;
use sea_orm::{ConnectionTrait as _, DatabaseBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

/// Migrations to put before a service's own.
pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![Box::new(Answers)]
}

struct Answers;

impl MigrationName for Answers {
    fn name(&self) -> &str {
        "m0000_idempotency"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Answers {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (uuid, bytes, time) = match manager.get_database_backend() {
            DatabaseBackend::Postgres => ("uuid", "bytea", "timestamptz"),
            _ => ("uuid_blob", "blob", "text"),
        };
        let sql = format!(
            "CREATE TABLE idempotency (tenant_id {uuid} NOT NULL, record_id {uuid} NOT NULL, operation text NOT NULL, \
             idempotency_key text NOT NULL, body_hash {bytes} NOT NULL, response {bytes} NOT NULL, \
             created_at {time} NOT NULL, PRIMARY KEY (tenant_id, record_id))"
        );
        manager.get_connection().execute_unprepared(&sql).await?;
        schema::protect_tenant_table(manager, "idempotency").await
    }
}
