//! Orders that wait for stock.

use std::sync::Arc;

use serde_json::json;

use crate::{
    shop::{Shop, units},
    wait,
    world::World,
};

pub(crate) async fn backordered_units_wake_by_priority_for_at_most_what_arrived(world: Arc<World>) {
    let shop = Shop::open(&world, "backorder").await;
    shop.items(&["mug"]).await;
    let late = shop.place(&[("mug", 2)]).await;
    shop.until_units(&late, &[("backordered", 2)]).await;
    let mut urgent = shop.order(&[("mug", 2)]);
    urgent["priority"] = json!(5);
    let urgent = shop.place_order(&urgent).await;
    shop.until_units(&urgent, &[("backordered", 2)]).await;

    shop.receive("mug", "FAR", 3).await;
    shop.until_units(&urgent, &[("in_fulfilment", 2)]).await;
    shop.until_units(&late, &[("in_fulfilment", 1), ("backordered", 1)]).await;
    assert_eq!(shop.stock("mug", "FAR").await["allocated"], 3);

    shop.receive("mug", "NEAR", 1).await;
    shop.until_units(&late, &[("in_fulfilment", 2)]).await;
    for order in [&urgent, &late] {
        for fulfilment in shop.api.all(&format!("/v1/fulfilments?order_id={order}")).await {
            shop.ship(fulfilment["id"].as_str().unwrap()).await;
        }
        shop.until_status(order, "completed").await;
    }
}

pub(crate) async fn stock_that_arrives_while_an_order_is_being_sourced_is_not_missed(world: Arc<World>) {
    let shop = Shop::open(&world, "arrives").await;
    let skus: Vec<String> = (0..12).map(|n| format!("mug-{n}")).collect();
    shop.items(&skus.iter().map(String::as_str).collect::<Vec<_>>()).await;
    // Goods come at all moments of the orders' first attempts.
    let mut orders = Vec::new();
    for sku in &skus {
        let lines = [(sku.as_str(), 1)];
        let (order, ()) = futures::join!(shop.place(&lines), shop.receive(sku, "NEAR", 1));
        orders.push(order);
    }
    for order in orders {
        wait::until(&format!("{order} sourced"), async || {
            let seen = units(&shop.read(&order).await);
            if seen.contains_key("in_fulfilment") { Ok(()) } else { Err(format!("{seen:?}")) }
        })
        .await;
    }
}
