\set lines random(1, 4)
WITH new AS (
    INSERT INTO orders SELECT '018f0000-0000-7000-8000-000000000001', gen_random_uuid(), random() * 1000000000, 'placed', 'web',
        gen_random_uuid()::text, 'shopper@example.com', repeat('address ', 12), 4200, now()
    RETURNING tenant_id, order_id
), lines AS (
    INSERT INTO line SELECT tenant_id, order_id, position, 'SKU-' || position, 'A title of some length', 2, 2100000, 4200
    FROM new, generate_series(1, :lines) AS position
)
INSERT INTO outbox SELECT gen_random_uuid(), tenant_id, decode(repeat('00', 300), 'hex'), now() FROM new;
