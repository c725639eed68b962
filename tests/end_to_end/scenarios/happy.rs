//! Orders that go well.

use std::sync::Arc;

use serde_json::json;

use crate::{
    shop::{Shop, id},
    world::World,
};

pub(crate) async fn an_order_goes_all_the_way_from_the_api_to_the_shoppers_door(world: Arc<World>) {
    let shop = Shop::open(&world, "happy").await;
    shop.items(&["mug", "tea"]).await;
    shop.receive("mug", "NEAR", 5).await;
    shop.receive("tea", "NEAR", 5).await;
    let placed = shop.api.post("/v1/orders", &shop.order(&[("mug", 2), ("tea", 1)])).await;
    assert_eq!((placed.status, placed.etag.is_some()), (201, true));
    let placed = placed.ok();
    let order = id(&placed);

    shop.until_units(&order, &[("in_fulfilment", 3)]).await;
    let fulfilment = shop.until_fulfilment(&order, "requested").await;
    assert_eq!(shop.stock("mug", "NEAR").await["allocated"], 2);
    let plans = shop.api.get(&format!("/v1/orders/{order}/plans")).await.ok();
    let plan = &plans["data"][0];
    // A parcel to zone 1 at 5.00, three units of 500 g at 0.25 a pound, and handling at 1.00.
    assert_eq!(plan["cost_minor"], 500 + 83 + 100, "{plan}");
    assert!(plan["explanation"].is_object(), "{plan}");

    shop.ship(&fulfilment).await;
    let done = shop.until_status(&order, "completed").await;
    assert_eq!(done["fulfilment_status"], "fulfilled");
    shop.until_units(&order, &[("delivered", 3)]).await;
    let mugs = shop.stock("mug", "NEAR").await;
    assert_eq!((&mugs["sellable"], &mugs["allocated"]), (&json!(3), &json!(0)), "two left stock once");

    let timeline = shop.api.get(&format!("/v1/orders/{order}/timeline")).await.ok();
    let entries = timeline["data"].as_array().unwrap();
    for (index, entry) in entries.iter().enumerate() {
        assert_eq!(entry["sequence"], index + 1, "the timeline has no gaps");
    }
    assert_eq!(entries[0]["actor"]["kind"], "api_key");
    let shipments = shop.api.all(&format!("/v1/shipments?order_id={order}")).await;
    assert_eq!((shipments.len(), &shipments[0]["status"]), (1, &json!("delivered")));

    let page = shop.api.http.get(format!("{}{}", world.base, done["tracking_path"].as_str().unwrap()));
    let page = page.send().await.unwrap().text().await.unwrap();
    assert!(page.contains("Your order has arrived") && page.contains("The mug"), "{page}");
    let summary = shop.api.get("/v1/summary").await.ok();
    assert_eq!((&summary["orders"]["completed"], &summary["units"]["delivered"]), (&json!(1), &json!(3)));
}

pub(crate) async fn an_order_that_no_location_can_fill_alone_is_split(world: Arc<World>) {
    let shop = Shop::open(&world, "split").await;
    shop.items(&["mug", "tea"]).await;
    shop.receive("mug", "NEAR", 5).await;
    shop.receive("tea", "FAR", 5).await;
    let order = shop.place(&[("mug", 1), ("tea", 1)]).await;
    let both = shop.until_fulfilments(&order, "requested", 2).await;
    for fulfilment in &both {
        shop.ship(&id(fulfilment)).await;
    }
    shop.until_status(&order, "completed").await;
    let summary = shop.api.get("/v1/summary").await.ok();
    assert_eq!((&summary["split_orders"], &summary["sourced_orders"]), (&json!(1), &json!(1)));

    // What one can fill alone is not split, though both have some.
    shop.receive("tea", "NEAR", 1).await;
    let order = shop.place(&[("mug", 1), ("tea", 1)]).await;
    shop.until_units(&order, &[("in_fulfilment", 2)]).await;
    let only = shop.until_fulfilments(&order, "requested", 1).await.remove(0);
    assert_eq!(only["lines"].as_array().unwrap().len(), 2, "{only}");
}

pub(crate) async fn a_shopper_collects_at_the_counter(world: Arc<World>) {
    let shop = Shop::open(&world, "pickup").await;
    shop.items(&["mug"]).await;
    shop.receive("mug", "NEAR", 5).await;
    shop.receive("mug", "FAR", 5).await;
    let mut order = shop.order(&[("mug", 2)]);
    order["fulfilment"] = json!("pickup");
    order["pickup_location"] = json!("FAR");
    order.as_object_mut().unwrap().remove("ship_to");
    let order = shop.place_order(&order).await;
    let fulfilment = shop.until_fulfilment(&order, "requested").await;
    for action in ["accept", "pick"] {
        shop.act(&fulfilment, action).await;
    }
    assert_eq!(shop.act(&fulfilment, "pack").await["status"], "ready_for_pickup");
    let read = shop.read(&order).await;
    let page = shop.api.http.get(format!("{}{}", world.base, read["tracking_path"].as_str().unwrap()));
    let page = page.send().await.unwrap().text().await.unwrap();
    assert!(page.contains("FAR centre"), "{page}");
    assert_eq!(shop.act(&fulfilment, "hand-over").await["status"], "completed");
    shop.until_status(&order, "completed").await;
    // Inventory hears of it by itself, not before the order does.
    shop.until_sellable("mug", "FAR", 3).await;
    assert_eq!(shop.stock("mug", "NEAR").await["sellable"], 5);
}
