//! Plans whose stock is gone when it is claimed.

use std::sync::Arc;

use serde_json::json;

use crate::{
    shop::{self, Shop},
    world::{Hold, World},
};

const RESERVE: (&str, &str) = ("inventory", "routing.planned");
const PLAN: (&str, &str) = ("routing", "order.sourcing_requested");

async fn hold(world: &World, (service, event): (&str, &str)) -> Hold {
    world.hold(service, event).await
}

pub(crate) async fn stock_that_is_gone_when_it_is_claimed_is_looked_for_elsewhere(world: Arc<World>) {
    let shop = Shop::open(&world, "rejected").await;
    shop.items(&["mug"]).await;
    shop.receive("mug", "NEAR", 5).await;
    shop.receive("mug", "FAR", 5).await;
    let claim = hold(&world, RESERVE).await;
    let order = shop.place(&[("mug", 2)]).await;
    claim.until_it_has(&order).await;
    assert_eq!(shop.planned(&order, 1).await, ["NEAR"], "the nearer one is cheaper");
    shop.lose("mug", "NEAR").await;

    // By the time of the second plan there is stock again where the first one failed, and still it is not looked for there.
    let plan = hold(&world, PLAN).await;
    claim.release().await;
    plan.until_it_has(&order).await;
    shop.receive("mug", "NEAR", 5).await;
    plan.release().await;
    shop.until_units(&order, &[("in_fulfilment", 2)]).await;
    assert_eq!(shop.planned(&order, 2).await, ["FAR"]);
    let rejected = "record_rejected: attempt 1 rejected, attempt 2 asked for".to_owned();
    let told = shop.timeline(&order).await;
    assert!(told.contains(&rejected), "{told:#?}");
    let plans = shop.api.get(&format!("/v1/orders/{order}/plans")).await.ok();
    assert!(plans.to_string().contains("item_excluded"), "{plans}");
    for (location, available, allocated) in [("NEAR", 5, 0), ("FAR", 3, 2)] {
        let stock = shop.stock("mug", location).await;
        assert_eq!((&stock["available"], &stock["allocated"]), (&json!(available), &json!(allocated)));
    }
    shop.ship(&shop.until_fulfilment(&order, "requested").await).await;
    shop.until_status(&order, "completed").await;
}

pub(crate) async fn an_order_whose_stock_is_gone_everywhere_waits_for_more(world: Arc<World>) {
    let shop = Shop::open(&world, "gone").await;
    shop.items(&["mug"]).await;
    shop.receive("mug", "NEAR", 2).await;
    shop.receive("mug", "FAR", 2).await;
    let claim = hold(&world, RESERVE).await;
    let order = shop.place(&[("mug", 2)]).await;
    claim.until_it_has(&order).await;
    shop.lose("mug", "NEAR").await;
    shop.lose("mug", "FAR").await;
    claim.release().await;
    shop.until_units(&order, &[("backordered", 2)]).await;
    let told = shop.timeline(&order).await;
    assert!(told.iter().any(|entry| entry.starts_with("record_rejected: attempt 1 rejected")), "{told:#?}");

    shop.receive("mug", "NEAR", 2).await;
    shop.ship(&shop.until_fulfilment(&order, "requested").await).await;
    shop.until_status(&order, "completed").await;
    assert_eq!(shop.stock("mug", "NEAR").await["sellable"], 0);
}

pub(crate) async fn after_five_rejections_in_a_row_an_order_waits(world: Arc<World>) {
    let shop = Shop::open(&world, "five-times").await;
    shop.items(&["mug"]).await;
    let between = [("SECOND", 39.0), ("THIRD", 37.0), ("FOURTH", 35.0)];
    let between = between.map(|(code, latitude)| shop::location(code, (latitude, -95.0)));
    shop.api.put("/v1/locations", &json!({ "locations": between })).await.ok();
    // One more than there will be rejections.
    let more = shop::location("LAST", (47.0, -122.0));
    shop.api.put("/v1/locations", &json!({ "locations": [more] })).await.ok();
    for location in ["NEAR", "SECOND", "THIRD", "FOURTH", "FAR", "LAST"] {
        shop.receive("mug", location, 2).await;
    }
    let mut claim = hold(&world, RESERVE).await;
    let order = shop.place(&[("mug", 2)]).await;
    let mut tried = Vec::new();
    for attempt in 1..5 {
        claim.until_it_has(&order).await;
        let planned = shop.planned(&order, attempt).await.remove(0);
        shop.lose("mug", &planned).await;
        tried.push(planned);
        // Held in turn, so that no attempt slips through.
        let plan = hold(&world, PLAN).await;
        claim.release().await;
        plan.until_it_has(&order).await;
        claim = hold(&world, RESERVE).await;
        plan.release().await;
    }
    claim.until_it_has(&order).await;
    let planned = shop.planned(&order, 5).await.remove(0);
    shop.lose("mug", &planned).await;
    tried.push(planned);
    claim.release().await;
    shop.until_units(&order, &[("backordered", 2)]).await;
    let told = shop.timeline(&order).await;
    let last = "record_rejected: rejected 5 times in a row, 2 units backordered".to_owned();
    assert!(told.contains(&last), "{told:#?}");
    tried.sort_unstable();
    tried.dedup();
    assert_eq!(tried.len(), 5, "each time another location: {tried:?}");

    // Where it was rejected before is as good as any other once there is stock again.
    shop.receive("mug", "NEAR", 2).await;
    let fulfilment = shop.until_fulfilments(&order, "requested", 1).await.remove(0);
    shop.ship(&shop::id(&fulfilment)).await;
    shop.until_status(&order, "completed").await;
}
