//! Reviews of a location's stock, the promise that a leg keeps, and indexes that answer without reading rows.

use qm_database::schema;
use sea_orm::{ConnectionTrait as _, DatabaseBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0002_reviews"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (uuid, time, date) = match manager.get_database_backend() {
            DatabaseBackend::Postgres => ("uuid", "timestamptz", "date"),
            _ => ("uuid_blob", "text", "text"),
        };
        let sql = CHANGES.replace("UUID", uuid).replace("TIME", time).replace("DATE", date);
        manager.get_connection().execute_unprepared(&sql).await?;
        schema::protect_tenant_table(manager, "stock_review").await
    }
}

// Reviews are few and worked over all tenants, the one that waits longest first. What waits for an item is summed from the
// index alone; it replaces the one without quantities. The audit looks at live reservations only.
const CHANGES: &str = "
CREATE TABLE stock_review (
    tenant_id UUID NOT NULL, location_id UUID NOT NULL, was_opened boolean NOT NULL, after_item_id UUID,
    touched_at TIME NOT NULL,
    PRIMARY KEY (tenant_id, location_id),
    FOREIGN KEY (tenant_id, location_id) REFERENCES location (tenant_id, location_id));
CREATE INDEX stock_review_touched ON stock_review (touched_at);
ALTER TABLE reservation_leg ADD COLUMN promised_date DATE;
CREATE INDEX reservation_live ON reservation (tenant_id, reservation_id) WHERE state = 'live';
CREATE INDEX backorder_wait_units ON backorder_wait (tenant_id, item_id, quantity) WHERE quantity > 0;
DROP INDEX backorder_wait_item;
";
