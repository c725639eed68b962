//! Tenants keep apart.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use crate::{
    api::{answer, fresh_key},
    shop::{Shop, id, units},
    world::World,
};

/// A body that each operation would accept from the owner.
fn body(path: &str) -> Value {
    match path.rsplit('/').next().unwrap_or_default() {
        "hold" => json!({ "kind": "manual" }),
        "reject" => json!({ "reason": "declined" }),
        "{endpoint_id}" => json!({ "enabled": false }),
        _ => json!({}),
    }
}

pub(crate) async fn no_route_shows_or_changes_anothers_things(world: Arc<World>) {
    let owner = Shop::open(&world, "owner").await;
    let stranger = Shop::open(&world, "stranger").await;
    owner.items(&["secret-mug"]).await;
    owner.receive("secret-mug", "NEAR", 5).await;
    let order = owner.place(&[("secret-mug", 1)]).await;
    let fulfilment = owner.until_fulfilment(&order, "requested").await;
    let second = owner.place(&[("secret-mug", 1)]).await;
    let shipped = owner.until_fulfilment(&second, "requested").await;
    owner.ship(&shipped).await;
    let hook = json!({ "url": world.receivers.webhook_url("owner") });
    let endpoint = id(&owner.api.post("/v1/webhook-endpoints", &hook).await.ok());
    let third = owner.place(&[("secret-mug", 1)]).await;
    let delivery = crate::wait::until("a delivery", async || {
        let found = owner.api.all(&format!("/v1/webhook-endpoints/{endpoint}/deliveries")).await;
        found.first().map(id).ok_or("none")
    })
    .await;
    let keys = owner.api.get("/v1/api-keys").await.ok();
    let shipment = id(&owner.api.all(&format!("/v1/shipments?order_id={second}")).await[0]);
    let ids: BTreeMap<&str, String> = BTreeMap::from([
        ("{order_id}", order.clone()),
        ("{fulfilment_id}", fulfilment),
        ("{shipment_id}", shipment),
        ("{endpoint_id}", endpoint),
        ("{delivery_id}", delivery),
        ("{key_id}", id(&keys["data"][0])),
        ("{sku}", "secret-mug".to_owned()),
    ]);
    let snapshot = async || {
        let mut seen = Vec::new();
        for path in ["/v1/orders", "/v1/fulfilments", "/v1/webhook-endpoints", "/v1/api-keys", "/v1/items"] {
            seen.push(owner.api.get(path).await.ok());
        }
        // The use of a key is written down some time after it was used.
        for entry in seen.iter_mut().filter_map(|it| it["data"].as_array_mut()).flatten() {
            entry.as_object_mut().and_then(|entry| entry.remove("last_used_at"));
        }
        seen
    };
    for rest in [&order, &third] {
        owner.until_units(rest, &[("in_fulfilment", 1)]).await;
    }
    owner.until_fulfilment(&third, "requested").await;
    owner.until_status(&second, "completed").await;

    let description: Value = serde_json::from_str(&qm_gateway::openapi_json().unwrap()).unwrap();
    let mut asked = 0;
    let before = snapshot().await;
    for (path, methods) in description["paths"].as_object().unwrap() {
        let real = path
            .split('/')
            .map(|part| ids.get(part).map_or(part, String::as_str))
            .collect::<Vec<_>>()
            .join("/");
        for (method, operation) in methods.as_object().unwrap() {
            if operation["security"] == json!([{}]) || path == "/v1/changes" {
                continue;
            }
            let method: reqwest::Method = method.to_uppercase().parse().unwrap();
            let mut request =
                stranger.api.request(method.clone(), &real).header("idempotency-key", fresh_key());
            if method != reqwest::Method::GET && method != reqwest::Method::DELETE {
                request = request.json(&body(path));
            }
            let got = answer(request.send().await.unwrap()).await;
            asked += 1;
            if real != *path && !path.starts_with("/v1/templates") {
                assert_eq!(got.status, 404, "{method} {path}: {}", got.body);
            } else {
                // A list of one's own, or a body that lacks something; never the owner's.
                let text = got.body.to_string();
                for secret in ids.values().chain([&second, &owner.email]) {
                    assert!(!text.contains(secret.as_str()), "{method} {path} shows {secret}: {text}");
                }
                assert!(got.status < 500, "{method} {path}: {text}");
            }
        }
    }
    assert!(asked > 40, "{asked}");
    assert_eq!(snapshot().await, before, "nothing of the owner's has changed");
    // Filters by another's ids find nothing.
    for path in [
        format!("/v1/fulfilments?order_id={order}"),
        format!("/v1/shipments?order_id={order}"),
        format!("/v1/messages?order_id={order}"),
    ] {
        assert!(stranger.api.all(&path).await.is_empty(), "{path}");
    }
}

pub(crate) async fn two_tenants_with_the_same_skus_in_one_batch_keep_apart(world: Arc<World>) {
    let one = Shop::open(&world, "twin-one").await;
    let two = Shop::open(&world, "twin-two").await;
    for shop in [&one, &two] {
        shop.items(&["mug"]).await;
    }
    one.receive("mug", "NEAR", 10).await;
    two.receive("mug", "FAR", 3).await;
    let place = async |shop: &Shop| shop.place(&[("mug", 1)]).await;
    let both = (0..8).map(|_| async { futures::join!(place(&one), place(&two)) });
    let orders = futures::future::join_all(both).await;
    for (order, _) in &orders {
        one.until_units(order, &[("in_fulfilment", 1)]).await;
    }
    let mut sold = 0;
    for (_, order) in &orders {
        let seen = crate::wait::until("rest", async || {
            let seen = units(&two.read(order).await);
            let is_rest = seen.contains_key("in_fulfilment") || seen.contains_key("backordered");
            if is_rest { Ok(seen) } else { Err(format!("{seen:?}")) }
        })
        .await;
        sold += seen.get("in_fulfilment").copied().unwrap_or_default();
    }
    assert_eq!(sold, 3, "what the one has, the other cannot sell");
    let numbers: Vec<_> =
        two.api.all("/v1/orders").await.iter().map(|order| order["number"].clone()).collect();
    assert_eq!(numbers.len(), 8);
    assert_eq!(one.stock("mug", "NEAR").await["allocated"], 8);
}
