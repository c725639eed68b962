//! Stock that is not where the books say, found out at a chosen step of the saga.

use std::sync::Arc;

use serde_json::json;

use crate::{
    shop::{Shop, id, units},
    wait::{self, Trying},
    world::World,
};

/// The warehouse finds only some of what it shall pick.
async fn pick_short(shop: &Shop, order: &str, missing: i64) -> String {
    let fulfilment = shop.until_fulfilments(order, "picking", 1).await.remove(0);
    let line = &fulfilment["lines"][0];
    let short = json!({ "line_id": line["line_id"], "item_id": line["item_id"], "quantity": missing });
    let body = json!({ "reason": "short_pick", "units": [short] });
    let fulfilment = id(&fulfilment);
    shop.api.post(&format!("/v1/fulfilments/{fulfilment}/reject"), &body).await.ok();
    fulfilment
}

pub(crate) async fn a_short_pick_while_a_recall_is_on_its_way_cancels_all_units_once(world: Arc<World>) {
    let shop = Shop::open(&world, "short-recall").await;
    // The warehouse's word comes before the recall's answer, or after it.
    for (sku, is_late) in [("mug", false), ("cup", true)] {
        shop.items(&[sku]).await;
        shop.receive(sku, "NEAR", 3).await;
        let order = shop.place(&[(sku, 3)]).await;
        let fulfilment = shop.until_fulfilment(&order, "requested").await;
        shop.act(&fulfilment, "accept").await;
        shop.act(&fulfilment, "pick").await;
        let recall = world.hold("shipping", "order.recall_requested").await;
        let rejected = world.hold("order", "fulfilment.rejected").await;
        shop.cancel(&order).await.ok();
        recall.until_it_has(&order).await;
        pick_short(&shop, &order, 2).await;
        rejected.until_it_has(&order).await;
        if is_late {
            recall.release().await;
            shop.until_units(&order, &[("in_fulfilment", 2), ("cancelled", 1)]).await;
            rejected.release().await;
        } else {
            rejected.release().await;
            shop.until_units(&order, &[("in_fulfilment", 1), ("cancelled", 2)]).await;
            recall.release().await;
        }
        let read = shop.until_status(&order, "cancelled").await;
        assert_eq!(units(&read), [("cancelled".to_owned(), 3)].into());
        // Two were never there.
        wait::until("the one that was found free", async || {
            let stock = shop.stock(sku, "NEAR").await;
            if stock["sellable"] == 1 && stock["available"] == 1 { Ok(()) } else { Err(stock.to_string()) }
        })
        .await;
    }
}

/// The work done when the count is told, the step held meanwhile, the work done before it is released, and the units that
/// are left in the end at both locations.
type Count = (&'static [&'static str], (&'static str, &'static str), &'static [&'static str], [i64; 2]);

const COUNTS: &[Count] = &[
    // The break is told before the claim: three lost theirs, one did not.
    (&[], ("order", "inventory.reserved"), &[], [0, 2]),
    // The recall is there before the work.
    (&[], ("shipping", "order.fulfilment_requested"), &[], [1, 1]),
    (&[], ("order", "fulfilment.requested"), &[], [1, 1]),
    (&["accept", "pick"], ("inventory", "fulfilment.picking"), &[], [1, 1]),
    (&[], ("shipping", "order.recall_requested"), &["accept", "pick", "pack"], [1, 1]),
    // Whatever the count said, four were there, and left.
    (&[], ("shipping", "order.recall_requested"), &["accept", "pick", "pack", "label"], [0, 5]),
    (&["accept"], ("shipping", "order.recall_requested"), &["pick", "pack", "label", "hand-over"], [0, 5]),
];

pub(crate) async fn a_count_that_breaks_a_claim_at_any_step_finds_other_stock(world: Arc<World>) {
    let shop = Shop::open(&world, "count-races").await;
    let mut orders = Vec::new();
    for (n, (before, step, after, _)) in COUNTS.iter().enumerate() {
        let _trying = Trying(format!("{step:?} {before:?} {after:?}"));
        let sku = format!("mug-{n}");
        shop.items(&[&sku]).await;
        shop.receive(&sku, "NEAR", 4).await;
        shop.receive(&sku, "FAR", 5).await;
        let hold = world.hold(step.0, step.1).await;
        let order = shop.place(&[(&sku, 4)]).await;
        if !before.is_empty() {
            let fulfilment = shop.until_fulfilment(&order, "requested").await;
            act(&shop, &fulfilment, before).await;
        }
        if step.1 == "order.recall_requested" {
            shop.until_units(&order, &[("in_fulfilment", 4)]).await;
        } else {
            hold.until_it_has(&order).await;
        }
        shop.count(&sku, "NEAR", 1).await;
        wait::until(&format!("{order} knows that its claim is broken"), async || {
            let told = shop.timeline(&order).await;
            let is_told = told.iter().any(|entry| entry.starts_with("record_reservation_broken"));
            if is_told { Ok(()) } else { Err(format!("{told:#?}")) }
        })
        .await;
        if !after.is_empty() {
            hold.until_it_has(&order).await;
            let all = shop.api.all(&format!("/v1/fulfilments?order_id={order}")).await;
            act(&shop, &id(&all[0]), after).await;
        }
        hold.release().await;
        orders.push(order);
    }
    for (n, (order, (before, step, after, left))) in orders.iter().zip(COUNTS).enumerate() {
        let _trying = Trying(format!("{step:?} {before:?} {after:?}"));
        until_delivered(&shop, order).await;
        shop.until_units(order, &[("delivered", 4)]).await;
        wait::until(&format!("the stock of {order} settled"), async || {
            let sku = format!("mug-{n}");
            let (near, far) = (shop.stock(&sku, "NEAR").await, shop.stock(&sku, "FAR").await);
            let is_settled = [(&near, left[0]), (&far, left[1])]
                .iter()
                .all(|(stock, count)| stock["sellable"] == *count && stock["available"] == *count);
            if is_settled { Ok(()) } else { Err(format!("{near} {far}")) }
        })
        .await;
    }
}

async fn act(shop: &Shop, fulfilment: &str, actions: &[&str]) {
    for action in actions {
        shop.act(fulfilment, action).await;
    }
}

/// The warehouses do what is left to do, until the order is completed. Work that is on its way back is refused.
async fn until_delivered(shop: &Shop, order: &str) {
    wait::until(&format!("{order} delivered"), async || {
        for (status, actions) in
            [("requested", &["accept", "pick", "pack", "label", "hand-over"][..]), ("packed", &["hand-over"])]
        {
            let path = format!("/v1/fulfilments?order_id={order}&status={status}");
            for fulfilment in shop.api.all(&path).await {
                for action in actions {
                    let path = format!("/v1/fulfilments/{}/{action}", id(&fulfilment));
                    shop.api.post(&path, &json!({})).await;
                }
            }
        }
        let read = shop.read(order).await;
        if read["status"] == "completed" { Ok(()) } else { Err(format!("{:#?}", shop.timeline(order).await)) }
    })
    .await;
}
