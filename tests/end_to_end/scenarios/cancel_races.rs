//! Cancels that meet the saga at a chosen step: each event that carries an order on is kept back in turn, the order is
//! cancelled, the warehouse perhaps goes on, and then the event is let go. Either all units are cancelled and their stock is
//! free again, or all of them arrive.

use std::sync::Arc;

use futures::future::join_all;
use serde_json::json;

use crate::{
    shop::{Shop, id, units},
    wait::{self, Trying},
    world::World,
};

/// A service, and an event that it waits for.
pub(super) type Step = (&'static str, &'static str);

/// What a warehouse does one after another.
const WORK: [&str; 5] = ["accept", "pick", "pack", "label", "hand-over"];
const NOTHING: usize = 0;
const PICKED: usize = 2;
const PACKED: usize = 3;
const LABELLED: usize = 4;
const LEFT: usize = 5;

/// How it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Cancelled,
    Arrives,
}
use End::{Arrives, Cancelled};

/// How much of the work is done when the order is cancelled, how much when the event is let go, and the end.
type Case = (usize, usize, End);

/// Events that an order waits for before it is cancelled.
const BEFORE: &[(Step, &[Case])] = &[
    (("routing", "order.sourcing_requested"), &[(NOTHING, NOTHING, Cancelled)]),
    (("inventory", "routing.planned"), &[(NOTHING, NOTHING, Cancelled)]),
    (("order", "inventory.reserved"), &[(NOTHING, NOTHING, Cancelled)]),
    // The recall is there before the work.
    (("shipping", "order.fulfilment_requested"), &[(NOTHING, NOTHING, Cancelled)]),
    (
        ("order", "fulfilment.requested"),
        &[
            (NOTHING, NOTHING, Cancelled),
            (PICKED, PICKED, Cancelled),
            (PACKED, PACKED, Cancelled),
            (LABELLED, LABELLED, Arrives),
            (LABELLED, LEFT, Arrives),
            (LEFT, LEFT, Arrives),
        ],
    ),
    (("inventory", "fulfilment.picking"), &[(PICKED, PICKED, Cancelled), (PACKED, PACKED, Cancelled)]),
    // The order does not know yet that its goods have left.
    (("order", "fulfilment.issued"), &[(LEFT, LEFT, Arrives)]),
    (("inventory", "fulfilment.issued"), &[(LEFT, LEFT, Arrives)]),
    (("routing", "fulfilment.issued"), &[(LEFT, LEFT, Arrives)]),
    (("order", "shipment.delivered"), &[(LEFT, LEFT, Arrives)]),
    (("order", "fulfilment.completed"), &[(LEFT, LEFT, Arrives)]),
];

/// Events that follow from the cancel.
const AFTER: &[(Step, &[Case])] = &[
    // The warehouse does not know yet that nobody wants the goods.
    (
        ("shipping", "order.recall_requested"),
        &[
            (NOTHING, NOTHING, Cancelled),
            (NOTHING, PICKED, Cancelled),
            (PICKED, PACKED, Cancelled),
            (NOTHING, LABELLED, Arrives),
            (PACKED, LEFT, Arrives),
            (LABELLED, LEFT, Arrives),
        ],
    ),
    (("order", "fulfilment.cancelled"), &[(NOTHING, NOTHING, Cancelled), (PACKED, PACKED, Cancelled)]),
    (("order", "fulfilment.recall_refused"), &[(LABELLED, LABELLED, Arrives), (LABELLED, LEFT, Arrives)]),
    (("inventory", "order.release_requested"), &[(NOTHING, NOTHING, Cancelled), (PACKED, PACKED, Cancelled)]),
    (("routing", "order.release_requested"), &[(NOTHING, NOTHING, Cancelled), (PACKED, PACKED, Cancelled)]),
];

/// The steps at which a cancel is raced here.
pub(super) fn steps() -> impl Iterator<Item = Step> {
    BEFORE.iter().chain(AFTER).map(|(step, _)| *step)
}

/// The warehouse takes the work of an order on from here to there.
async fn work(shop: &Shop, order: &str, from: usize, to: usize) {
    if from == to {
        return;
    }
    let fulfilment = wait::until(&format!("work for {order}"), async || {
        let all = shop.api.all(&format!("/v1/fulfilments?order_id={order}")).await;
        all.first().map(id).ok_or("there is none")
    })
    .await;
    for action in &WORK[from..to] {
        shop.act(&fulfilment, action).await;
    }
}

pub(crate) async fn a_cancel_that_meets_the_saga_at_any_step_wins_or_loses_whole(world: Arc<World>) {
    let shop = Shop::open(&world, "cancel-races").await;
    let before = BEFORE.iter().map(|race| (race, false));
    let races: Vec<_> = before.chain(AFTER.iter().map(|race| (race, true))).collect();
    let skus: Vec<String> = (0..races.len()).map(|n| format!("mug-{n}")).collect();
    shop.items(&skus.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let mut stopped = Vec::new();
    for (((step, cases), follows), sku) in races.iter().zip(&skus) {
        let _trying = Trying(format!("{step:?}"));
        shop.receive(sku, "NEAR", 100).await;
        let hold = world.hold(step.0, step.1).await;
        let stop = async |case: &Case| {
            let order = shop.place(&[(sku, 2)]).await;
            work(&shop, &order, 0, case.0).await;
            if *follows {
                // There must be something to recall.
                shop.until_units(&order, &[("in_fulfilment", 2)]).await;
            } else {
                hold.until_it_has(&order).await;
            }
            let answer = shop.cancel(&order).await;
            let expected: &[u16] = if case.2 == Cancelled { &[200] } else { &[200, 409] };
            assert!(expected.contains(&answer.status), "{case:?}: {}", answer.body);
            if *follows {
                hold.until_it_has(&order).await;
            }
            work(&shop, &order, case.0, case.1).await;
            order
        };
        let orders = join_all(cases.iter().map(stop)).await;
        hold.release().await;
        for (order, (_, done, end)) in orders.iter().zip(*cases) {
            if *end == Arrives {
                work(&shop, order, *done, LEFT).await;
            }
        }
        stopped.push((step, *cases, sku, orders));
    }
    for (step, cases, sku, orders) in stopped {
        let mut left = 100;
        for (order, case) in orders.iter().zip(cases) {
            let _trying = Trying(format!("{step:?} {case:?}"));
            match case.2 {
                Cancelled => is_cancelled(&shop, order).await,
                Arrives => {
                    has_arrived(&shop, order).await;
                    left -= 2;
                }
            }
        }
        let _trying = Trying(format!("{step:?}"));
        until_free(&shop, sku, left).await;
    }
}

/// Nothing is delivered, and nobody works on it.
pub(super) async fn is_cancelled(shop: &Shop, order: &str) {
    let read = shop.until_status(order, "cancelled").await;
    assert_eq!(units(&read), [("cancelled".to_owned(), 2)].into(), "{order}");
    wait::until(&format!("no work left for {order}"), async || {
        let all = shop.api.all(&format!("/v1/fulfilments?order_id={order}")).await;
        let is_over = all.iter().all(|it| it["status"] == "cancelled" || it["status"] == "rejected");
        if is_over { Ok(()) } else { Err(format!("{all:?}")) }
    })
    .await;
    let shipments = shop.api.all(&format!("/v1/shipments?order_id={order}")).await;
    assert!(shipments.is_empty(), "{shipments:?}");
}

/// All is delivered, in one parcel.
pub(super) async fn has_arrived(shop: &Shop, order: &str) {
    let read = shop.until_status(order, "completed").await;
    assert_eq!(units(&read), [("delivered".to_owned(), 2)].into(), "{order}");
    let shipments = shop.api.all(&format!("/v1/shipments?order_id={order}")).await;
    assert_eq!((shipments.len(), &shipments[0]["status"]), (1, &json!("delivered")), "{shipments:?}");
}

/// Waits until so many are there, and for everyone.
pub(super) async fn until_free(shop: &Shop, sku: &str, count: i64) {
    wait::until(&format!("{count} of {sku} free"), async || {
        let stock = shop.stock(sku, "NEAR").await;
        let is_free = stock["sellable"] == count && stock["available"] == count && stock["allocated"] == 0;
        if is_free { Ok(()) } else { Err(stock.to_string()) }
    })
    .await;
}
