//! What is planned and announced for one order.

use qm_proto::{
    inventory::v1::{self as inventory, StockPolicy},
    order::v1::{self as order, SourcingReason},
    routing::v1 as routing,
    types::v1::{FulfilmentKind, LineUnits},
};
use serde_json::Value;

use crate::world::{item, location, plan_of, worlds};

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_is_planned_from_the_cheapest_location_and_announced() {
    for mut world in worlds().await {
        world.put_tariff().await;
        world.stock(world.near, 5);
        world.stock(world.far, 5);
        let attempt = order::SourcingRequested { revision: 7, priority: 3, ..world.attempt(2) };
        let planned = world.planned(&attempt).await;
        // 5.00 for the parcel, 2 × 454 g at 0.28 a pound, 1.00 for handling.
        let cost_minor = 500 + 56 + 100;
        let expected = routing::Planned {
            order_id: attempt.order_id.clone(),
            revision: 7,
            attempt: 1,
            plan_id: plan_of(&attempt).to_string(),
            assignments: vec![routing::Assignment {
                location_id: world.near.to_string(),
                group: "ship:standard:ambient".to_owned(),
                kind: FulfilmentKind::Ship.into(),
                units: attempt.units.clone(),
                ship_date: "2026-03-02".to_owned(),
                promised_date: "2026-03-03".to_owned(),
                cost_minor,
            }],
            cost_minor,
            promise_unmet: false,
            priority: 3,
            for_backorder: false,
        };
        assert_eq!(planned, expected);
        assert_eq!(world.unheard(&attempt).await, Vec::<String>::new(), "and nothing else was told");

        let plans = world.plans(world.tenant, &attempt).await.unwrap();
        assert_eq!(plans.len(), 1);
        assert_eq!(plans[0].planned.as_ref(), Some(&expected));
        assert!(plans[0].unfilled.is_empty());
        assert_eq!(plans[0].planned_at, "2026-03-02T08:00:00.000000Z");
        let why: Value = serde_json::from_str(&plans[0].explanation_json).unwrap();
        assert_eq!(why["tariff_version"], 1);
        assert_eq!(why["candidates"][0]["location_id"], world.near.to_string());
        assert_eq!(why["candidates"][1]["verdict"]["dearer"]["by_minor"], 450);
        assert!(
            world.metrics.encode().unwrap().contains(r#"quartermaster_plans_total{outcome="planned"} 1"#)
        );
        assert_eq!(world.stop().await, 3, "a plan by two laws, and its day");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_is_asked_again_is_told_the_very_same_plan() {
    for mut world in worlds().await {
        world.stock(world.near, 2);
        let attempt = world.attempt(3);
        world.ask(&attempt).await;
        let planned: routing::Planned = world.hear(&attempt).await;
        let rest: routing::Unfillable = world.hear(&attempt).await;
        // The world has moved on.
        world.stock(world.near, 100);
        world.clock.advance(std::time::Duration::from_secs(3 * 86_400));
        let again = order::SourcingRequested { revision: 9, ..attempt.clone() };
        for _ in 0..2 {
            world.ask(&again).await;
            assert_eq!(world.hear::<routing::Planned>(&attempt).await, planned);
            assert_eq!(world.hear::<routing::Unfillable>(&attempt).await, rest);
        }
        assert_eq!(world.plans(world.tenant, &attempt).await.unwrap().len(), 1);
        // The next attempt is another plan.
        let next = order::SourcingRequested { attempt: 2, ..attempt.clone() };
        assert_ne!(world.planned(&next).await.plan_id, planned.plan_id);
        let plans = world.plans(world.tenant, &attempt).await.unwrap();
        let attempts: Vec<i32> = plans.iter().map(|plan| plan.planned.as_ref().unwrap().attempt).collect();
        assert_eq!(attempts, [1, 2]);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_location_has_is_told_apart_from_what_is_planned() {
    for mut world in worlds().await {
        world.stock(world.near, 2);
        let attempt = world.attempt(5);
        world.ask(&attempt).await;
        let planned: routing::Planned = world.hear(&attempt).await;
        let rest: routing::Unfillable = world.hear(&attempt).await;
        assert_eq!((planned.assignments[0].units[0].quantity, rest.units[0].quantity), (2, 3));
        assert_eq!(rest.units[0].line_id, attempt.units[0].line_id);
        assert_eq!(rest.reason, "only 2 units in all locations that may fill it");

        world.stock(world.near, 0);
        let nothing = order::SourcingRequested { attempt: 2, ..world.attempt(5) };
        let told = world.unfillable(&nothing).await;
        assert_eq!((told.attempt, told.units.clone()), (2, nothing.units.clone()));
        assert_eq!(told.reason, "no location has stock");
        assert_eq!(world.unheard(&nothing).await, Vec::<String>::new());
        let plan = world.plans(world.tenant, &nothing).await.unwrap().remove(0);
        assert_eq!((plan.planned.unwrap().assignments, plan.unfilled), (Vec::new(), nothing.units.clone()));
        let summary = world.summary(world.tenant).await;
        assert_eq!((summary.planned, summary.partially_planned, summary.unfillable), (0, 1, 1));
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn locations_and_items_that_are_excluded_are_not_used() {
    for mut world in worlds().await {
        world.stock(world.near, 5);
        world.stock(world.far, 5);
        let location_id = world.near.to_string();
        for item_id in [String::new(), world.item.to_string()] {
            let exclusion = order::Exclusion { location_id: location_id.clone(), item_id };
            let attempt = order::SourcingRequested { exclusions: vec![exclusion], ..world.attempt(1) };
            let planned = world.planned(&attempt).await;
            assert_eq!(planned.assignments[0].location_id, world.far.to_string());
        }
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_backorder_may_use_what_is_held_for_those_who_wait() {
    for mut world in worlds().await {
        world.inventory.stock(world.tenant, world.item, world.near, 1, 4);
        let new = world.attempt(3);
        world.ask(&new).await;
        let rest: routing::Unfillable = world.hear(&new).await;
        assert_eq!(rest.units[0].quantity, 2);
        let woken = order::SourcingRequested { reason: SourcingReason::Backorder.into(), ..world.attempt(5) };
        let planned = world.planned(&woken).await;
        assert!(planned.for_backorder);
        assert_eq!(planned.assignments[0].units, woken.units);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_tariff_and_without_points_there_is_still_a_plan() {
    for mut world in worlds().await {
        world.stock(world.near, 9);
        let mut attempt = world.attempt(1);
        attempt.service_level = "whatever".to_owned();
        attempt.destination = None;
        let planned = world.planned(&attempt).await;
        let assignment = &planned.assignments[0];
        assert_eq!(assignment.cost_minor, 100, "handling alone");
        assert_eq!(
            (assignment.ship_date.as_str(), assignment.promised_date.as_str()),
            ("2026-03-02", "2026-03-05")
        );
        let plan = world.plans(world.tenant, &attempt).await.unwrap().remove(0);
        let why: Value = serde_json::from_str(&plan.explanation_json).unwrap();
        assert_eq!(why["tariff_version"], 0);

        // With one, a distance that nobody knows is priced as the farthest.
        world.put_tariff().await;
        let attempt = order::SourcingRequested { destination: None, ..world.attempt(1) };
        let planned = world.planned(&attempt).await;
        assert_eq!(planned.cost_minor, 900 + 28 + 100);
        let plan = world.plans(world.tenant, &attempt).await.unwrap().remove(0);
        let why: Value = serde_json::from_str(&plan.explanation_json).unwrap();
        assert_eq!(why["candidates"][0]["miles"], Value::Null);

        // A service that the tariff does not have goes nowhere.
        let express = order::SourcingRequested { service_level: "express".to_owned(), ..world.attempt(1) };
        let told = world.unfillable(&express).await;
        assert!(told.reason.contains("the service does not go from here to the destination"), "{told:?}");
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_with_prices_of_its_own_is_priced_by_them_however_near_it_is() {
    for mut world in worlds().await {
        world.put_tariff().await;
        world.stock(world.near, 5);
        let mut attempt = world.attempt(1);
        attempt.destination.as_mut().unwrap().region = "ORK".to_owned();
        let planned = world.planned(&attempt).await;
        assert_eq!(planned.cost_minor, 2_000 + 28 + 100);
        assert_eq!(planned.assignments[0].promised_date, "2026-03-09");
        let plan = world.plans(world.tenant, &attempt).await.unwrap().remove(0);
        let why: Value = serde_json::from_str(&plan.explanation_json).unwrap();
        assert_eq!(why["priced_by_region"], "GB-ORK");

        // The same place, in a region that the tariff does not name.
        let mut attempt = world.attempt(1);
        attempt.destination.as_mut().unwrap().region = "LND".to_owned();
        assert_eq!(world.planned(&attempt).await.cost_minor, 500 + 28 + 100);
        let plan = world.plans(world.tenant, &attempt).await.unwrap().remove(0);
        let why: Value = serde_json::from_str(&plan.explanation_json).unwrap();
        assert_eq!(why.get("priced_by_region"), None);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn services_need_no_stock_and_keys_are_made_where_no_place_is() {
    for mut world in worlds().await {
        let (service, key) = (world.ids.next(), world.ids.next());
        let of = |id, policy: StockPolicy| inventory::Item { stock_policy: policy.into(), ..item(id) };
        world.put_item(world.tenant, of(service, StockPolicy::None)).await;
        world.put_item(world.tenant, of(key, StockPolicy::Generated)).await;
        let cloud = world.ids.next();
        let place =
            inventory::Location { kind: "virtual".to_owned(), address: None, ..location(cloud, "KEYS", 0.0) };
        world.put_location(world.tenant, place).await;
        world.settle().await;
        let unit = |item: qm_ids::ItemId, quantity| LineUnits {
            line_id: world.ids.next::<qm_ids::LineId>().to_string(),
            item_id: item.to_string(),
            quantity,
        };
        let attempt = order::SourcingRequested {
            units: vec![unit(service, 1_000), unit(key, 70_000)],
            ..world.attempt(1)
        };
        let planned = world.planned(&attempt).await;
        let sources: Vec<&str> =
            planned.assignments.iter().map(|assignment| assignment.location_id.as_str()).collect();
        assert_eq!(sources, [cloud.to_string()], "one place does both");
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pickup_is_planned_at_its_counter_alone() {
    for mut world in worlds().await {
        world.stock(world.near, 5);
        let pickup = |location: qm_ids::LocationId| order::SourcingRequested {
            fulfilment_kind: FulfilmentKind::Pickup.into(),
            pickup_location_id: location.to_string(),
            destination: None,
            ..world.attempt(1)
        };
        let (here, there) = (pickup(world.near), pickup(world.far));
        let planned = world.planned(&here).await;
        assert_eq!(planned.assignments[0].kind(), FulfilmentKind::Pickup);
        assert_eq!(planned.assignments[0].location_id, world.near.to_string());
        assert_eq!(world.unfillable(&there).await.units, there.units);
        world.stop().await;
    }
}
