//! The machinery's tables, at the head of every service's migration history.

use qm_database::schema;
use sea_orm::{ConnectionTrait as _, DatabaseBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

/// Migrations to put before a service's own.
pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![Box::new(Machinery), Box::new(OneCopy), Box::new(OneRow), Box::new(Epochs)]
}

struct Machinery;

impl MigrationName for Machinery {
    fn name(&self) -> &str {
        "m0000_messaging"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Machinery {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = match manager.get_database_backend() {
            DatabaseBackend::Postgres => POSTGRES,
            _ => SQLITE,
        };
        manager.get_connection().execute_unprepared(sql).await?;
        schema::protect_tenant_table(manager, "outbox").await?;
        schema::protect_tenant_table(manager, "inbox").await?;
        schema::protect_tenant_table(manager, "event_history").await?;
        schema::protect_tenant_table(manager, "dead_letter").await?;
        schema::open_system_table(manager, "stream_memory").await
    }
}

/// Events are written once: into the history. The outbox only names those that are not published yet.
struct OneCopy;

impl MigrationName for OneCopy {
    fn name(&self) -> &str {
        "m0001_messaging_one_copy"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for OneCopy {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        schema::execute_as_system(manager, COPY_UNPUBLISHED).await?;
        let sql = match manager.get_database_backend() {
            DatabaseBackend::Postgres => ONE_COPY_POSTGRES,
            _ => ONE_COPY_SQLITE,
        };
        manager.get_connection().execute_unprepared(sql).await?;
        Ok(())
    }
}

/// A row of the outbox names all events that its transaction wrote for a tenant.
struct OneRow;

impl MigrationName for OneRow {
    fn name(&self) -> &str {
        "m0002_messaging_one_row"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for OneRow {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (bytes, of_event) = match manager.get_database_backend() {
            DatabaseBackend::Postgres => ("bytea", "uuid_send(event_id)"),
            _ => ("blob", "event_id"),
        };
        let columns = format!(
            "ALTER TABLE outbox ADD COLUMN event_ids {bytes} NOT NULL DEFAULT '';
             ALTER TABLE outbox ADD COLUMN event_count integer NOT NULL DEFAULT 1;"
        );
        manager.get_connection().execute_unprepared(&columns).await?;
        schema::execute_as_system(manager, &format!("UPDATE outbox SET event_ids = {of_event}")).await
    }
}

/// A database that was restored to an earlier point begins a new epoch.
struct Epochs;

impl MigrationName for Epochs {
    fn name(&self) -> &str {
        "m0003_messaging_epochs"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Epochs {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (number, time) = match manager.get_database_backend() {
            DatabaseBackend::Postgres => ("bigint", "timestamptz"),
            _ => ("integer", "text"),
        };
        let sql = format!(
            "CREATE TABLE epoch (epoch {number} PRIMARY KEY, restored_to {time} NOT NULL, noticed_at {time} NOT NULL, \
             caught_up_at {time})"
        );
        manager.get_connection().execute_unprepared(&sql).await?;
        schema::open_system_table(manager, "epoch").await
    }
}

const COPY_UNPUBLISHED: &str = "
INSERT INTO event_history
    (tenant_id, event_id, event_type, aggregate_id, occurred_at, trace, payload, published_at)
SELECT tenant_id, event_id, event_type, aggregate_id, occurred_at, trace, payload, written_at FROM outbox WHERE true
ON CONFLICT DO NOTHING";

// Nobody asks for events by owner but after a failure. With one index less, and one that no query could take for the key,
// the key is what events are found by also while the outbox looks empty to the planner, as it mostly is.
const ONE_COPY_POSTGRES: &str = "
DROP INDEX outbox_owner;
ALTER TABLE outbox DROP COLUMN event_type, DROP COLUMN aggregate_id, DROP COLUMN occurred_at, DROP COLUMN trace,
    DROP COLUMN payload;
ALTER TABLE event_history RENAME COLUMN published_at TO written_at;
ALTER TABLE event_history DROP CONSTRAINT event_history_pkey;
DROP INDEX event_history_event_id;
ALTER TABLE event_history ADD PRIMARY KEY (event_id, tenant_id);
";

const ONE_COPY_SQLITE: &str = "
DROP INDEX outbox_owner;
ALTER TABLE outbox DROP COLUMN event_type;
ALTER TABLE outbox DROP COLUMN aggregate_id;
ALTER TABLE outbox DROP COLUMN occurred_at;
ALTER TABLE outbox DROP COLUMN trace;
ALTER TABLE outbox DROP COLUMN payload;
ALTER TABLE event_history RENAME COLUMN published_at TO written_at;
";

// Inbox and history are partitioned by the time inside the event id and dropped by partition: sweeping such tables row
// by row would cost more than writing them. The default partition takes what no daily one does, so that a late or early
// clock cannot stop the service.
const POSTGRES: &str = "
CREATE TABLE outbox (
    tenant_id uuid NOT NULL, event_id uuid NOT NULL, event_type text NOT NULL, aggregate_id uuid NOT NULL,
    occurred_at timestamptz NOT NULL, trace text, payload bytea NOT NULL, owner uuid NOT NULL, written_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, event_id));
CREATE INDEX outbox_owner ON outbox (owner, event_id);
CREATE INDEX outbox_written_at ON outbox (written_at);
ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
CREATE TABLE event_history (
    tenant_id uuid NOT NULL, event_id uuid NOT NULL, event_type text NOT NULL, aggregate_id uuid NOT NULL,
    occurred_at timestamptz NOT NULL, trace text, payload bytea NOT NULL, published_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, event_id)) PARTITION BY RANGE (event_id);
CREATE INDEX event_history_event_id ON event_history (event_id);
CREATE TABLE event_history_default PARTITION OF event_history DEFAULT;
CREATE TABLE inbox (
    tenant_id uuid NOT NULL, consumer text NOT NULL, event_id uuid NOT NULL, applied_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, consumer, event_id)) PARTITION BY RANGE (event_id);
CREATE TABLE inbox_default PARTITION OF inbox DEFAULT;
CREATE TABLE dead_letter (
    tenant_id uuid NOT NULL, consumer text NOT NULL, message_id text NOT NULL, dead_letter_id uuid NOT NULL,
    subject text NOT NULL, headers text NOT NULL, payload bytea NOT NULL, error text NOT NULL,
    deliveries integer NOT NULL, dead_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, consumer, message_id));
CREATE INDEX dead_letter_dead_at ON dead_letter (dead_at);
CREATE TABLE stream_memory (stream text PRIMARY KEY, identity text NOT NULL, last_sequence bigint NOT NULL);
";

const SQLITE: &str = "
CREATE TABLE outbox (
    tenant_id uuid_blob NOT NULL, event_id uuid_blob NOT NULL, event_type text NOT NULL, aggregate_id uuid_blob NOT NULL,
    occurred_at text NOT NULL, trace text, payload blob NOT NULL, owner uuid_blob NOT NULL, written_at text NOT NULL,
    PRIMARY KEY (tenant_id, event_id)) WITHOUT ROWID;
CREATE INDEX outbox_owner ON outbox (owner, event_id);
CREATE INDEX outbox_written_at ON outbox (written_at);
CREATE TABLE event_history (
    tenant_id uuid_blob NOT NULL, event_id uuid_blob NOT NULL, event_type text NOT NULL, aggregate_id uuid_blob NOT NULL,
    occurred_at text NOT NULL, trace text, payload blob NOT NULL, published_at text NOT NULL,
    PRIMARY KEY (tenant_id, event_id));
CREATE INDEX event_history_event_id ON event_history (event_id);
CREATE TABLE inbox (
    tenant_id uuid_blob NOT NULL, consumer text NOT NULL, event_id uuid_blob NOT NULL, applied_at text NOT NULL,
    PRIMARY KEY (tenant_id, consumer, event_id)) WITHOUT ROWID;
CREATE INDEX inbox_event_id ON inbox (event_id);
CREATE TABLE dead_letter (
    tenant_id uuid_blob NOT NULL, consumer text NOT NULL, message_id text NOT NULL, dead_letter_id uuid_blob NOT NULL,
    subject text NOT NULL, headers text NOT NULL, payload blob NOT NULL, error text NOT NULL,
    deliveries integer NOT NULL, dead_at text NOT NULL,
    PRIMARY KEY (tenant_id, consumer, message_id));
CREATE INDEX dead_letter_dead_at ON dead_letter (dead_at);
CREATE TABLE stream_memory (stream text PRIMARY KEY, identity text NOT NULL, last_sequence integer NOT NULL);
";
