//! Requests that are wrong in themselves.

use reqwest::{Method, Response};

use crate::world::{World, problem};

async fn post(world: &World, path: &str, kind: &str, body: impl Into<reqwest::Body>) -> Response {
    let request =
        world.request(Method::POST, path).header("idempotency-key", "k").header("content-type", kind);
    request.body(body).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_bodies_are_refused_by_the_field_at_fault_before_anybody_is_asked() {
    let world = World::start("").await;
    let order = |change: &str, to: &str| {
        let good = r#"{"channel":"web","currency":"USD","customer":{"name":"A","email":"a@b.c"},"lines":[{"sku":"a","quantity":1,"unit_price":"1.00"}],"total_minor":100}"#;
        assert!(change.is_empty() || good.contains(change), "{change}");
        good.replacen(change, to, 1)
    };
    let cases: Vec<(Vec<u8>, u16, &str, &str)> = vec![
        (
            order("\"sku\":\"a\"", "\"sku\":\"a\",\"colour\":1").into(),
            400,
            "unknown_field",
            "lines[0].colour",
        ),
        (order("\"quantity\":1", "\"quantity\":\"1\"").into(), 400, "invalid_value", "lines[0].quantity"),
        (order("\"quantity\":1", "\"quantity\":1.5").into(), 400, "invalid_value", "lines[0].quantity"),
        (order("\"quantity\":1", "\"quantity\":1e30").into(), 400, "invalid_value", "lines[0].quantity"),
        (
            order("\"unit_price\":\"1.00\"", "\"unit_price\":1.0").into(),
            400,
            "invalid_value",
            "lines[0].unit_price",
        ),
        (order("\"currency\":\"USD\",", "").into(), 400, "required", "currency"),
        (
            order("\"channel\":\"web\"", "\"channel\":\"web\",\"channel\":\"app\"").into(),
            400,
            "duplicate_field",
            "channel",
        ),
        (
            order("\"channel\":\"web\"", "\"channel\":\"web\",\"fulfilment\":\"teleport\"").into(),
            400,
            "invalid_value",
            "fulfilment",
        ),
        (
            order("\"channel\":\"web\"", "\"channel\":\"web\",\"fulfilment\":\"digital\"").into(),
            400,
            "invalid_value",
            "fulfilment",
        ),
        (order("100}", "100").into(), 400, "malformed_json", ""),
        (b"\xff\xfe".to_vec(), 400, "malformed_json", ""),
        (b"[]".to_vec(), 400, "invalid_value", ""),
        (
            order("{\"name\":\"A\",\"email\":\"a@b.c\"}", "[null,\"A\",\"a@b.c\"]").into(),
            400,
            "invalid_value",
            "customer",
        ),
        (
            order("{\"sku\":\"a\",\"quantity\":1,\"unit_price\":\"1.00\"}", "[\"a\",null,1,\"1.00\"]").into(),
            400,
            "invalid_value",
            "lines[0]",
        ),
        (
            order("\"lines\"", "\"ship_to\":[\"A\",\"1 Main St\",null,\"X\",null,null,\"US\"],\"lines\"")
                .into(),
            400,
            "invalid_value",
            "ship_to",
        ),
        (b"".to_vec(), 400, "required", "channel"),
        (format!("{{\"lines\":{}", "[".repeat(50_000)).into(), 400, "invalid_value", "lines[0]"),
        (vec![b' '; 5 << 20], 413, "body_too_large", ""),
    ];
    for (body, status, code, field) in cases {
        let shown = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
        let answer = problem(post(&world, "/v1/orders", "application/json", body).await).await;
        assert_eq!(answer, (status, code.to_owned(), field.to_owned()), "{shown}");
    }
    for kind in ["text/plain", "application/xml", "", "multipart/form-data; boundary=x"] {
        let answer = problem(post(&world, "/v1/orders", kind, order("", "")).await).await;
        assert_eq!(answer.0, 415, "{kind}");
    }
    for kind in ["application/json; charset=utf-8", "Application/JSON", "application/merge-patch+json"] {
        let answer = problem(post(&world, "/v1/orders", kind, order("", "")).await).await;
        assert_eq!(answer.0, 503, "{kind}: understood, and order is away");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn null_is_the_same_as_nothing_in_every_field_that_may_be_left_out() {
    let world = World::start("").await;
    let description: serde_json::Value = serde_json::from_str(&qm_gateway::openapi_json().unwrap()).unwrap();
    let put = async |path: &str, body: serde_json::Value| {
        let request = world.request(Method::PUT, path).json(&body);
        problem(request.send().await.unwrap()).await
    };
    let away = (503, "unavailable".to_owned(), String::new());
    let address = serde_json::json!({ "line1": "1 Main St", "city": "X", "country": "US" });
    let mut location = serde_json::json!({ "code": "DC01", "name": "A", "kind": "store", "address": address,
        "time_zone": "UTC", "cutoff_local": "14:00" });
    let mut item = serde_json::json!({ "sku": "a", "name": "A", "weight_grams": 1 });
    for (schema, value) in [("NewLocation", &mut location), ("NewItem", &mut item)] {
        for name in description["components"]["schemas"][schema]["properties"].as_object().unwrap().keys() {
            value.as_object_mut().unwrap().entry(name).or_insert(serde_json::Value::Null);
        }
        assert!(value.as_object().unwrap().values().any(serde_json::Value::is_null), "{schema}");
    }
    assert_eq!(put("/v1/locations", serde_json::json!({ "locations": [location] })).await, away);
    assert_eq!(put("/v1/items", serde_json::json!({ "items": [item] })).await, away);

    // What has a default is described as nullable, everywhere.
    for (name, schema) in description["components"]["schemas"].as_object().unwrap() {
        let is_asked = schema["additionalProperties"] == false;
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        for (field, about) in schema["properties"].as_object().into_iter().flatten().filter(|_| is_asked) {
            let may_be_absent = !required.iter().any(|it| it == field);
            assert_eq!(may_be_absent, about.to_string().contains("\"null\""), "{name}.{field}: {about}");
        }
    }
    assert_eq!(
        put("/v1/items", serde_json::json!({ "items": [{ "sku": "a", "name": "A", "weight_grams": 1, "storage_class": "" }] })).await,
        (400, "invalid_value".to_owned(), "items[0].storage_class".to_owned())
    );
    location["capacity_per_day"] = "many".into();
    let refused = put("/v1/locations", serde_json::json!({ "locations": [location] })).await;
    assert_eq!(refused, (400, "invalid_value".to_owned(), "locations[0].capacity_per_day".to_owned()));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_and_headers_are_refused_by_name() {
    let world = World::start("").await;
    let get = async |path: &str| problem(world.request(Method::GET, path).send().await.unwrap()).await;
    let is = |status: u16, code: &str, field: &str| (status, code.to_owned(), field.to_owned());
    assert_eq!(get("/v1/orders?colour=red").await, is(400, "unknown_field", "colour"));
    assert_eq!(get("/v1/orders?limit=many").await, is(400, "invalid_value", "limit"));
    assert_eq!(get("/v1/orders?status=a&status=b").await, is(400, "duplicate_field", "status"));
    assert_eq!(get("/v1/stock/movements?sku=a").await, is(400, "required", "location"));
    assert_eq!(get("/v1/availability?skus=,").await, is(400, "out_of_range", "skus"));
    assert_eq!(get("/v1/fulfilments?order_id=").await, is(400, "required", "order_id"));
    assert_eq!(get("/v1/orders?placed_until=%20").await, is(400, "required", "placed_until"));
    assert_eq!(get("/v1/changes?after=-1").await, is(400, "out_of_range", "after"));
    assert_eq!(get("/v1/nothing").await, is(404, "route_not_found", ""));
    assert_eq!(get("/nothing").await, is(404, "route_not_found", ""));

    let order = "{\"reason\":\"x\"}";
    let request = |key: Option<&str>| {
        let request =
            world.request(Method::POST, "/v1/orders/x/cancel").header("content-type", "application/json");
        match key {
            Some(key) => request.header("idempotency-key", key).body(order),
            None => request.body(order),
        }
    };
    let sent = async |request: reqwest::RequestBuilder| problem(request.send().await.unwrap()).await;
    assert_eq!(sent(request(None)).await, is(400, "required", "Idempotency-Key"));
    assert_eq!(sent(request(Some("a b"))).await, is(400, "malformed_idempotency_key", "Idempotency-Key"));
    assert_eq!(sent(request(Some(&"k".repeat(256)))).await.1, "malformed_idempotency_key");
    assert_eq!(
        sent(request(Some("k")).header("if-match", "7")).await,
        is(400, "malformed_entity_tag", "If-Match")
    );
    let put = world.request(Method::PUT, "/v1/orders").send().await.unwrap();
    assert_eq!(problem(put).await, is(405, "method_not_allowed", ""));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_with_too_much_to_do_says_so_at_once() {
    let world = World::start("max_in_flight = 1\n").await;
    // One request that never ends: its body does not.
    let endless = || {
        let body = futures::stream::pending::<Result<Vec<u8>, std::io::Error>>();
        let request = world.request(Method::POST, "/v1/orders").header("idempotency-key", "k");
        tokio::spawn(request.body(reqwest::Body::wrap_stream(body)).send())
    };
    let mut busy = endless();
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        let response = world.request(Method::GET, "/v1/api-keys").send().await.unwrap();
        if response.status() == 503 {
            assert_eq!(response.headers()["retry-after"], "1");
            let body: serde_json::Value = response.json().await.unwrap();
            assert_eq!(body["code"], "overloaded");
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "never overloaded");
        // It may itself have come while another was at work.
        if busy.is_finished() {
            busy = endless();
        }
        tokio::task::yield_now().await;
    }
    busy.abort();
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_that_an_address_does_not_take_is_told_which_it_does() {
    let world = World::start("").await;
    for (method, path, allowed) in [
        (Method::TRACE, "/v1/orders", "GET, POST"),
        (Method::PUT, "/v1/webhook-endpoints/x", "PATCH, DELETE"),
        (Method::POST, "/v1/items/x", "GET"),
        (Method::DELETE, "/v1/carriers/simulated/tracking", "POST"),
        (Method::POST, "/t/x", "GET"),
    ] {
        let response = world.request(method.clone(), path).send().await.unwrap();
        assert_eq!(response.headers()["allow"], allowed, "{method} {path}");
        assert_eq!(problem(response).await, (405, "method_not_allowed".to_owned(), String::new()));
    }
    world.stop().await;
}
