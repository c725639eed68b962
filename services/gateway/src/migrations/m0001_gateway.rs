//! Tenants and API keys.

use qm_database::schema;
use sea_orm::{ConnectionTrait as _, DatabaseBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0001_gateway"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (uuid, time, bytes) = match manager.get_database_backend() {
            DatabaseBackend::Postgres => ("uuid", "timestamptz", "bytea"),
            _ => ("uuid_blob", "text", "blob"),
        };
        let sql = TABLES.replace("UUID", uuid).replace("TIME", time).replace("BYTES", bytes);
        manager.get_connection().execute_unprepared(&sql).await?;
        for table in ["tenant", "api_key"] {
            schema::protect_tenant_table(manager, table).await?;
        }
        Ok(())
    }
}

// A key is found by its id before its tenant is known: hence an index that does not begin with the tenant.
const TABLES: &str = "
CREATE TABLE tenant (
    tenant_id UUID PRIMARY KEY, slug text NOT NULL UNIQUE, name text NOT NULL, created_at TIME NOT NULL);
CREATE TABLE api_key (
    tenant_id UUID NOT NULL, api_key_id UUID NOT NULL UNIQUE, name text NOT NULL, scopes text NOT NULL,
    secret_hash BYTES NOT NULL, expires_at TIME, created_at TIME NOT NULL, last_used_at TIME, revoked_at TIME,
    PRIMARY KEY (tenant_id, api_key_id),
    FOREIGN KEY (tenant_id) REFERENCES tenant (tenant_id));
";
