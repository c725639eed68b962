//! Items, locations, stock with its ledger, and the claims on it.

use qm_database::schema;
use sea_orm::{ConnectionTrait as _, DatabaseBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0001_inventory"
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
        for table in
            ["item", "location", "stock", "reservation", "reservation_leg", "backorder_wait", "stock_hold"]
        {
            schema::protect_tenant_table(manager, table).await?;
        }
        schema::protect_append_only_table(manager, "movement").await
    }
}

// A stock row's CHECKs are the backstop of "no oversell" and never control flow. Partial indexes hold only what is live,
// so that finding claims costs the same however many orders there ever were.
const TABLES: &str = "
CREATE TABLE item (
    tenant_id UUID NOT NULL, item_id UUID NOT NULL, sku text NOT NULL, name text NOT NULL, weight_grams bigint NOT NULL,
    length_mm integer NOT NULL, width_mm integer NOT NULL, height_mm integer NOT NULL, storage_class text NOT NULL,
    compliance_class text NOT NULL, stock_policy text NOT NULL, drop_ship boolean NOT NULL,
    low_stock_threshold bigint NOT NULL, version bigint NOT NULL,
    PRIMARY KEY (tenant_id, item_id), UNIQUE (tenant_id, sku));
CREATE TABLE location (
    tenant_id UUID NOT NULL, location_id UUID NOT NULL, code text NOT NULL, name text NOT NULL, kind text NOT NULL,
    address text, time_zone text NOT NULL, cutoff_local text NOT NULL, lead_days integer NOT NULL,
    capacity_per_day integer NOT NULL, handling_order_minor bigint NOT NULL, handling_unit_minor bigint NOT NULL,
    can_ship boolean NOT NULL, can_pickup boolean NOT NULL, storage_classes text NOT NULL,
    compliance_classes text NOT NULL, safety_units bigint NOT NULL, active boolean NOT NULL, version bigint NOT NULL,
    PRIMARY KEY (tenant_id, location_id), UNIQUE (tenant_id, code));
CREATE TABLE stock (
    tenant_id UUID NOT NULL, stock_id UUID NOT NULL, item_id UUID NOT NULL, location_id UUID NOT NULL,
    sellable bigint NOT NULL CHECK (sellable >= 0), quarantine bigint NOT NULL CHECK (quarantine >= 0),
    damaged bigint NOT NULL CHECK (damaged >= 0), soft_reserved bigint NOT NULL CHECK (soft_reserved >= 0),
    allocated bigint NOT NULL CHECK (allocated >= 0), safety bigint NOT NULL CHECK (safety >= 0), version bigint NOT NULL,
    PRIMARY KEY (tenant_id, stock_id), UNIQUE (tenant_id, item_id, location_id),
    CHECK (allocated + soft_reserved <= sellable),
    FOREIGN KEY (tenant_id, item_id) REFERENCES item (tenant_id, item_id),
    FOREIGN KEY (tenant_id, location_id) REFERENCES location (tenant_id, location_id));
CREATE INDEX stock_location ON stock (tenant_id, location_id, item_id);
CREATE TABLE movement (
    tenant_id UUID NOT NULL, stock_id UUID NOT NULL, movement_id UUID NOT NULL, kind text NOT NULL,
    sellable_delta bigint NOT NULL, allocated_delta bigint NOT NULL, soft_reserved_delta bigint NOT NULL,
    reason text NOT NULL, reference text NOT NULL, actor_kind text NOT NULL, actor_id text NOT NULL,
    occurred_at TIME NOT NULL, recorded_at TIME NOT NULL,
    PRIMARY KEY (tenant_id, stock_id, movement_id),
    FOREIGN KEY (tenant_id, stock_id) REFERENCES stock (tenant_id, stock_id));
CREATE TABLE reservation (
    tenant_id UUID NOT NULL, reservation_id UUID NOT NULL, plan_id UUID NOT NULL, order_id UUID NOT NULL,
    attempt integer NOT NULL, priority integer NOT NULL, state text NOT NULL, planned_at TIME NOT NULL, plan BYTES NOT NULL,
    PRIMARY KEY (tenant_id, reservation_id));
CREATE TABLE reservation_leg (
    tenant_id UUID NOT NULL, reservation_id UUID NOT NULL, leg integer NOT NULL, stock_id UUID NOT NULL,
    location_id UUID NOT NULL, line_id UUID NOT NULL, item_id UUID NOT NULL, quantity bigint NOT NULL CHECK (quantity > 0),
    released bigint NOT NULL CHECK (released >= 0), issued bigint NOT NULL CHECK (issued >= 0),
    broken bigint NOT NULL CHECK (broken >= 0), open_units bigint NOT NULL CHECK (open_units >= 0),
    stocked boolean NOT NULL, picked boolean NOT NULL,
    PRIMARY KEY (tenant_id, reservation_id, leg),
    CHECK (open_units = quantity - released - issued - broken),
    FOREIGN KEY (tenant_id, reservation_id) REFERENCES reservation (tenant_id, reservation_id));
CREATE INDEX reservation_leg_open ON reservation_leg (tenant_id, stock_id) WHERE open_units > 0;
CREATE INDEX reservation_leg_live ON reservation_leg (tenant_id, reservation_id) WHERE open_units > 0;
CREATE INDEX reservation_leg_issued ON reservation_leg (tenant_id, reservation_id) WHERE issued > 0;
CREATE TABLE backorder_wait (
    tenant_id UUID NOT NULL, order_id UUID NOT NULL, line_id UUID NOT NULL, item_id UUID NOT NULL,
    quantity bigint NOT NULL CHECK (quantity >= 0), entries text NOT NULL,
    PRIMARY KEY (tenant_id, order_id, line_id, item_id));
CREATE INDEX backorder_wait_item ON backorder_wait (tenant_id, item_id) WHERE quantity > 0;
CREATE TABLE stock_hold (
    tenant_id UUID NOT NULL, hold_id UUID NOT NULL, stock_id UUID NOT NULL, item_id UUID NOT NULL,
    location_id UUID NOT NULL, quantity bigint NOT NULL CHECK (quantity > 0), expires_at TIME NOT NULL,
    PRIMARY KEY (tenant_id, hold_id));
CREATE INDEX stock_hold_item ON stock_hold (tenant_id, item_id);
CREATE INDEX stock_hold_expiry ON stock_hold (expires_at);
";
