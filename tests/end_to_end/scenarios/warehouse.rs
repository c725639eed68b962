//! Warehouses that cannot do what was planned.

use std::sync::Arc;

use serde_json::json;

use crate::{shop::Shop, world::World};

pub(crate) async fn a_location_that_declines_is_replaced_by_another(world: Arc<World>) {
    let shop = Shop::open(&world, "declines").await;
    shop.items(&["mug"]).await;
    shop.receive("mug", "NEAR", 5).await;
    shop.receive("mug", "FAR", 5).await;
    let order = shop.place(&[("mug", 2)]).await;
    let first = shop.until_fulfilments(&order, "requested", 1).await.remove(0);
    assert_eq!(first["location_id"], shop.location_id("NEAR").await, "the nearer one is cheaper");
    let body = json!({ "reason": "declined", "note": "flooded" });
    let path = format!("/v1/fulfilments/{}/reject", first["id"].as_str().unwrap());
    assert_eq!(shop.api.post(&path, &body).await.ok()["status"], "rejected");

    let second = shop.until_fulfilments(&order, "requested", 1).await.remove(0);
    assert_eq!(second["location_id"], shop.location_id("FAR").await);
    let near = shop.stock("mug", "NEAR").await;
    assert_eq!((&near["sellable"], &near["allocated"]), (&json!(5), &json!(0)), "its goods are still there");
    shop.ship(second["id"].as_str().unwrap()).await;
    shop.until_status(&order, "completed").await;
}

pub(crate) async fn a_short_pick_corrects_the_books_and_finds_another_source(world: Arc<World>) {
    let shop = Shop::open(&world, "short-pick").await;
    shop.items(&["mug"]).await;
    shop.receive("mug", "NEAR", 3).await;
    shop.receive("mug", "FAR", 5).await;
    let order = shop.place(&[("mug", 3)]).await;
    let fulfilment = shop.until_fulfilments(&order, "requested", 1).await.remove(0);
    let id = fulfilment["id"].as_str().unwrap();
    shop.act(id, "accept").await;
    shop.act(id, "pick").await;
    let line = &fulfilment["lines"][0];
    let short = json!({ "line_id": line["line_id"], "item_id": line["item_id"], "quantity": 2 });
    let body = json!({ "reason": "short_pick", "units": [short] });
    shop.api.post(&format!("/v1/fulfilments/{id}/reject"), &body).await.ok();

    // One goes on from here, two come from there, and here there are no more.
    for action in ["pack", "label", "hand-over"] {
        shop.act(id, action).await;
    }
    let other = shop.until_fulfilments(&order, "requested", 1).await.remove(0);
    assert_eq!(other["location_id"], shop.location_id("FAR").await);
    assert_eq!(other["lines"][0]["quantity"], 2);
    shop.ship(other["id"].as_str().unwrap()).await;
    shop.until_status(&order, "completed").await;
    shop.until_units(&order, &[("delivered", 3)]).await;
    assert_eq!(shop.stock("mug", "NEAR").await["sellable"], 0);
    assert_eq!(shop.stock("mug", "FAR").await["sellable"], 3);
}

pub(crate) async fn a_count_below_what_was_promised_finds_another_source(world: Arc<World>) {
    let shop = Shop::open(&world, "count").await;
    shop.items(&["mug"]).await;
    shop.receive("mug", "NEAR", 4).await;
    shop.receive("mug", "FAR", 5).await;
    let order = shop.place(&[("mug", 4)]).await;
    shop.until_fulfilment(&order, "requested").await;
    let count =
        json!({ "sku": "mug", "location": "NEAR", "kind": "count", "quantity": 1, "reason": "recount" });
    shop.api.post("/v1/stock/movements", &json!({ "movements": [count] })).await.ok();

    // Whatever is left of the first plan and the second add up to the order, and no location promises what it has not.
    let all = crate::wait::until("units from FAR", async || {
        let read = shop.read(&order).await;
        let far = shop.stock("mug", "FAR").await;
        if far["allocated"].as_i64() >= Some(3) { Ok(read) } else { Err(format!("{far} {read}")) }
    })
    .await;
    assert_eq!(all["lines"][0]["quantity"], 4);
    let near = shop.stock("mug", "NEAR").await;
    assert!(near["allocated"].as_i64() <= near["sellable"].as_i64(), "{near}");
    crate::wait::until("all delivered", async || {
        for fulfilment in shop.api.all(&format!("/v1/fulfilments?order_id={order}&status=requested")).await {
            shop.ship(fulfilment["id"].as_str().unwrap()).await;
        }
        let read = shop.read(&order).await;
        if read["status"] == "completed" { Ok(()) } else { Err(read.to_string()) }
    })
    .await;
    shop.until_units(&order, &[("delivered", 4)]).await;
}
