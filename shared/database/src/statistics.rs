//! Statistics of tables that grow quickly.
//!
//! PostgreSQL plans by what it knows of a table, and a plan is kept until it knows something new. It looks once a minute
//! whether there is something to learn; in that minute a table can have gone from nothing to a hundred thousand rows, all
//! of them served by a plan for none. So a service looks oftener after its own tables: one is analysed when it has grown
//! several times over, which is seldom, however much is written.

use sea_orm::{ConnectionTrait as _, DatabaseBackend, Statement};

use crate::{Database, Result};

/// Tables of which less is known than there is to know. Partitions are left out: of them only whole ones are read.
const OUTGROWN: &str = "
SELECT quote_ident(known.relname)
FROM pg_stat_user_tables AS known JOIN pg_class AS class ON class.oid = known.relid
WHERE known.schemaname = current_schema() AND NOT class.relispartition AND known.n_live_tup > 200
    AND known.n_mod_since_analyze > 200 + 3 * greatest(class.reltuples, 0)";

impl Database {
    /// Gathers statistics of the tables that have grown several times over since they were last gathered, and says how
    /// many those were. Nothing on SQLite, where each table has so few indexes to choose from that it needs none.
    pub async fn gather_statistics(&self) -> Result<usize> {
        if !self.is_postgres() {
            return Ok(0);
        }
        let rows =
            self.writer().query_all_raw(Statement::from_string(DatabaseBackend::Postgres, OUTGROWN)).await?;
        for row in &rows {
            let name: String = row.try_get_by_index(0)?;
            // Another replica may be at it.
            self.writer().execute_unprepared(&format!("ANALYZE (SKIP_LOCKED) {name}")).await?;
        }
        Ok(rows.len())
    }
}
