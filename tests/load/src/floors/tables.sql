-- An order's own rows as a plain design has them: the order, its lines, and an event.
CREATE TABLE orders (
    tenant_id uuid NOT NULL, order_id uuid NOT NULL, number bigint NOT NULL, status text NOT NULL, channel text NOT NULL,
    external_id text, email text NOT NULL, ship_to text, total_minor bigint NOT NULL, placed_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, order_id));
CREATE UNIQUE INDEX ON orders (tenant_id, external_id);
CREATE INDEX ON orders (tenant_id, status, placed_at);
CREATE TABLE line (
    tenant_id uuid NOT NULL, order_id uuid NOT NULL, position integer NOT NULL, sku text NOT NULL, title text NOT NULL,
    quantity bigint NOT NULL, unit_price_micros bigint NOT NULL, net_minor bigint NOT NULL,
    PRIMARY KEY (tenant_id, order_id, position), FOREIGN KEY (tenant_id, order_id) REFERENCES orders);
CREATE TABLE outbox (event_id uuid PRIMARY KEY, tenant_id uuid NOT NULL, payload bytea NOT NULL, at timestamptz NOT NULL);
