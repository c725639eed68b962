//! Mails and deliveries say that they are being sent: until then only their due time told, and that is also moved when a
//! try failed. And they keep the trace of the event that caused them, so that it runs on to the mail.

use sea_orm::{ConnectionTrait as _, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0002_claims_and_traces"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(CHANGES).await?;
        Ok(())
    }
}

// Defaults and nulls are for the version before, which knows nothing of the columns.
const CHANGES: &str = "
ALTER TABLE message ADD COLUMN is_claimed boolean NOT NULL DEFAULT false;
ALTER TABLE delivery ADD COLUMN is_claimed boolean NOT NULL DEFAULT false;
ALTER TABLE message ADD COLUMN trace text;
ALTER TABLE delivery ADD COLUMN trace text;
CREATE INDEX message_claimed ON message (due_at) WHERE status = 'pending' AND is_claimed;
CREATE INDEX delivery_claimed ON delivery (due_at) WHERE status = 'pending' AND is_claimed;
";
