//! Changes, mails, endpoints, deliveries and templates.

use qm_database::schema;
use sea_orm::{ConnectionTrait as _, DatabaseBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0001_notification"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (uuid, time) = match manager.get_database_backend() {
            DatabaseBackend::Postgres => ("uuid", "timestamptz"),
            _ => ("uuid_blob", "text"),
        };
        let sql = TABLES.replace("UUID", uuid).replace("TIME", time);
        manager.get_connection().execute_unprepared(&sql).await?;
        for table in ["change_counter", "message", "endpoint", "delivery", "template"] {
            schema::protect_tenant_table(manager, table).await?;
        }
        schema::protect_append_only_table(manager, "change").await
    }
}

// The partial indexes hold only what waits, so that a worker's look costs the same however much was ever sent.
const TABLES: &str = "
CREATE TABLE change (
    tenant_id UUID NOT NULL, position bigint NOT NULL, event_id UUID NOT NULL, event_type text NOT NULL, order_id UUID,
    data text NOT NULL, occurred_at TIME NOT NULL, recorded_at TIME NOT NULL,
    PRIMARY KEY (tenant_id, position), UNIQUE (tenant_id, event_id));
CREATE INDEX change_order ON change (tenant_id, order_id, position);
CREATE TABLE change_counter (tenant_id UUID PRIMARY KEY, last_position bigint NOT NULL);
CREATE TABLE message (
    tenant_id UUID NOT NULL, message_id UUID NOT NULL, order_id UUID NOT NULL, template text NOT NULL, data text NOT NULL,
    status text NOT NULL CHECK (status IN ('pending', 'sent', 'failed', 'skipped')), attempts integer NOT NULL,
    last_error text NOT NULL, due_at TIME, created_at TIME NOT NULL, sent_at TIME,
    PRIMARY KEY (tenant_id, message_id));
CREATE INDEX message_order ON message (tenant_id, order_id, message_id);
CREATE INDEX message_due ON message (due_at) WHERE status = 'pending';
CREATE INDEX message_status ON message (tenant_id, status);
CREATE TABLE endpoint (
    tenant_id UUID NOT NULL, endpoint_id UUID NOT NULL, url text NOT NULL, secret text NOT NULL, event_types text NOT NULL,
    enabled boolean NOT NULL, disabled_reason text NOT NULL, failing_since TIME, created_at TIME NOT NULL,
    PRIMARY KEY (tenant_id, endpoint_id));
CREATE TABLE delivery (
    tenant_id UUID NOT NULL, delivery_id UUID NOT NULL, endpoint_id UUID NOT NULL, position bigint NOT NULL,
    event_id UUID NOT NULL, event_type text NOT NULL,
    status text NOT NULL CHECK (status IN ('pending', 'delivered', 'failed')), attempts integer NOT NULL,
    last_status integer NOT NULL, last_error text NOT NULL, due_at TIME, created_at TIME NOT NULL,
    PRIMARY KEY (tenant_id, delivery_id),
    FOREIGN KEY (tenant_id, endpoint_id) REFERENCES endpoint (tenant_id, endpoint_id) ON DELETE CASCADE);
CREATE INDEX delivery_endpoint ON delivery (tenant_id, endpoint_id, delivery_id);
CREATE INDEX delivery_due ON delivery (due_at) WHERE status = 'pending';
CREATE INDEX delivery_status ON delivery (tenant_id, status);
CREATE TABLE template (
    tenant_id UUID NOT NULL, name text NOT NULL, locale text NOT NULL, subject text NOT NULL, body text NOT NULL,
    updated_at TIME NOT NULL, PRIMARY KEY (tenant_id, name, locale));
";
