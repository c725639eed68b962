//! How far an order has come stands in a row of its own.

use qm_database::schema;
use sea_orm::{ConnectionTrait as _, DatabaseBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0005_progress"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let is_postgres = manager.get_database_backend() == DatabaseBackend::Postgres;
        let (uuid, time, date) =
            if is_postgres { ("uuid", "timestamptz", "date") } else { ("uuid_blob", "text", "text") };
        let table = TABLE.replace("UUID", uuid).replace("TIME", time).replace("DATE", date);
        manager.get_connection().execute_unprepared(&table).await?;
        schema::protect_tenant_table(manager, "progress").await?;
        schema::execute_as_system(manager, COPY).await?;
        manager.get_connection().execute_unprepared(CHANGES).await?;
        if is_postgres {
            manager.get_connection().execute_unprepared(ROOM).await?;
        }
        Ok(())
    }
}

const TABLE: &str = "
CREATE TABLE progress (
    tenant_id UUID NOT NULL, order_id UUID NOT NULL, revision bigint NOT NULL, timeline_length bigint NOT NULL,
    status text NOT NULL, fulfilment_status text NOT NULL, current_promise DATE, told_allocated boolean NOT NULL,
    told_end boolean NOT NULL, placed_at TIME NOT NULL, updated_at TIME NOT NULL,
    PRIMARY KEY (tenant_id, order_id));
";
const COPY: &str = "
INSERT INTO progress (tenant_id, order_id, revision, timeline_length, status, fulfilment_status, current_promise,
    told_allocated, told_end, placed_at, updated_at)
SELECT tenant_id, order_id, revision, timeline_length, status, fulfilment_status, current_promise,
    told_allocated, told_end, placed_at, updated_at FROM orders;
";
// Each step of an order had written its row of 31 columns anew, and most of the table's eight indexes with it.
const CHANGES: &str = "
CREATE INDEX progress_status ON progress (tenant_id, status, placed_at, order_id);
CREATE INDEX progress_live ON progress (status) WHERE status IN ('placed', 'on_hold', 'in_fulfilment');
DROP INDEX orders_status;
DROP INDEX orders_live;
ALTER TABLE orders DROP COLUMN revision;
ALTER TABLE orders DROP COLUMN timeline_length;
ALTER TABLE orders DROP COLUMN status;
ALTER TABLE orders DROP COLUMN fulfilment_status;
ALTER TABLE orders DROP COLUMN current_promise;
ALTER TABLE orders DROP COLUMN told_allocated;
ALTER TABLE orders DROP COLUMN told_end;
ALTER TABLE orders DROP COLUMN due_at;
ALTER TABLE orders DROP COLUMN updated_at;
";
// A page takes the next versions of its rows: an order that changes without a change of status leaves the indexes alone.
const ROOM: &str = "
ALTER TABLE progress SET (fillfactor = 50);
ALTER TABLE orders RESET (fillfactor);
";
