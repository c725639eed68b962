//! Cancels that meet a shortage, a location that declines, or stock that arrives, at a chosen step: the order is cancelled,
//! and what stock there is is everyone's.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::json;

use super::cancel_races::{self, Step, has_arrived, is_cancelled, until_free};
use crate::{shop::Shop, wait::Trying, world::World};

/// What an order lacks when it is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Short {
    /// There never was stock.
    Never,
    /// Stock came while it waited.
    Arrived,
    /// It was gone when it was claimed.
    Gone,
    /// It came while it waited, and was gone when it was claimed.
    ArrivedAndGone,
    /// It was gone when a location had the work.
    Lost,
}
use Short::{Arrived, ArrivedAndGone, Gone, Lost, Never};

const SHORTAGES: &[(Short, Step)] = &[
    (Never, ("order", "routing.unfillable")),
    (Never, ("inventory", "order.backordered")),
    (Arrived, ("order", "inventory.availability_increased")),
    (Arrived, ("inventory", "order.sourcing_requested")),
    (Arrived, ("routing", "order.sourcing_requested")),
    (Arrived, ("inventory", "routing.planned")),
    (Arrived, ("order", "inventory.reserved")),
    (Gone, ("order", "inventory.rejected")),
    (Gone, ("routing", "inventory.rejected")),
    (ArrivedAndGone, ("inventory", "order.backordered_again")),
    (Lost, ("order", "inventory.reservation_broken")),
    (Lost, ("routing", "inventory.reservation_broken")),
];

pub(crate) async fn a_cancel_that_meets_a_shortage_or_an_arrival_wins(world: Arc<World>) {
    let shop = Shop::open(&world, "short-races").await;
    for (n, (short, step)) in SHORTAGES.iter().enumerate() {
        let _trying = Trying(format!("{short:?} {step:?}"));
        let sku = format!("mug-{n}");
        shop.items(&[&sku]).await;
        let lines = [(sku.as_str(), 2)];
        let hold = async || world.hold(step.0, step.1).await;
        let waiting = async || {
            let order = shop.place(&lines).await;
            shop.until_units(&order, &[("backordered", 2)]).await;
            order
        };
        let (hold, order) = match short {
            Never => (hold().await, shop.place(&lines).await),
            Arrived => {
                let (order, hold) = (waiting().await, hold().await);
                shop.receive(&sku, "NEAR", 2).await;
                (hold, order)
            }
            Gone => {
                shop.receive(&sku, "NEAR", 2).await;
                let (claim, hold) = (world.hold("inventory", "routing.planned").await, hold().await);
                let order = shop.place(&lines).await;
                claim.until_it_has(&order).await;
                shop.lose(&sku, "NEAR").await;
                claim.release().await;
                (hold, order)
            }
            ArrivedAndGone => {
                let order = waiting().await;
                let (claim, hold) = (world.hold("inventory", "routing.planned").await, hold().await);
                shop.receive(&sku, "NEAR", 2).await;
                claim.until_it_has(&order).await;
                shop.lose(&sku, "NEAR").await;
                claim.release().await;
                (hold, order)
            }
            Lost => {
                shop.receive(&sku, "NEAR", 2).await;
                let order = shop.place(&lines).await;
                shop.until_fulfilment(&order, "requested").await;
                let hold = hold().await;
                shop.lose(&sku, "NEAR").await;
                (hold, order)
            }
        };
        if step.1 == "inventory.availability_increased" {
            // It names no order.
            hold.until_it_has(shop.stock(&sku, "NEAR").await["item_id"].as_str().unwrap()).await;
        } else {
            hold.until_it_has(&order).await;
        }
        shop.cancel(&order).await.ok();
        hold.release().await;
        is_cancelled(&shop, &order).await;
        // Nobody waits any more: what comes is everyone's.
        shop.receive(&sku, "NEAR", 1).await;
    }
    for (n, (short, step)) in SHORTAGES.iter().enumerate() {
        let _trying = Trying(format!("{short:?} {step:?}"));
        until_free(&shop, &format!("mug-{n}"), if *short == Arrived { 3 } else { 1 }).await;
    }
}

pub(crate) async fn a_cancel_of_allocated_units_gives_them_back(world: Arc<World>) {
    let shop = Shop::open(&world, "allocated-races").await;
    shop.items(&["mug"]).await;
    let order = shop.place(&[("mug", 2)]).await;
    shop.until_units(&order, &[("backordered", 2)]).await;
    shop.api.post(&format!("/v1/orders/{order}/hold"), &json!({ "kind": "fraud" })).await.ok();
    shop.receive("mug", "NEAR", 2).await;
    shop.until_units(&order, &[("allocated", 2)]).await;

    let release = world.hold("inventory", "order.release_requested").await;
    shop.cancel(&order).await.ok();
    is_cancelled(&shop, &order).await;
    release.until_it_has(&order).await;
    assert_eq!(shop.stock("mug", "NEAR").await["allocated"], 2, "inventory has not heard of it");
    let next = shop.place(&[("mug", 2)]).await;
    shop.until_units(&next, &[("backordered", 2)]).await;
    release.release().await;
    shop.ship(&shop.until_fulfilment(&next, "requested").await).await;
    has_arrived(&shop, &next).await;
    until_free(&shop, "mug", 0).await;
}

/// A location declines before the cancel, or while the recall is on its way to it.
const DECLINES: &[(Step, bool)] =
    &[(("order", "fulfilment.rejected"), true), (("shipping", "order.recall_requested"), false)];

pub(crate) async fn a_cancel_that_meets_a_location_that_declines_wins(world: Arc<World>) {
    let shop = Shop::open(&world, "declined-races").await;
    shop.items(&["mug"]).await;
    for (step, is_first) in DECLINES {
        let _trying = Trying(format!("{step:?}"));
        shop.receive("mug", "NEAR", 2).await;
        shop.receive("mug", "FAR", 2).await;
        let hold = world.hold(step.0, step.1).await;
        let order = shop.place(&[("mug", 2)]).await;
        let fulfilment = shop.until_fulfilment(&order, "requested").await;
        shop.until_units(&order, &[("in_fulfilment", 2)]).await;
        let decline = async || {
            let path = format!("/v1/fulfilments/{fulfilment}/reject");
            shop.api.post(&path, &json!({ "reason": "declined" })).await.ok();
        };
        if *is_first {
            decline().await;
            hold.until_it_has(&order).await;
            shop.cancel(&order).await.ok();
        } else {
            shop.cancel(&order).await.ok();
            hold.until_it_has(&order).await;
            decline().await;
        }
        hold.release().await;
        is_cancelled(&shop, &order).await;
        let all = shop.api.all(&format!("/v1/fulfilments?order_id={order}")).await;
        assert_eq!(all.len(), 1, "it is looked for nowhere else: {all:?}");
    }
    until_free(&shop, "mug", 4).await;
}

pub(crate) async fn stock_that_arrives_for_units_just_cancelled_is_everyones(world: Arc<World>) {
    let shop = Shop::open(&world, "arrives-late").await;
    shop.items(&["mug", "rare", "odd"]).await;
    let whole = shop.place(&[("rare", 2)]).await;
    shop.until_units(&whole, &[("backordered", 2)]).await;
    // Of this one, the mug goes out and the rest is cancelled.
    shop.receive("mug", "NEAR", 1).await;
    let part = shop.place(&[("mug", 1), ("odd", 2)]).await;
    let fulfilment = shop.until_fulfilment(&part, "requested").await;
    for action in ["accept", "pick", "pack", "label"] {
        shop.act(&fulfilment, action).await;
    }
    for (order, sku, event) in [(&whole, "rare", "order.cancelled"), (&part, "odd", "order.units_cancelled")]
    {
        let _trying = Trying(event.to_owned());
        let hold = world.hold("inventory", event).await;
        shop.cancel(order).await.ok();
        hold.until_it_has(order).await;
        shop.receive(sku, "NEAR", 2).await;
        assert_eq!(shop.stock(sku, "NEAR").await["soft_reserved"], 2, "inventory thinks that they wait");
        hold.release().await;
    }
    is_cancelled(&shop, &whole).await;
    shop.act(&fulfilment, "hand-over").await;
    shop.until_units(&part, &[("cancelled", 2), ("delivered", 1)]).await;
    until_free(&shop, "rare", 2).await;
    until_free(&shop, "odd", 2).await;
}

/// What services know of items and locations carries no order on.
const MASTERS: [&str; 2] = ["item.changed", "location.changed"];

pub(crate) async fn each_consumer_of_the_saga_is_raced_by_some_cancel(world: Arc<World>) {
    let here = SHORTAGES.iter().map(|(_, step)| *step).chain(DECLINES.iter().map(|(step, _)| *step));
    let late = ["order.cancelled", "order.units_cancelled"].map(|event| ("inventory", event));
    let raced: Vec<Step> = cancel_races::steps().chain(here).chain(late).collect();
    let consumers = world.consumers().await;
    let of_saga = consumers.iter().filter(|(service, event)| {
        ["order", "inventory", "routing", "shipping"].contains(&service.as_str())
            && !MASTERS.contains(&event.as_str())
    });
    let forgotten: BTreeSet<_> = of_saga
        .filter(|(service, filter)| {
            !raced.iter().any(|(raced, event)| raced == service && crate::world::covers(filter, event))
        })
        .collect();
    assert!(forgotten.is_empty(), "hold these, too: {forgotten:?}");
    assert!(!consumers.is_empty());
}
