//! Stock that arrives wakes those who wait for it, also those who begin to wait a moment later.

use futures::future::join_all;
use qm_ids::OrderId;
use qm_proto::{
    inventory::v1 as inventory,
    order::v1::{self as order, SourcingReason},
    routing::v1 as routing,
};
use qm_runtime::grpc::with_tenant;

use crate::world::{World, buckets, is_all, new_order, worlds};

async fn arrive(world: &World, quantity: i64) {
    let arrived = inventory::AvailabilityIncreased {
        item_id: world.item.to_string(),
        location_id: world.location.to_string(),
        quantity,
        ..Default::default()
    };
    world.tell(world.tenant, world.item, &arrived).await;
}

/// Routing finds nothing for what was asked.
async fn miss(world: &World, asked: &order::SourcingRequested) {
    let unfillable = routing::Unfillable {
        order_id: asked.order_id.clone(),
        attempt: asked.attempt,
        units: asked.units.clone(),
        ..Default::default()
    };
    world.tell(world.tenant, asked.order_id.parse::<OrderId>().unwrap(), &unfillable).await;
}

/// An order that waits for stock.
pub(crate) async fn backordered(world: &mut World, quantity: i64) -> order::Order {
    let placed = world.place(quantity).await;
    let asked: order::SourcingRequested = world.hear(&placed.id).await;
    miss(world, &asked).await;
    world.until(&placed.id, |order| is_all(order, "backordered")).await
}

/// Stock arrives, and has been handled: somebody who waited was woken by it.
async fn arrive_beyond_a_waiting_unit(world: &mut World, quantity: i64) {
    let witness = backordered(world, 1).await;
    arrive(world, quantity + 1).await;
    world.until(&witness.id, |order| is_all(order, "open")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_that_arrives_while_an_attempt_is_under_way_is_not_missed() {
    for mut world in worlds().await {
        let placed = world.place(5).await;
        let asked: order::SourcingRequested = world.hear(&placed.id).await;
        arrive_beyond_a_waiting_unit(&mut world, 2).await;
        // What routing had read before the stock arrived.
        miss(&world, &asked).await;
        let again: order::SourcingRequested = world.hear(&placed.id).await;
        assert_eq!((again.attempt, again.reason()), (2, SourcingReason::Placed));
        assert_eq!(again.units[0].quantity, 2, "at most what arrived");
        let at = world.until(&placed.id, |order| buckets(order).len() == 2).await;
        assert_eq!(buckets(&at), [("backordered".to_owned(), 3), ("open".to_owned(), 2)]);
        // The arrival is spent: who finds nothing now waits.
        miss(&world, &again).await;
        world.until(&placed.id, |order| is_all(order, "backordered")).await;
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_woken_and_found_nothing_is_woken_by_what_arrived_meanwhile() {
    for mut world in worlds().await {
        let placed = backordered(&mut world, 1).await;
        arrive(&world, 1).await;
        let woken: order::SourcingRequested = world.hear(&placed.id).await;
        arrive_beyond_a_waiting_unit(&mut world, 1).await;
        miss(&world, &woken).await;
        let again: order::SourcingRequested = world.hear(&placed.id).await;
        assert_eq!((again.attempt, again.reason()), (3, SourcingReason::Backorder));
        // They waited for the time of a revision, so that those who count who waits count them once.
        assert_eq!(again.revision, woken.revision + 2);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_use_what_arrived_passes_it_on_until_everybody_was_asked() {
    for mut world in worlds().await {
        let mut waiting = Vec::new();
        for _ in 0..3 {
            waiting.push(backordered(&mut world, 1).await.id);
        }
        // Only the last can use what arrives, and no other is asked twice for it.
        arrive(&world, 1).await;
        for id in &waiting[..2] {
            let woken: order::SourcingRequested = world.hear_any().await;
            assert_eq!((&woken.order_id, woken.attempt), (id, 2));
            miss(&world, &woken).await;
        }
        let woken: order::SourcingRequested = world.hear_any().await;
        assert_eq!(woken.order_id, waiting[2]);
        // Nobody can: all wait for the next arrival, which wakes the first again.
        miss(&world, &woken).await;
        world.until(&waiting[2], |order| is_all(order, "backordered")).await;
        arrive(&world, 1).await;
        let woken: order::SourcingRequested = world.hear_any().await;
        assert_eq!((&woken.order_id, woken.attempt, woken.rejections), (&waiting[0], 3, 0));
        // A rejected plan is not followed by waiting, and inventory must be able to tell.
        let rejected = inventory::Rejected { order_id: waiting[0].clone(), attempt: 3, ..Default::default() };
        world.tell(world.tenant, waiting[0].parse::<OrderId>().unwrap(), &rejected).await;
        let again: order::SourcingRequested = world.hear(&waiting[0]).await;
        assert_eq!((again.attempt, again.reason(), again.rejections), (4, SourcingReason::Backorder, 1));
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_arrival_and_a_miss_at_the_same_time_leave_nobody_behind() {
    for mut world in worlds().await {
        let placed = join_all((0..60).map(|_| world.place(1))).await;
        for order in &placed {
            let asked: order::SourcingRequested = world.hear(&order.id).await;
            tokio::join!(arrive(&world, 1), miss(&world, &asked));
            let again: order::SourcingRequested = world.hear(&order.id).await;
            assert_eq!(again.attempt, 2);
        }
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_rejection_looks_again_when_stock_arrived_meanwhile() {
    for mut world in worlds().await {
        let placed = world.place(1).await;
        for attempt in 1..=5 {
            let asked: order::SourcingRequested = world.hear(&placed.id).await;
            assert_eq!(asked.attempt, attempt);
            if attempt == 5 {
                arrive_beyond_a_waiting_unit(&mut world, 1).await;
            }
            let rejected = inventory::Rejected { order_id: placed.id.clone(), attempt, ..Default::default() };
            world.tell(world.tenant, placed.id.parse::<OrderId>().unwrap(), &rejected).await;
        }
        let again: order::SourcingRequested = world.hear(&placed.id).await;
        assert_eq!(again.attempt, 6);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_is_woken_also_when_they_are_too_many_for_one_transaction() {
    for mut world in worlds().await {
        const MANY: usize = 620;
        let last = world.place(1).await;
        let orders: Vec<_> = (0..MANY).map(|_| order::NewOrder { priority: 5, ..new_order(1) }).collect();
        for orders in orders.chunks(310) {
            let request = order::PlaceOrdersRequest { orders: orders.to_vec(), ..Default::default() };
            world.client.clone().place_orders(with_tenant(request, world.tenant)).await.unwrap();
        }
        for _ in 0..=MANY {
            let asked: order::SourcingRequested = world.hear_any().await;
            miss(&world, &asked).await;
        }
        world.until(&last.id, |order| is_all(order, "backordered")).await;
        for _ in 0..=MANY {
            let _: order::Backordered = world.hear_any().await;
        }
        arrive(&world, i64::try_from(MANY).unwrap()).await;
        let mut woken = std::collections::HashSet::new();
        for _ in 0..MANY {
            let asked: order::SourcingRequested = world.hear_any().await;
            assert_eq!(asked.reason(), SourcingReason::Backorder);
            woken.insert(asked.order_id);
        }
        assert_eq!(woken.len(), MANY);
        assert!(!woken.contains(&last.id), "by priority, and no more than arrived");
        assert!(is_all(&world.get(&last.id).await, "backordered"));
        world.stop().await;
    }
}
