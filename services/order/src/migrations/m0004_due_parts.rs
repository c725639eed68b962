//! What is overdue is found by the parts of orders that wait for an answer.

use sea_orm::{ConnectionTrait as _, DatabaseBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0004_due_parts"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(CHANGES).await?;
        if manager.get_database_backend() == DatabaseBackend::Postgres {
            manager.get_connection().execute_unprepared(ROOM).await?;
        }
        Ok(())
    }
}

// An order's due time changes with every step of its saga. While an index held it, each step wrote all nine indexes of the
// table anew: PostgreSQL leaves them alone only when no indexed column changes and the page has room for another version.
const CHANGES: &str = "
CREATE INDEX attempt_due ON attempt (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX fulfilment_due ON fulfilment (due_at) WHERE due_at IS NOT NULL;
DROP INDEX orders_due;
";
const ROOM: &str = "ALTER TABLE orders SET (fillfactor = 70)";
