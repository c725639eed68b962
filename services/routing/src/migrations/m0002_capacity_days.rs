//! Counters of the claims on each location's days, and a row to lock for whoever gives days away.

use qm_database::schema;
use sea_orm::{ConnectionTrait as _, DatabaseBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0002_capacity_days"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (uuid, date) = match manager.get_database_backend() {
            DatabaseBackend::Postgres => ("uuid", "date"),
            _ => ("uuid_blob", "text"),
        };
        let sql = TABLES.replace("UUID", uuid).replace("DATE", date);
        manager.get_connection().execute_unprepared(&sql).await?;
        for table in ["capacity_day", "planner"] {
            schema::protect_tenant_table(manager, table).await?;
        }
        schema::execute_as_system(manager, COUNTS).await
    }
}

// Counting a day's claims costs more with every claim; a counter costs the same at any hour. The index on claims stays: by
// it the audit counts what the counters should say.
const TABLES: &str = "
CREATE TABLE capacity_day (
    tenant_id UUID NOT NULL, location_id UUID NOT NULL, ship_date DATE NOT NULL, taken bigint NOT NULL,
    PRIMARY KEY (tenant_id, location_id, ship_date));
CREATE TABLE planner (tenant_id UUID PRIMARY KEY);
";

const COUNTS: &str = "
INSERT INTO capacity_day (tenant_id, location_id, ship_date, taken)
    SELECT tenant_id, location_id, ship_date, count(*) FROM capacity_claim WHERE ended_at IS NULL
    GROUP BY tenant_id, location_id, ship_date";
