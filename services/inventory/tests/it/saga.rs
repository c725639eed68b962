//! What the saga asks of stock, from event to event.

use chrono::TimeDelta;
use qm_ids::ItemId;
use qm_proto::{
    inventory::v1::{self as inventory, MovementKind},
    order::v1::{self as order, ReleaseReason},
    shipping::v1 as shipping,
};

use crate::world::{Plan, World, worlds};

fn issued(plan: &Plan) -> shipping::FulfilmentIssued {
    shipping::FulfilmentIssued {
        fulfilment: Some(plan.fulfilment.clone()),
        units: plan.units.clone(),
        issued_at: String::new(),
    }
}

fn claim(world: &World, plan: &Plan) -> String {
    let line = &plan.units[0];
    format!("{}/{}/{}/{}/{}", world.tenant, plan.reservation, line.line_id, line.item_id, world.location)
}

#[tokio::test(flavor = "multi_thread")]
async fn units_are_reserved_once_and_leave_once() {
    for mut world in worlds().await {
        world.record(world.tenant, "", &[(MovementKind::Receive, 10)]).await.unwrap();
        let (one, other) = (world.plan(4), world.plan(3));
        world.reserve(&one).await;
        world.reserve(&one).await;
        world.reserve(&other).await;
        assert_eq!(world.buckets().await, (10, 7, 0));
        let mut claims: Vec<_> = [(&one, 4), (&other, 3)].map(|(it, n)| (claim(&world, it), n)).into();
        claims.sort();
        let facts = world.facts("live_claims").await;
        assert_eq!(facts.into_iter().map(|it| (it.key, it.quantity)).collect::<Vec<_>>(), claims);

        for _ in 0..2 {
            world.tell(world.tenant, one.order, &issued(&one)).await;
        }
        world.until((6, 3, 0)).await;
        world.release(&other, ReleaseReason::ShortPick).await;
        world.until((3, 0, 0)).await;
        let issued = world.facts("issued_units").await;
        assert_eq!(issued.len(), 1);
        assert_eq!(issued[0].quantity, 4);
        assert!(world.facts("live_claims").await.is_empty());

        let short = world.plan(4);
        world.tell(world.tenant, short.order, &short.planned).await;
        let rejected: inventory::Rejected = world.hear(short.order).await;
        assert_eq!((rejected.shortages[0].requested, rejected.shortages[0].available), (4, 3));
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_units_go_to_a_hundred_of_four_hundred_plans() {
    for mut world in worlds().await {
        world.record(world.tenant, "", &[(MovementKind::Receive, 100)]).await.unwrap();
        let plans: Vec<_> = (0..400).map(|_| world.plan(1)).collect();
        for plan in &plans {
            world.tell(world.tenant, plan.order, &plan.planned).await;
        }
        world.until((100, 100, 0)).await;
        let mut reserved = 0;
        for plan in &plans {
            if world.hear_either::<inventory::Reserved, inventory::Rejected>(plan.order).await {
                reserved += 1;
            }
        }
        assert_eq!(reserved, 100);
        assert_eq!(world.facts("live_claims").await.len(), 100);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_reserve_at_once_promise_no_unit_twice() {
    for mut world in worlds().await {
        world.add_replica().await;
        world.record(world.tenant, "", &[(MovementKind::Receive, 100)]).await.unwrap();
        let plans: Vec<_> = (0..200).map(|_| world.plan(1)).collect();
        // One after another, so that there is something for both while each is at work.
        for plan in &plans {
            world.tell(world.tenant, plan.order, &plan.planned).await;
        }
        let mut reserved = 0;
        for plan in &plans {
            if world.hear_either::<inventory::Reserved, inventory::Rejected>(plan.order).await {
                reserved += 1;
            }
        }
        assert_eq!((reserved, world.buckets().await), (100, (100, 100, 0)));
        assert_eq!(world.facts("live_claims").await.len(), 100);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_may_overtake_its_reservation() {
    for mut world in worlds().await {
        world.record(world.tenant, "", &[(MovementKind::Receive, 5)]).await.unwrap();
        let plan = world.plan(2);
        world.release(&plan, ReleaseReason::Stale).await;
        let released: inventory::Released = world.hear(plan.order).await;
        assert!(released.ended);
        world.tell(world.tenant, plan.order, &plan.planned).await;
        let rejected: inventory::Rejected = world.hear(plan.order).await;
        assert!(rejected.shortages.is_empty());
        assert_eq!(world.buckets().await, (5, 0, 0));
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_count_breaks_what_is_not_being_picked() {
    for mut world in worlds().await {
        world.record(world.tenant, "", &[(MovementKind::Receive, 4)]).await.unwrap();
        let (picked, plain) = (world.plan(2), world.plan(2));
        world.reserve(&picked).await;
        world.reserve(&plain).await;
        let picking = shipping::FulfilmentPicking {
            fulfilment: Some(picked.fulfilment.clone()),
            units: picked.units.clone(),
        };
        world.tell(world.tenant, picked.order, &picking).await;
        // Picking tells nothing.
        world.until_consumed().await;
        let rows = world.record(world.tenant, "", &[(MovementKind::Count, 1)]).await.unwrap();
        assert_eq!((rows[0].sellable, rows[0].allocated), (2, 2), "one that is picked was not counted");
        let broken: inventory::ReservationBroken = world.hear(plain.order).await;
        assert_eq!((broken.quantity, broken.line_id), (2, plain.units[0].line_id.clone()));
        world.stop().await;
    }
}

/// Something of the item waits, and inventory knows: what arrived was held for it.
async fn wait_for_units(world: &mut World, waiting: &Plan) {
    let backordered =
        order::Backordered { order_id: waiting.order.to_string(), revision: 2, units: waiting.units.clone() };
    world
        .tell_as("order.backordered_again", world.ids.next(), world.tenant, waiting.order, &backordered)
        .await;
    for _ in 0..200 {
        world.record(world.tenant, "", &[(MovementKind::Receive, 1)]).await.unwrap();
        let item: ItemId = world.item;
        let told: inventory::AvailabilityIncreased = world.hear(item).await;
        if told.held_quantity > 0 {
            assert!(!told.held_until.is_empty());
            return;
        }
        world.record(world.tenant, "", &[(MovementKind::Adjust, -1)]).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("nothing was ever held");
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_that_lies_there_while_somebody_waits_is_announced_again_and_again() {
    for mut world in worlds().await {
        world.record(world.tenant, "", &[(MovementKind::Receive, 5)]).await.unwrap();
        let item = world.item;
        let _: inventory::AvailabilityIncreased = world.hear(item).await;
        let waiting = world.plan(3);
        wait_for_units(&mut world, &waiting).await;
        assert_eq!(world.buckets().await, (6, 0, 1));
        world.clock.advance(TimeDelta::seconds(61).to_std().unwrap());
        world.until((6, 0, 0)).await;
        let told: inventory::AvailabilityIncreased = world.hear(item).await;
        assert_eq!((told.quantity, told.held_quantity), (1, 0));
        for _ in 0..2 {
            world.clock.advance(TimeDelta::hours(1).to_std().unwrap());
            let told: inventory::AvailabilityIncreased = world.hear(item).await;
            assert_eq!((told.quantity, told.held_quantity), (6, 3));
            world.clock.advance(TimeDelta::seconds(61).to_std().unwrap());
            let told: inventory::AvailabilityIncreased = world.hear(item).await;
            assert_eq!((told.quantity, told.held_quantity), (3, 0));
        }
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_that_arrives_is_held_for_waiting_orders_for_a_while() {
    for mut world in worlds().await {
        world.record(world.tenant, "", &[(MovementKind::Count, 0)]).await.unwrap();
        let mut waiting = world.plan(3);
        wait_for_units(&mut world, &waiting).await;
        world.record(world.tenant, "", &[(MovementKind::Receive, 5)]).await.unwrap();
        assert_eq!(world.buckets().await, (6, 0, 3));

        let asked = inventory::QueryAvailabilityRequest {
            tenants: vec![inventory::TenantItems {
                tenant_id: world.tenant.to_string(),
                item_ids: vec![world.item.to_string()],
            }],
        };
        let rows = world.client.clone().query_availability(asked).await.unwrap().into_inner().rows;
        assert_eq!((rows[0].available, rows[0].held_for_backorders), (3, 3));

        let greedy = world.plan(4);
        world.tell(world.tenant, greedy.order, &greedy.planned).await;
        let _: inventory::Rejected = world.hear(greedy.order).await;
        waiting.planned.for_backorder = true;
        world.reserve(&waiting).await;
        assert_eq!(world.buckets().await, (6, 3, 0));

        // The order is never woken as far as inventory knows, so the next increase is held, until its time is over.
        let item = world.item;
        world.record(world.tenant, "", &[(MovementKind::Receive, 1)]).await.unwrap();
        world.until((7, 3, 1)).await;
        world.clock.advance(TimeDelta::seconds(61).to_std().unwrap());
        world.until((7, 3, 0)).await;
        loop {
            let told: inventory::AvailabilityIncreased = world.hear(item).await;
            assert_eq!(told.item_id, ItemId::from_uuid(item.as_uuid()).to_string());
            if told.held_quantity == 0 && told.quantity == 1 && told.held_until.is_empty() {
                break;
            }
        }
        world.stop().await;
    }
}
