//! Orders that people change their mind about.

use std::sync::Arc;

use serde_json::json;

use crate::{
    shop::{Shop, units},
    wait,
    world::World,
};

pub(crate) async fn an_order_can_be_cancelled_at_each_stage_before_the_label(world: Arc<World>) {
    let shop = Shop::open(&world, "cancels").await;
    shop.items(&["mug", "rare"]).await;
    shop.receive("mug", "NEAR", 50).await;

    let waiting = shop.place(&[("rare", 2)]).await;
    shop.until_units(&waiting, &[("backordered", 2)]).await;
    shop.cancel(&waiting).await.ok();
    shop.until_status(&waiting, "cancelled").await;

    let mut held = shop.order(&[("mug", 2)]);
    held["external_id"] = json!("held-1");
    let held = shop.place_order(&held).await;
    shop.api.post(&format!("/v1/orders/{held}/hold"), &json!({ "kind": "manual" })).await.ok();
    shop.cancel(&held).await.ok();
    shop.until_status(&held, "cancelled").await;

    for steps in [&[][..], &["accept"], &["accept", "pick"], &["accept", "pick", "pack"]] {
        let order = shop.place(&[("mug", 2)]).await;
        let fulfilment = shop.until_fulfilment(&order, "requested").await;
        for step in steps {
            shop.act(&fulfilment, step).await;
        }
        shop.cancel(&order).await.ok();
        let cancelled = shop.until_status(&order, "cancelled").await;
        assert_eq!(units(&cancelled).get("cancelled"), Some(&2), "after {steps:?}");
        shop.until_fulfilment(&order, "cancelled").await;
    }
    wait::until("all stock free again", async || {
        let stock = shop.stock("mug", "NEAR").await;
        if stock["available"] == 50 && stock["allocated"] == 0 { Ok(()) } else { Err(stock.to_string()) }
    })
    .await;
}

pub(crate) async fn cancelling_at_any_moment_leaves_nothing_behind(world: Arc<World>) {
    let shop = Shop::open(&world, "races").await;
    shop.items(&["mug"]).await;
    shop.receive("mug", "NEAR", 100).await;
    // Each a little later than the one before: the cancel meets the plan, the reservation, the release, the warehouse.
    let race = async |delay: u64| {
        let order = shop.place(&[("mug", 1)]).await;
        tokio::time::sleep(std::time::Duration::from_millis(delay)).await;
        shop.cancel(&order).await.ok();
        order
    };
    let orders = futures::future::join_all((0..24).map(|n| race(n * 6))).await;
    for order in orders {
        shop.until_status(&order, "cancelled").await;
        let open = shop.api.all(&format!("/v1/fulfilments?order_id={order}")).await;
        assert!(open.iter().all(|it| it["status"] == "cancelled"), "{open:?}");
    }
    wait::until("all stock free again", async || {
        let stock = shop.stock("mug", "NEAR").await;
        if stock["available"] == 100 { Ok(()) } else { Err(stock.to_string()) }
    })
    .await;
}

pub(crate) async fn after_the_label_a_cancel_is_refused_and_the_order_arrives(world: Arc<World>) {
    let shop = Shop::open(&world, "too-late").await;
    shop.items(&["mug", "tea"]).await;
    shop.receive("mug", "NEAR", 5).await;
    shop.receive("tea", "FAR", 5).await;
    let order = shop.place(&[("mug", 1), ("tea", 1)]).await;
    let both = shop.until_fulfilments(&order, "requested", 2).await;
    let far = shop.location_id("FAR").await;
    let (late, early): (Vec<_>, Vec<_>) = both.iter().partition(|it| it["location_id"] == far);
    let late = late[0]["id"].as_str().unwrap();
    for action in ["accept", "pick", "pack", "label"] {
        shop.act(late, action).await;
    }
    shop.cancel(&order).await.ok();
    // What has no label is cancelled, what has one arrives.
    shop.until_units(&order, &[("cancelled", 1), ("in_fulfilment", 1)]).await;
    assert_eq!(early.len(), 1);
    shop.act(late, "hand-over").await;
    shop.until_units(&order, &[("cancelled", 1), ("delivered", 1)]).await;
    shop.until_status(&order, "completed").await;
    let again = shop.api.post(&format!("/v1/orders/{order}/cancel"), &json!({})).await;
    assert_eq!(again.refused().0, 409);
}

pub(crate) async fn a_hold_keeps_an_order_from_the_warehouse_until_it_is_lifted(world: Arc<World>) {
    let shop = Shop::open(&world, "holds").await;
    shop.items(&["rare"]).await;
    let order = shop.place(&[("rare", 1)]).await;
    shop.until_units(&order, &[("backordered", 1)]).await;
    let body = json!({ "kind": "fraud", "reason": "odd address" });
    let held = shop.api.post(&format!("/v1/orders/{order}/hold"), &body).await.ok();
    assert_eq!((&held["status"], &held["holds"][0]["kind"]), (&json!("on_hold"), &json!("fraud")));
    shop.receive("rare", "NEAR", 1).await;
    // Stock is claimed for it, but no warehouse hears of it.
    shop.until_units(&order, &[("allocated", 1)]).await;
    assert!(shop.api.all(&format!("/v1/fulfilments?order_id={order}")).await.is_empty());
    shop.api.post(&format!("/v1/orders/{order}/release"), &json!({})).await.ok();
    let fulfilment = shop.until_fulfilment(&order, "requested").await;
    shop.ship(&fulfilment).await;
    shop.until_status(&order, "completed").await;
}
