//! Plans, what was announced of them, their claims on capacity, tariffs, and what routing knows of items and locations.

use qm_database::schema;
use sea_orm::{ConnectionTrait as _, DatabaseBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0001_routing"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (uuid, time, date, bytes) = match manager.get_database_backend() {
            DatabaseBackend::Postgres => ("uuid", "timestamptz", "date", "bytea"),
            _ => ("uuid_blob", "text", "text", "blob"),
        };
        let sql =
            TABLES.replace("UUID", uuid).replace("TIME", time).replace("DATE", date).replace("BYTES", bytes);
        manager.get_connection().execute_unprepared(&sql).await?;
        for table in ["plan", "capacity_claim", "tariff", "item", "location"] {
            schema::protect_tenant_table(manager, table).await?;
        }
        schema::protect_append_only_table(manager, "announcement").await
    }
}

// A plan without `planned_at` is a tombstone: it was let go before it was made. What was announced stands apart, since it
// is large and never changes.
//
// Plans and claims are kept. A day's claims are counted from the partial index: those that ended are not in it, and past
// days are outside the range that is asked for, so it costs the same however many plans there ever were. `plan_outcome`
// answers summaries without the table.
const TABLES: &str = "
CREATE TABLE plan (
    tenant_id UUID NOT NULL, plan_id UUID NOT NULL, order_id UUID NOT NULL, attempt integer NOT NULL, outcome text NOT NULL,
    cost_minor bigint NOT NULL, early text NOT NULL, planned_at TIME, ended_at TIME, ended_by text,
    PRIMARY KEY (tenant_id, plan_id));
CREATE INDEX plan_order ON plan (tenant_id, order_id, attempt);
CREATE INDEX plan_outcome ON plan (tenant_id, outcome, ended_by, cost_minor) WHERE planned_at IS NOT NULL;
CREATE TABLE announcement (
    tenant_id UUID NOT NULL, plan_id UUID NOT NULL, asked text NOT NULL, planned BYTES NOT NULL, unfillable BYTES NOT NULL,
    explanation text NOT NULL,
    PRIMARY KEY (tenant_id, plan_id),
    FOREIGN KEY (tenant_id, plan_id) REFERENCES plan (tenant_id, plan_id));
CREATE TABLE capacity_claim (
    tenant_id UUID NOT NULL, plan_id UUID NOT NULL, location_id UUID NOT NULL, group_name text NOT NULL,
    ship_date DATE NOT NULL, units text NOT NULL, issued_at TIME, ended_at TIME,
    PRIMARY KEY (tenant_id, plan_id, location_id, group_name),
    CHECK (issued_at IS NULL OR ended_at IS NULL),
    FOREIGN KEY (tenant_id, plan_id) REFERENCES plan (tenant_id, plan_id));
CREATE INDEX capacity_claim_day ON capacity_claim (tenant_id, location_id, ship_date) WHERE ended_at IS NULL;
CREATE TABLE tariff (
    tenant_id UUID PRIMARY KEY, version bigint NOT NULL, bands text NOT NULL, updated_at TIME NOT NULL);
CREATE TABLE item (
    tenant_id UUID NOT NULL, item_id UUID NOT NULL, weight_grams bigint NOT NULL, storage_class text NOT NULL,
    compliance_class text NOT NULL, supply text NOT NULL, drop_ship boolean NOT NULL, version bigint NOT NULL,
    PRIMARY KEY (tenant_id, item_id));
CREATE TABLE location (
    tenant_id UUID NOT NULL, location_id UUID NOT NULL, code text NOT NULL, kind text NOT NULL, latitude double precision,
    longitude double precision, time_zone text NOT NULL, cutoff_local text NOT NULL,
    lead_days integer NOT NULL, capacity_per_day integer NOT NULL, handling_order_minor bigint NOT NULL,
    handling_unit_minor bigint NOT NULL, can_ship boolean NOT NULL, can_pickup boolean NOT NULL,
    storage_classes text NOT NULL, compliance_classes text NOT NULL, active boolean NOT NULL, version bigint NOT NULL,
    PRIMARY KEY (tenant_id, location_id));
";
