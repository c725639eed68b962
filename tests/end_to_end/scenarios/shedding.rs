//! More than can be served.

use std::sync::Arc;

use futures::future::join_all;

use crate::{api::fresh_key, shop::Shop, world::World};

/// Far more at a time than a gateway of eight places lets in.
const BUYERS: usize = 400;

pub(crate) async fn a_burst_beyond_capacity_is_served_or_put_off_and_nothing_promised_is_lost(
    world: Arc<World>,
) {
    let shop = Shop::open(&world, "burst").await;
    shop.items(&["mug"]).await;
    shop.receive("mug", "NEAR", 10_000).await;
    let order = shop.order(&[("mug", 1)]);
    let buyers = (0..BUYERS).map(|_| {
        let request = shop.api.request(reqwest::Method::POST, "/v1/orders").json(&order);
        async move {
            let response = request.header("idempotency-key", fresh_key()).send().await.unwrap();
            let wait = response
                .headers()
                .get("retry-after")
                .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
            let status = response.status().as_u16();
            let body: serde_json::Value = response.json().await.unwrap();
            (status, wait, body)
        }
    });
    let mut placed = Vec::new();
    for (status, wait, body) in join_all(buyers).await {
        match status {
            201 => placed.push(body["id"].as_str().unwrap().to_owned()),
            429 | 503 => assert!(
                wait.is_some_and(|seconds| seconds >= 1),
                "{status} does not say when to come again: {body}"
            ),
            _ => panic!("{status}: {body}"),
        }
    }
    assert!(!placed.is_empty(), "nobody was served");
    assert!(placed.len() < BUYERS, "nobody was put off: this says nothing");
    let mut stored: Vec<String> = shop.api.all("/v1/orders").await.iter().map(crate::shop::id).collect();
    stored.sort_unstable();
    placed.sort_unstable();
    assert_eq!(stored, placed, "what was answered with 201, and nothing else");
}
