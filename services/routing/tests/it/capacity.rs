//! Claims on the days of locations, and how they end. One location, one shipment a day: where the next order lands tells
//! whether a day is free.

use std::collections::{BTreeMap, BTreeSet};

use qm_ids::{FulfilmentId, derive};
use qm_proto::{
    inventory::v1 as inventory, order::v1 as order, routing::v1 as routing, shipping::v1 as shipping,
    types::v1::LineUnits,
};

use crate::world::{World, location, order_of, plan_of, worlds};

const MONDAY: &str = "2026-03-02";
const TUESDAY: &str = "2026-03-03";

async fn small_worlds() -> Vec<World> {
    let worlds = worlds().await;
    for world in &worlds {
        let limited =
            inventory::Location { capacity_per_day: 1, version: 2, ..location(world.near, "NEAR", 0.1) };
        world.put_location(world.tenant, limited).await;
        world.settle().await;
        world.stock(world.near, 100);
    }
    worlds
}

/// The day on which a new order would leave. It takes that day.
async fn next_day(world: &mut World) -> String {
    world.settle().await;
    let attempt = world.attempt(1);
    world.planned(&attempt).await.assignments.remove(0).ship_date
}

fn at(world: &World, units: &LineUnits, quantity: i64) -> order::LocationUnits {
    order::LocationUnits {
        location_id: world.near.to_string(),
        line_id: units.line_id.clone(),
        item_id: units.item_id.clone(),
        quantity,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_free_again_once_all_units_of_its_shipment_are_let_go() {
    for mut world in small_worlds().await {
        let attempt = world.attempt(3);
        assert_eq!(world.planned(&attempt).await.assignments[0].ship_date, MONDAY);
        let part = at(&world, &attempt.units[0], 2);
        world.release(&attempt, vec![part]).await;
        assert_eq!(next_day(&mut world).await, TUESDAY, "a unit is left");
        let rest = at(&world, &attempt.units[0], 1);
        world.release(&attempt, vec![rest]).await;
        assert_eq!(next_day(&mut world).await, MONDAY);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_of_the_whole_plan_frees_its_day_and_its_cost_stands_no_more() {
    for mut world in small_worlds().await {
        let attempt = world.attempt(3);
        world.planned(&attempt).await;
        assert_eq!(world.summary(world.tenant).await.cost_minor, 100);
        world.release(&attempt, Vec::new()).await;
        world.settle().await;
        let summary = world.summary(world.tenant).await;
        assert_eq!((summary.planned, summary.cost_minor), (1, 0));
        assert_eq!(next_day(&mut world).await, MONDAY);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_may_overtake_its_plan() {
    for mut world in small_worlds().await {
        let whole = world.attempt(2);
        world.release(&whole, Vec::new()).await;
        let part = world.attempt(2);
        let units = at(&world, &part.units[0], 1);
        world.release(&part, vec![units]).await;
        world.settle().await;
        assert!(world.plans(world.tenant, &whole).await.unwrap().is_empty(), "nothing is planned yet");
        // It is announced all the same: inventory finds its own tombstone and says so to order.
        assert_eq!(world.planned(&whole).await.assignments[0].units, whole.units);
        assert_eq!(next_day(&mut world).await, MONDAY);
        // One unit of the other is still wanted.
        assert_eq!(world.planned(&part).await.assignments[0].ship_date, TUESDAY);
        let rest = at(&world, &part.units[0], 1);
        world.release(&part, vec![rest]).await;
        assert_eq!(next_day(&mut world).await, TUESDAY);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_inventory_rejects_frees_its_day_until_it_is_asked_for_again() {
    for mut world in small_worlds().await {
        let attempt = world.attempt(1);
        let planned = world.planned(&attempt).await;
        let rejected = inventory::Rejected {
            order_id: attempt.order_id.clone(),
            attempt: 1,
            plan_id: planned.plan_id.clone(),
            shortages: Vec::new(),
        };
        world.tell(world.tenant, order_of(&attempt), &rejected).await;
        world.settle().await;
        assert_eq!(world.summary(world.tenant).await.cost_minor, 0);
        // Order did not hear of it and asks again: inventory may reserve it now.
        assert_eq!(world.planned(&attempt).await, planned);
        assert_eq!(next_day(&mut world).await, TUESDAY);
        world.tell(world.tenant, order_of(&attempt), &rejected).await;
        assert_eq!(next_day(&mut world).await, MONDAY);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_free_again_when_the_stock_of_its_shipment_turns_out_not_to_be_there() {
    for mut world in small_worlds().await {
        let attempt = world.attempt(2);
        let planned = world.planned(&attempt).await;
        let plan = plan_of(&attempt);
        let broken = inventory::ReservationBroken {
            order_id: attempt.order_id.clone(),
            reservation_id: derive::<qm_ids::ReservationId>(plan.as_uuid(), "reservation", 0).to_string(),
            plan_id: planned.plan_id,
            location_id: world.near.to_string(),
            line_id: attempt.units[0].line_id.clone(),
            item_id: attempt.units[0].item_id.clone(),
            quantity: 1,
        };
        world.tell(world.tenant, order_of(&attempt), &broken).await;
        assert_eq!(next_day(&mut world).await, TUESDAY);
        world.tell(world.tenant, order_of(&attempt), &broken).await;
        assert_eq!(next_day(&mut world).await, MONDAY);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_on_which_goods_left_stays_used() {
    for mut world in small_worlds().await {
        let attempt = world.attempt(2);
        let planned = world.planned(&attempt).await;
        let plan = plan_of(&attempt);
        let label = format!("fulfilment/{}/{}", world.near, planned.assignments[0].group);
        let issued = shipping::FulfilmentIssued {
            fulfilment: Some(shipping::FulfilmentRef {
                order_id: attempt.order_id.clone(),
                fulfilment_id: derive::<FulfilmentId>(plan.as_uuid(), &label, 0).to_string(),
                plan_id: plan.to_string(),
                location_id: world.near.to_string(),
                ..shipping::FulfilmentRef::default()
            }),
            units: attempt.units.clone(),
            issued_at: String::new(),
        };
        world.tell(world.tenant, order_of(&attempt), &issued).await;
        world.settle().await;
        world.release(&attempt, Vec::new()).await;
        assert_eq!(next_day(&mut world).await, TUESDAY);
        assert_eq!(world.summary(world.tenant).await.cost_minor, 200, "it stands: it was carried out");
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_fortnight_rules_a_location_out_and_the_next_one_ships() {
    for mut world in small_worlds().await {
        let attempts: Vec<order::SourcingRequested> = (0..16).map(|_| world.attempt(1)).collect();
        let asked: Vec<_> = attempts.iter().map(|attempt| (world.tenant, attempt)).collect();
        world.ask_together(&asked).await;
        world.settle().await;
        let (mut days, mut without) = (BTreeSet::new(), 0);
        for attempt in &attempts {
            if world.unheard(attempt).await == ["routing.planned"] {
                let planned: routing::Planned = world.hear(attempt).await;
                days.insert(planned.assignments[0].ship_date.clone());
            } else {
                let told: routing::Unfillable = world.hear(attempt).await;
                assert!(told.reason.contains("capacity exhausted until 2026-03-16"), "{told:?}");
                without += 1;
            }
        }
        assert_eq!((days.len(), without), (15, 1));
        world.stock(world.far, 100);
        let elsewhere = world.attempt(1);
        assert_eq!(world.planned(&elsewhere).await.assignments[0].location_id, world.far.to_string());
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_process_was_told_of_a_location_counts_for_another_after_a_moment() {
    for mut world in worlds().await {
        world.add_replica().await;
        world.stock(world.near, 1_000);
        world.stock(world.far, 1_000);
        let mut version = 1;
        for (active, expected) in [(true, world.near), (false, world.far), (true, world.near)] {
            version += 1;
            let near = inventory::Location { active, version, ..location(world.near, "NEAR", 0.1) };
            world.put_location(world.tenant, near).await;
            world.settle().await;
            world.clock.advance(std::time::Duration::from_secs(2));
            // Enough that each process plans some, and remembers what it planned them by.
            let attempts: Vec<order::SourcingRequested> = (0..40).map(|_| world.attempt(1)).collect();
            world.ask_in_turn(&attempts).await;
            for attempt in &attempts {
                let planned: routing::Planned = world.hear(attempt).await;
                assert_eq!(planned.assignments[0].location_id, expected.to_string(), "version {version}");
            }
        }
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_location_is_planned_for_whichever_process_was_told_of_it() {
    for mut world in worlds().await {
        world.add_replica().await;
        world.stock(world.near, 1_000);
        // Each process plans some, and remembers a network without the new location; no time passes.
        let before: Vec<order::SourcingRequested> = (0..40).map(|_| world.attempt(1)).collect();
        world.ask_in_turn(&before).await;
        for attempt in &before {
            world.hear::<routing::Planned>(attempt).await;
        }
        let new = world.ids.next();
        world.stock(world.near, 0);
        world.stock(new, 1_000);
        world.put_location(world.tenant, location(new, "NEW", 0.2)).await;
        world.settle().await;
        let after: Vec<order::SourcingRequested> = (0..40).map(|_| world.attempt(1)).collect();
        world.ask_in_turn(&after).await;
        for attempt in &after {
            let planned: routing::Planned = world.hear(attempt).await;
            assert_eq!(planned.assignments[0].location_id, new.to_string());
        }
        assert_eq!(world.backlog().await.dead_letters, 0);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_plan_at_once_do_not_overbook_a_day() {
    for mut world in worlds().await {
        let limited =
            inventory::Location { capacity_per_day: 20, version: 2, ..location(world.near, "NEAR", 0.1) };
        world.put_location(world.tenant, limited).await;
        world.settle().await;
        world.stock(world.near, 1_000);
        world.add_replica().await;
        let attempts: Vec<order::SourcingRequested> = (0..150).map(|_| world.attempt(1)).collect();
        world.ask_in_turn(&attempts).await;
        let mut days: BTreeMap<String, usize> = BTreeMap::new();
        for attempt in &attempts {
            let planned: routing::Planned = world.hear(attempt).await;
            *days.entry(planned.assignments[0].ship_date.clone()).or_default() += 1;
        }
        assert_eq!(days.values().copied().collect::<Vec<_>>(), [20, 20, 20, 20, 20, 20, 20, 10]);
        assert_eq!(world.backlog().await.dead_letters, 0);
        world.stop().await;
    }
}
