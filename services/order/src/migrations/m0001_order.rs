//! Orders with their parts, and what order knows of items and locations.

use qm_database::schema;
use sea_orm::{ConnectionTrait as _, DatabaseBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0001_order"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (uuid, time, date) = match manager.get_database_backend() {
            DatabaseBackend::Postgres => ("uuid", "timestamptz", "date"),
            _ => ("uuid_blob", "text", "text"),
        };
        let sql = TABLES.replace("UUID", uuid).replace("TIME", time).replace("DATE", date);
        manager.get_connection().execute_unprepared(&sql).await?;
        for table in TENANT_TABLES {
            schema::protect_tenant_table(manager, table).await?;
        }
        schema::protect_append_only_table(manager, "timeline").await
    }
}

const TENANT_TABLES: [&str; 10] = [
    "orders",
    "line",
    "piece",
    "attempt",
    "fulfilment",
    "hold",
    "arrival",
    "order_number",
    "item",
    "location",
];

// Lists go by the time of placing, newest first; each filter that lists offer has an index that ends with that order.
// Partial indexes hold only what waits, so that sweeps and wake-ups cost the same however many orders were ever placed.
const TABLES: &str = "
CREATE TABLE orders (
    tenant_id UUID NOT NULL, order_id UUID NOT NULL, number bigint NOT NULL, revision bigint NOT NULL,
    status text NOT NULL, fulfilment_status text NOT NULL, channel text NOT NULL, external_id text, currency text NOT NULL,
    customer_reference text NOT NULL, customer_name text NOT NULL, customer_email text NOT NULL,
    customer_phone text NOT NULL, customer_locale text NOT NULL, ship_to text, pickup_location_id UUID,
    service_level text NOT NULL, promise_by DATE, current_promise DATE, priority integer NOT NULL,
    shipping_minor bigint NOT NULL, fees text NOT NULL, discount_minor bigint NOT NULL, total_minor bigint NOT NULL,
    told_allocated boolean NOT NULL, told_end boolean NOT NULL, timeline_length bigint NOT NULL, due_at TIME,
    placed_at TIME NOT NULL, created_at TIME NOT NULL, updated_at TIME NOT NULL,
    PRIMARY KEY (tenant_id, order_id), UNIQUE (tenant_id, number));
CREATE UNIQUE INDEX orders_external ON orders (tenant_id, external_id, channel);
CREATE INDEX orders_placed ON orders (tenant_id, placed_at, order_id);
CREATE INDEX orders_status ON orders (tenant_id, status, placed_at, order_id);
CREATE INDEX orders_channel ON orders (tenant_id, channel, placed_at, order_id);
CREATE INDEX orders_email ON orders (tenant_id, customer_email, placed_at, order_id);
CREATE INDEX orders_due ON orders (due_at) WHERE due_at IS NOT NULL;
CREATE TABLE line (
    tenant_id UUID NOT NULL, order_id UUID NOT NULL, line_id UUID NOT NULL, position integer NOT NULL, item_id UUID NOT NULL,
    sku text NOT NULL, title text NOT NULL, quantity bigint NOT NULL CHECK (quantity > 0), unit_price_micros bigint NOT NULL,
    discount_minor bigint NOT NULL, net_minor bigint NOT NULL, tax_minor bigint NOT NULL, tax_inclusive boolean NOT NULL,
    PRIMARY KEY (tenant_id, order_id, line_id),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, order_id));
CREATE TABLE piece (
    tenant_id UUID NOT NULL, order_id UUID NOT NULL, line_id UUID NOT NULL, first_unit bigint NOT NULL CHECK (first_unit >= 0),
    quantity bigint NOT NULL CHECK (quantity > 0), bucket text NOT NULL, attempt integer NOT NULL, plan_id UUID,
    reservation_id UUID, location_id UUID, fulfilment_id UUID, item_id UUID NOT NULL,
    priority integer NOT NULL, placed_at TIME NOT NULL,
    PRIMARY KEY (tenant_id, order_id, line_id, first_unit),
    FOREIGN KEY (tenant_id, order_id, line_id) REFERENCES line (tenant_id, order_id, line_id));
CREATE INDEX piece_backordered ON piece (tenant_id, item_id, priority DESC, placed_at, order_id) WHERE bucket = 'backordered';
CREATE INDEX piece_reservation ON piece (tenant_id, reservation_id, line_id, item_id, location_id)
    WHERE reservation_id IS NOT NULL;
CREATE INDEX piece_bucket ON piece (tenant_id, bucket);
CREATE TABLE attempt (
    tenant_id UUID NOT NULL, order_id UUID NOT NULL, number integer NOT NULL, reason text NOT NULL,
    rejections integer NOT NULL, exclusions text NOT NULL, sees_until TIME NOT NULL,
    told_unfillable boolean NOT NULL, broken text NOT NULL, asks integer NOT NULL, due_at TIME,
    PRIMARY KEY (tenant_id, order_id, number),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, order_id));
CREATE TABLE fulfilment (
    tenant_id UUID NOT NULL, order_id UUID NOT NULL, fulfilment_id UUID NOT NULL, position integer NOT NULL,
    plan_id UUID NOT NULL, reservation_id UUID NOT NULL, location_id UUID NOT NULL, group_name text NOT NULL,
    kind integer NOT NULL, ship_by text NOT NULL, promised DATE, state text NOT NULL, asks integer NOT NULL, due_at TIME,
    reports text NOT NULL, journeys text NOT NULL, broken text NOT NULL,
    PRIMARY KEY (tenant_id, order_id, fulfilment_id), UNIQUE (tenant_id, fulfilment_id),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, order_id));
CREATE TABLE hold (
    tenant_id UUID NOT NULL, order_id UUID NOT NULL, hold_id UUID NOT NULL, position integer NOT NULL, kind text NOT NULL,
    reason text NOT NULL, actor_kind text NOT NULL, actor_id text NOT NULL, placed_at TIME NOT NULL, released_at TIME,
    PRIMARY KEY (tenant_id, order_id, hold_id),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, order_id));
CREATE TABLE timeline (
    tenant_id UUID NOT NULL, order_id UUID NOT NULL, sequence bigint NOT NULL, command text NOT NULL, outcome text NOT NULL,
    cause_event_id UUID, actor_kind text NOT NULL, actor_id text NOT NULL, at TIME NOT NULL,
    PRIMARY KEY (tenant_id, order_id, sequence),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, order_id));
CREATE TABLE arrival (
    tenant_id UUID NOT NULL, item_id UUID NOT NULL, latest_at TIME, unserved bigint NOT NULL CHECK (unserved >= 0),
    spare text NOT NULL, PRIMARY KEY (tenant_id, item_id));
CREATE INDEX arrival_unserved ON arrival (tenant_id, item_id) WHERE unserved > 0;
CREATE TABLE order_number (tenant_id UUID PRIMARY KEY, last_number bigint NOT NULL);
CREATE TABLE item (
    tenant_id UUID NOT NULL, item_id UUID NOT NULL, sku text NOT NULL, name text NOT NULL, version bigint NOT NULL,
    PRIMARY KEY (tenant_id, item_id));
CREATE INDEX item_sku ON item (tenant_id, sku);
CREATE TABLE location (
    tenant_id UUID NOT NULL, location_id UUID NOT NULL, code text NOT NULL, can_pickup boolean NOT NULL,
    version bigint NOT NULL, PRIMARY KEY (tenant_id, location_id));
CREATE INDEX location_code ON location (tenant_id, code);
";
