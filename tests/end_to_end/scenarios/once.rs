//! Requests that count once, and stock that is sold once.

use std::{collections::BTreeSet, sync::Arc};

use futures::future::join_all;
use serde_json::json;

use crate::{
    api::{answer, fresh_key},
    shop::{Shop, id, units},
    wait,
    world::World,
};

pub(crate) async fn fifty_posts_at_once_under_one_key_place_one_order(world: Arc<World>) {
    let shop = Shop::open(&world, "fifty").await;
    shop.items(&["mug"]).await;
    let (order, key) = (shop.order(&[("mug", 1)]), fresh_key());
    let answers = join_all((0..50).map(|_| shop.api.post_once("/v1/orders", &order, &key))).await;
    let ids: BTreeSet<String> = answers
        .into_iter()
        .map(|answer| {
            assert_eq!(answer.status, 201, "{}", answer.body);
            id(&answer.body)
        })
        .collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(shop.api.all("/v1/orders").await.len(), 1);

    let other = shop.api.post_once("/v1/orders", &shop.order(&[("mug", 2)]), &key).await;
    assert_eq!(other.refused(), (422, "idempotency_key_reused".to_owned(), String::new()));
    // The same order in other words is another body: what was hashed is what was sent.
    let spaced = order.to_string().replacen(':', ": ", 1);
    let request = shop.api.request(reqwest::Method::POST, "/v1/orders").header("idempotency-key", &key);
    let spaced = request.header("content-type", "application/json").body(spaced).send().await.unwrap();
    assert_eq!(answer(spaced).await.status, 422);
    assert_eq!(shop.api.all("/v1/orders").await.len(), 1);
}

pub(crate) async fn four_hundred_buyers_of_a_hundred_units_get_exactly_a_hundred(world: Arc<World>) {
    let shop = Shop::open(&world, "hundred").await;
    shop.items(&["hot"]).await;
    shop.receive("hot", "NEAR", 60).await;
    shop.receive("hot", "FAR", 40).await;
    let orders = join_all((0..400).map(|_| shop.place(&[("hot", 1)]))).await;
    wait::until("all orders at rest", async || {
        let summary = shop.api.get("/v1/summary").await.ok();
        let units = &summary["units"];
        let (sold, waiting) = (units["in_fulfilment"].as_i64(), units["backordered"].as_i64());
        if sold == Some(100) && waiting == Some(300) { Ok(()) } else { Err(units.to_string()) }
    })
    .await;
    for (location, quantity) in [("NEAR", 60), ("FAR", 40)] {
        let stock = shop.stock("hot", location).await;
        assert_eq!((&stock["allocated"], &stock["available"]), (&json!(quantity), &json!(0)), "{stock}");
    }
    let mut sold = 0;
    for order in orders {
        sold += units(&shop.read(&order).await).get("in_fulfilment").copied().unwrap_or_default();
    }
    assert_eq!(sold, 100);
}

pub(crate) async fn an_answer_to_a_version_that_is_not_current_changes_nothing(world: Arc<World>) {
    let shop = Shop::open(&world, "versions").await;
    shop.items(&["rare"]).await;
    let order = shop.place(&[("rare", 1)]).await;
    shop.until_units(&order, &[("backordered", 1)]).await;
    let read = shop.api.get(&format!("/v1/orders/{order}")).await;
    let etag = read.etag.clone().unwrap();
    let fresh =
        shop.api.request(reqwest::Method::GET, &format!("/v1/orders/{order}")).header("if-none-match", &etag);
    assert_eq!(fresh.send().await.unwrap().status(), 304);
    let hold = |etag: &str| {
        let request = shop.api.request(reqwest::Method::POST, &format!("/v1/orders/{order}/hold"));
        request
            .header("idempotency-key", fresh_key())
            .header("if-match", etag)
            .json(&json!({ "kind": "manual" }))
    };
    assert_eq!(answer(hold("\"999\"").send().await.unwrap()).await.refused().0, 412);
    assert_eq!(shop.read(&order).await["holds"], json!([]));
    answer(hold(&etag).send().await.unwrap()).await.ok();
    assert_eq!(answer(hold(&etag).send().await.unwrap()).await.refused().0, 412);
    assert_eq!(shop.read(&order).await["holds"].as_array().unwrap().len(), 1);
}
