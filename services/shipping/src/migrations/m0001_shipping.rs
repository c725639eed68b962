//! Fulfilments with their parcels, shipments and tracking events, labels on their way, and what shipping knows of items
//! and locations.

use qm_database::schema;
use sea_orm::{ConnectionTrait as _, DatabaseBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0001_shipping"
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
        for table in [
            "arrival",
            "fulfilment",
            "fulfilment_line",
            "parcel",
            "shipment",
            "label_intent",
            "planned_scan",
            "item",
            "location",
        ] {
            schema::protect_tenant_table(manager, table).await?;
        }
        schema::protect_append_only_table(manager, "journal").await?;
        schema::protect_append_only_table(manager, "tracking_event").await
    }
}

// `arrival` holds the first word about a fulfilment, its request or its recall: whichever is second finds it, and of two at
// once one runs into the other's key and starts over.
//
// Lists go by the time of asking or buying, oldest first; each filter that lists offer has an index that ends with that
// order. The CHECK is a backstop of the law of units. A tracking number is the carrier's: it names one shipment among all
// tenants, and a message that carries it says nothing else about whose it is. Partial indexes hold only what waits.
const TABLES: &str = "
CREATE TABLE arrival (
    tenant_id UUID NOT NULL, fulfilment_id UUID NOT NULL, order_id UUID NOT NULL, is_recalled boolean NOT NULL,
    reason text NOT NULL, arrived_at TIME NOT NULL,
    PRIMARY KEY (tenant_id, fulfilment_id));
CREATE TABLE fulfilment (
    tenant_id UUID NOT NULL, fulfilment_id UUID NOT NULL, order_id UUID NOT NULL, order_number bigint NOT NULL,
    plan_id UUID NOT NULL, reservation_id UUID NOT NULL, location_id UUID NOT NULL, kind text NOT NULL,
    group_name text NOT NULL, service_level text NOT NULL, ship_by text NOT NULL, promise_by text NOT NULL,
    status text NOT NULL, labels text, reject_reason text, issued_at TIME, version bigint NOT NULL,
    requested_at TIME NOT NULL, updated_at TIME NOT NULL,
    PRIMARY KEY (tenant_id, fulfilment_id));
CREATE INDEX fulfilment_requested ON fulfilment (tenant_id, requested_at, fulfilment_id);
CREATE INDEX fulfilment_status ON fulfilment (tenant_id, status, requested_at, fulfilment_id);
CREATE INDEX fulfilment_location ON fulfilment (tenant_id, location_id, requested_at, fulfilment_id);
CREATE INDEX fulfilment_worklist ON fulfilment (tenant_id, location_id, status, requested_at, fulfilment_id);
CREATE INDEX fulfilment_order ON fulfilment (tenant_id, order_id, requested_at, fulfilment_id);
CREATE TABLE fulfilment_line (
    tenant_id UUID NOT NULL, fulfilment_id UUID NOT NULL, line_id UUID NOT NULL, item_id UUID NOT NULL,
    order_id UUID NOT NULL, reservation_id UUID NOT NULL, location_id UUID NOT NULL,
    quantity bigint NOT NULL CHECK (quantity > 0), rejected bigint NOT NULL CHECK (rejected >= 0),
    cancelled bigint NOT NULL CHECK (cancelled >= 0), issued bigint NOT NULL CHECK (issued >= 0),
    delivered bigint NOT NULL CHECK (delivered >= 0),
    PRIMARY KEY (tenant_id, fulfilment_id, line_id, item_id),
    CHECK (rejected + cancelled + issued <= quantity), CHECK (delivered <= issued),
    FOREIGN KEY (tenant_id, fulfilment_id) REFERENCES fulfilment (tenant_id, fulfilment_id));
CREATE INDEX line_issued ON fulfilment_line (tenant_id, reservation_id, line_id, location_id) WHERE issued > 0;
CREATE INDEX line_delivered ON fulfilment_line (tenant_id, order_id, line_id) WHERE delivered > 0;
CREATE TABLE parcel (
    tenant_id UUID NOT NULL, fulfilment_id UUID NOT NULL, parcel_id UUID NOT NULL, position integer NOT NULL,
    units text NOT NULL, weight_grams bigint NOT NULL CHECK (weight_grams >= 0),
    PRIMARY KEY (tenant_id, fulfilment_id, parcel_id),
    FOREIGN KEY (tenant_id, fulfilment_id) REFERENCES fulfilment (tenant_id, fulfilment_id));
CREATE TABLE shipment (
    tenant_id UUID NOT NULL, shipment_id UUID NOT NULL, fulfilment_id UUID NOT NULL, order_id UUID NOT NULL,
    parcel_id UUID NOT NULL, position integer NOT NULL, carrier text NOT NULL, tracking_number text NOT NULL,
    tracking_url text NOT NULL, label_url text NOT NULL, cost_minor bigint NOT NULL, status text NOT NULL,
    is_voided boolean NOT NULL, handed_over_at TIME, created_at TIME NOT NULL,
    PRIMARY KEY (tenant_id, shipment_id), UNIQUE (carrier, tracking_number),
    FOREIGN KEY (tenant_id, fulfilment_id) REFERENCES fulfilment (tenant_id, fulfilment_id));
CREATE INDEX shipment_fulfilment ON shipment (tenant_id, fulfilment_id);
CREATE INDEX shipment_created ON shipment (tenant_id, created_at, shipment_id);
CREATE INDEX shipment_status ON shipment (tenant_id, status, created_at, shipment_id);
CREATE INDEX shipment_order ON shipment (tenant_id, order_id, created_at, shipment_id);
CREATE INDEX shipment_number ON shipment (tenant_id, tracking_number);
CREATE TABLE tracking_event (
    tenant_id UUID NOT NULL, shipment_id UUID NOT NULL, carrier_event_id text NOT NULL, status text NOT NULL,
    description text NOT NULL, place text NOT NULL, occurred_at TIME NOT NULL, recorded_at TIME NOT NULL,
    PRIMARY KEY (tenant_id, shipment_id, carrier_event_id),
    FOREIGN KEY (tenant_id, shipment_id) REFERENCES shipment (tenant_id, shipment_id));
CREATE TABLE journal (
    tenant_id UUID NOT NULL, fulfilment_id UUID NOT NULL, version bigint NOT NULL, command text NOT NULL,
    note text NOT NULL, cause_event_id UUID, actor_kind text NOT NULL, actor_id text NOT NULL, at TIME NOT NULL,
    PRIMARY KEY (tenant_id, fulfilment_id, version),
    FOREIGN KEY (tenant_id, fulfilment_id) REFERENCES fulfilment (tenant_id, fulfilment_id));
CREATE TABLE label_intent (
    tenant_id UUID NOT NULL, parcel_id UUID NOT NULL, fulfilment_id UUID NOT NULL, location_id UUID NOT NULL,
    carrier text NOT NULL, service_level text NOT NULL, weight_grams bigint NOT NULL, state text NOT NULL,
    tracking_number text NOT NULL, attempts integer NOT NULL, last_error text NOT NULL, due_at TIME,
    created_at TIME NOT NULL, updated_at TIME NOT NULL,
    PRIMARY KEY (tenant_id, parcel_id),
    FOREIGN KEY (tenant_id, fulfilment_id) REFERENCES fulfilment (tenant_id, fulfilment_id));
CREATE INDEX label_intent_fulfilment ON label_intent (tenant_id, fulfilment_id);
CREATE INDEX label_intent_due ON label_intent (due_at) WHERE due_at IS NOT NULL;
CREATE TABLE planned_scan (
    tenant_id UUID NOT NULL, scan_id UUID NOT NULL, carrier text NOT NULL, tracking_number text NOT NULL,
    carrier_event_id text NOT NULL, status text NOT NULL, description text NOT NULL, place text NOT NULL,
    occurs_at TIME NOT NULL, attempts integer NOT NULL, last_error text NOT NULL, due_at TIME,
    PRIMARY KEY (tenant_id, scan_id));
CREATE INDEX planned_scan_due ON planned_scan (due_at) WHERE due_at IS NOT NULL;
CREATE TABLE item (
    tenant_id UUID NOT NULL, item_id UUID NOT NULL, sku text NOT NULL, weight_grams bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, item_id));
CREATE TABLE location (
    tenant_id UUID NOT NULL, location_id UUID NOT NULL, code text NOT NULL, name text NOT NULL, postal_code text NOT NULL,
    country text NOT NULL, version bigint NOT NULL,
    PRIMARY KEY (tenant_id, location_id));
";
