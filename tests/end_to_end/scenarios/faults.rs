//! kill -9 in mid-load.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt as _, stream};

use crate::{
    api::fresh_key,
    shop::{Shop, id},
    wait,
    world::{Kind, World},
};

const ORDERS: usize = 120;

/// Places orders as a platform does: whoever gets no answer asks again under the same key, until there is one.
async fn place_stubbornly(shop: &Shop) -> String {
    let (order, key) = (shop.order(&[("mug", 1), ("tea", 2)]), fresh_key());
    wait::until("an answer", async || match shop.api.try_post("/v1/orders", &order, &key).await {
        Ok(answer) if answer.status == 201 => Ok(id(&answer.body)),
        Ok(answer) if answer.status >= 500 || answer.status == 429 => Err(answer.body.to_string()),
        Ok(answer) => panic!("{}: {}", answer.status, answer.body),
        Err(error) => Err(error.to_string()),
    })
    .await
}

/// Places orders while `breaking` breaks things; afterwards each is at rest and none is there twice.
async fn load_while(world: &World, name: &str, breaking: impl AsyncFn()) {
    let shop = Shop::open(world, name).await;
    shop.items(&["mug", "tea"]).await;
    // Enough for half of the orders, so that all ways are walked.
    shop.receive("mug", "NEAR", 40).await;
    shop.receive("mug", "FAR", 20).await;
    shop.receive("tea", "FAR", 240).await;
    let load =
        stream::iter(0..ORDERS).map(|_| place_stubbornly(&shop)).buffer_unordered(8).collect::<Vec<_>>();
    let (placed, ()) = futures::join!(load, breaking());
    wait::until("all orders at rest", async || {
        let summary = shop.api.get("/v1/summary").await;
        let units = summary.body["units"].as_object().cloned().unwrap_or_default();
        let is_rest = |(bucket, count): (&String, &serde_json::Value)| {
            count == 0 || ["in_fulfilment", "backordered"].contains(&bucket.as_str())
        };
        let total: i64 = units.values().filter_map(serde_json::Value::as_i64).sum();
        let is_all = total == 3 * i64::try_from(ORDERS).unwrap();
        if is_all && units.iter().all(is_rest) { Ok(()) } else { Err(summary.body.to_string()) }
    })
    .await;
    let stored = shop.api.all("/v1/orders").await;
    assert_eq!(stored.len(), ORDERS, "each placed once");
    for order in &placed {
        assert!(
            stored.iter().any(|it| it["id"] == order.as_str()),
            "{order} was answered with 201 and is lost"
        );
    }
    let allocated: i64 =
        shop.api.all("/v1/stock?sku=mug").await.iter().filter_map(|row| row["allocated"].as_i64()).sum();
    assert_eq!(allocated, 60, "all that there is, and no more");
}

async fn pause() {
    tokio::time::sleep(Duration::from_millis(400)).await;
}

pub(crate) async fn order_and_inventory_are_killed_in_mid_load_and_nothing_is_lost(world: Arc<World>) {
    let victims: &[&str] = match world.kind {
        Kind::OneProcess => &["quartermaster"],
        Kind::RealParts => &["order", "inventory"],
    };
    load_while(&world, "killed", async || {
        for _ in 0..2 {
            for victim in victims {
                pause().await;
                world.kill(victim);
                pause().await;
                world.start(victim);
            }
        }
    })
    .await;
}

pub(crate) async fn the_bus_is_killed_in_mid_load_and_nothing_is_lost(world: Arc<World>) {
    load_while(&world, "bus-killed", async || {
        if world.kind == Kind::RealParts {
            for _ in 0..2 {
                pause().await;
                world.kill("nats");
                pause().await;
                world.start("nats");
            }
        }
    })
    .await;
}
