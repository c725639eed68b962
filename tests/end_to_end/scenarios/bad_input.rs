//! Requests that are wrong: refused by the field at fault, and nothing is stored.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    api::{answer, fresh_key},
    shop::Shop,
    world::World,
};

pub(crate) async fn bad_orders_are_refused_by_the_field_at_fault_and_nothing_is_stored(world: Arc<World>) {
    let shop = Shop::open(&world, "bad-orders").await;
    shop.items(&["mug"]).await;
    let good = shop.order(&[("mug", 2)]);
    // Where, what instead, and the field that must be named; null takes the field away.
    let cases = [
        ("/channel", json!("carrier pigeon"), "channel"),
        ("/currency", json!("usd"), "currency"),
        ("/currency", json!("XXQ"), "currency"),
        ("/customer/email", json!("nobody"), "customer.email"),
        ("/customer/name", json!("a\u{0}b"), "customer.name"),
        ("/ship_to", Value::Null, "ship_to"),
        ("/ship_to/country", json!("USA"), "ship_to.country"),
        ("/ship_to/latitude", json!(91.0), "ship_to.latitude"),
        ("/ship_to/longitude", Value::Null, "ship_to.longitude"),
        ("/lines", json!([]), "lines"),
        ("/lines/0/sku", json!("unknown"), "lines[0].sku"),
        ("/lines/0/quantity", json!(0), "lines[0].quantity"),
        ("/lines/0/quantity", json!(-1), "lines[0].quantity"),
        ("/lines/0/quantity", json!(9_000_000_000_000_000_000_i64), "lines[0].quantity"),
        ("/lines/0/unit_price", json!("-1.00"), "lines[0].unit_price"),
        ("/lines/0/unit_price", json!("1e3"), "lines[0].unit_price"),
        ("/lines/0/unit_price", json!("1.0000001"), "lines[0].unit_price"),
        ("/lines/0/discount_minor", json!(2_001), "lines[0].discount_minor"),
        ("/lines/0/tax_minor", json!(-1), "lines[0].tax_minor"),
        ("/total_minor", json!(1_999), "total_minor"),
        ("/shipping_minor", json!(-5), "shipping_minor"),
        ("/promise_by", json!("tomorrow"), "promise_by"),
        ("/placed_at", json!("yesterday"), "placed_at"),
        ("/fulfilment", json!("pickup"), "pickup_location"),
        ("/service_level", json!("x".repeat(200)), "service_level"),
    ];
    for (pointer, value, field) in cases {
        let mut order = good.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = order.pointer_mut(parent).unwrap();
        if value.is_null() {
            parent.as_object_mut().unwrap().remove(name);
        } else if let Some(object) = parent.as_object_mut() {
            object.insert(name.to_owned(), value.clone());
        }
        let (status, code, named) = shop.api.post("/v1/orders", &order).await.refused();
        assert!((400..500).contains(&status), "{pointer} = {value}: {status} {code}");
        assert_eq!(named, field, "{pointer} = {value}: {status} {code}");
    }
    let line = json!({ "sku": "mug", "quantity": 1, "unit_price": "1.00" });
    let mut long = good.clone();
    long["lines"] = Value::Array(vec![line; 10_000]);
    long["total_minor"] = json!(1_000_000);
    assert_eq!(shop.api.post("/v1/orders", &long).await.refused().2, "lines");
    assert!(shop.api.all("/v1/orders").await.is_empty(), "nothing was stored");

    // One bad order of a batch is refused alone.
    let mut bad = good.clone();
    bad["total_minor"] = json!(1);
    let batch = shop.api.post("/v1/orders/batch", &json!({ "orders": [good, bad] })).await.ok();
    let statuses: Vec<_> =
        batch["results"].as_array().unwrap().iter().map(|it| it["status"].as_i64()).collect();
    assert_eq!(statuses, [Some(201), Some(400)]);
    assert_eq!(batch["results"][1]["problem"]["field"], "total_minor");
    assert_eq!(shop.api.all("/v1/orders").await.len(), 1);
    let key = fresh_key();
    let once = json!({ "orders": [shop.order(&[("mug", 1)]), shop.order(&[("mug", 3)])] });
    let first = shop.api.post_once("/v1/orders/batch", &once, &key).await.ok();
    let again = shop.api.post_once("/v1/orders/batch", &once, &key).await.ok();
    for index in 0..2 {
        assert_eq!(first["results"][index]["order"]["id"], again["results"][index]["order"]["id"]);
    }
    assert_eq!(shop.api.all("/v1/orders").await.len(), 3);
}

pub(crate) async fn bad_masters_and_movements_are_refused_by_the_field_at_fault(world: Arc<World>) {
    let shop = Shop::open(&world, "bad-masters").await;
    shop.items(&["mug"]).await;
    let item = |change: &str, value: Value| {
        let mut item = json!({ "sku": "tea", "name": "Tea", "weight_grams": 1 });
        item[change] = value;
        json!({ "items": [{ "sku": "fine", "name": "Fine", "weight_grams": 1 }, item] })
    };
    for (change, value) in [
        ("sku", json!("")),
        ("name", json!("a\u{0}")),
        ("weight_grams", json!(-1)),
        ("storage_class", json!("lava")),
        ("low_stock_threshold", json!(-1)),
    ] {
        let refused = shop.api.put("/v1/items", &item(change, value.clone())).await.refused();
        assert_eq!((refused.0, refused.2.as_str()), (400, format!("items[1].{change}").as_str()), "{value}");
    }
    assert_eq!(shop.api.get("/v1/items/fine").await.status, 404, "all or none");

    let movement = |change: &str, value: Value| {
        let mut movement = json!({ "sku": "mug", "location": "NEAR", "kind": "receive", "quantity": 1 });
        movement[change] = value;
        json!({ "movements": [{ "sku": "mug", "location": "FAR", "kind": "receive", "quantity": 7 }, movement] })
    };
    for (change, value) in [
        ("sku", json!("nothing")),
        ("location", json!("NOWHERE")),
        ("quantity", json!(0)),
        ("quantity", json!(-1)),
        ("quantity", json!(2_000_000_000)),
        ("expected_version", json!(-1)),
    ] {
        let refused = shop.api.post("/v1/stock/movements", &movement(change, value.clone())).await.refused();
        assert!((400..500).contains(&refused.0), "{refused:?}");
        assert_eq!(refused.2, format!("movements[1].{change}"), "{value}: {refused:?}");
    }
    let stale =
        shop.api.post("/v1/stock/movements", &movement("expected_version", json!(99))).await.refused();
    assert_eq!(stale.0, 412, "{stale:?}");
    assert!(shop.api.all("/v1/stock?sku=mug").await.iter().all(|row| row["sellable"] == 0), "all or none");

    let location = |change: &str, value: Value| {
        let mut location = json!({ "code": "S1", "name": "Shop", "kind": "store", "time_zone": "Europe/Berlin",
            "cutoff_local": "12:00", "address": { "line1": "a", "city": "b", "country": "DE" } });
        location[change] = value;
        json!({ "locations": [location] })
    };
    for (change, value) in [
        ("kind", json!("castle")),
        ("time_zone", json!("Mars/Olympus")),
        ("cutoff_local", json!("25:00")),
        ("lead_days", json!(-1)),
        ("capacity_per_day", json!(-1)),
    ] {
        let refused = shop.api.put("/v1/locations", &location(change, value.clone())).await.refused();
        assert_eq!(
            (refused.0, refused.2.as_str()),
            (400, format!("locations[0].{change}").as_str()),
            "{value}"
        );
    }
    let band = json!({ "service_level": "standard", "zone": 1, "max_miles": 0, "base_minor": -1, "per_pound_micros": 0, "transit_days": 1 });
    let refused = shop.api.put("/v1/tariff", &json!({ "bands": [band] })).await.refused();
    assert!(refused.0 == 400 && refused.2.starts_with("bands[0]."), "{refused:?}");
}

pub(crate) async fn strange_ids_cursors_and_bodies_never_make_a_5xx(world: Arc<World>) {
    let shop = Shop::open(&world, "strange").await;
    let description: Value = serde_json::from_str(&qm_gateway::openapi_json().unwrap()).unwrap();
    let strange = [
        "x",
        "order_",
        "order_01jz8w6e9vfk4a1k7m1v0t9x2c",
        "%00",
        "..%2f..",
        "%ff",
        "0",
        "'%20OR%201=1--",
        "%F0%9F%92%A9",
    ];
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if path == "/v1/changes" {
                continue;
            }
            let method: reqwest::Method = method.to_uppercase().parse().unwrap();
            for part in strange {
                let real = path
                    .split('/')
                    .map(|it| if it.starts_with('{') { part } else { it })
                    .collect::<Vec<_>>()
                    .join("/");
                for query in [
                    "",
                    "?limit=0",
                    "?limit=-1",
                    "?limit=9999999999",
                    "?cursor=%00",
                    "?cursor=abc",
                    "?cursor=9~order_01jz8w6e9vfk4a1k7m1v0t9x2c",
                ] {
                    // Queries only matter where they are read.
                    if !query.is_empty() && (method != reqwest::Method::GET || part != "x") {
                        continue;
                    }
                    let request = shop.api.request(method.clone(), &format!("{real}{query}"));
                    let request = request
                        .header("idempotency-key", fresh_key())
                        .header("content-type", "application/json");
                    let request = if method == reqwest::Method::GET { request } else { request.body("{}") };
                    let got = answer(request.send().await.unwrap()).await;
                    assert!(got.status < 500, "{method} {real}{query}: {} {}", got.status, got.body);
                    if query.starts_with("?cursor")
                        && operation["parameters"].to_string().contains("\"cursor\"")
                    {
                        assert!(
                            got.status == 400 || got.status == 404,
                            "{real}{query}: {} {}",
                            got.status,
                            got.body
                        );
                    }
                }
            }
        }
    }
    for path in [
        "/v1/orders?email=%00",
        "/v1/orders?placed_from=x",
        "/v1/orders?number=-1",
        "/v1/stock?sku=%00",
        "/v1/stock?location=%00",
        "/v1/shipments?tracking_number=%00",
        "/v1/orders?external_id=%00",
        "/v1/orders?channel=%00",
        "/v1/fulfilments?status=x",
    ] {
        let got = shop.api.get(path).await;
        assert!(got.status < 500, "{path}: {} {}", got.status, got.body);
    }
    let big = shop.api.request(reqwest::Method::POST, "/v1/orders").header("idempotency-key", fresh_key());
    let big = big.header("content-type", "application/json").body(vec![b'['; 10 << 20]).send().await;
    // The server may have hung up before it was sent whole; what it says, it says as 413.
    if let Ok(response) = big {
        assert_eq!(response.status(), 413);
    }
}
