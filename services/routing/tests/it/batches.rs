//! Many attempts at once, and what cannot be planned.

use qm_proto::{
    inventory::v1 as inventory, order::v1 as order, routing::v1 as routing, types::v1::LineUnits,
};

use crate::world::{item, location, worlds};

#[tokio::test(flavor = "multi_thread")]
async fn orders_of_one_batch_share_its_stock_by_priority_and_then_by_age() {
    for mut world in worlds().await {
        world.stock(world.near, 2);
        let young = world.attempt(1);
        let old =
            order::SourcingRequested { placed_at: "2026-03-01T08:00:00Z".to_owned(), ..world.attempt(1) };
        let urgent = order::SourcingRequested { priority: 5, ..world.attempt(1) };
        let calls = world.inventory.calls();
        world.ask_together(&[&young, &old, &urgent].map(|attempt| (world.tenant, attempt))).await;
        let _: routing::Planned = world.hear(&urgent).await;
        let _: routing::Planned = world.hear(&old).await;
        let told: routing::Unfillable = world.hear(&young).await;
        assert_eq!(told.units, young.units);
        assert_eq!(world.inventory.calls() - calls, 1, "inventory is asked once for the batch");
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_of_one_batch_share_a_locations_day() {
    for mut world in worlds().await {
        let limited =
            inventory::Location { capacity_per_day: 2, version: 2, ..location(world.near, "NEAR", 0.1) };
        world.put_location(world.tenant, limited).await;
        world.settle().await;
        world.stock(world.near, 50);
        let attempts = [(); 5].map(|()| world.attempt(1));
        world.ask_together(&attempts.each_ref().map(|attempt| (world.tenant, attempt))).await;
        let mut dates = Vec::new();
        for attempt in &attempts {
            let planned: routing::Planned = world.hear(attempt).await;
            dates.push(planned.assignments[0].ship_date.clone());
        }
        dates.sort();
        assert_eq!(dates, ["2026-03-02", "2026-03-02", "2026-03-03", "2026-03-03", "2026-03-04"]);
        // The next batch sees them.
        assert_eq!(world.planned(&world.attempt(1)).await.assignments[0].ship_date, "2026-03-04");
        assert_eq!(world.planned(&world.attempt(1)).await.assignments[0].ship_date, "2026-03-05");
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_of_one_batch_do_not_see_each_other() {
    for mut world in worlds().await {
        let limited =
            inventory::Location { capacity_per_day: 1, version: 2, ..location(world.near, "NEAR", 0.1) };
        world.put_location(world.tenant, limited.clone()).await;
        world.put_location(world.other_tenant, limited).await;
        world.put_tariff().await;
        world.settle().await;
        world.stock(world.near, 1);
        let (mine, theirs) = (world.attempt(1), world.attempt(1));
        world.ask_together(&[(world.tenant, &mine), (world.other_tenant, &theirs)]).await;
        let planned: routing::Planned = world.hear(&mine).await;
        assert_eq!(planned.cost_minor, 500 + 28 + 100);
        let _: routing::Unfillable = world.hear(&theirs).await;
        // Their stock, no tariff, and a day of their own.
        world.inventory.stock(world.other_tenant, world.item, world.near, 1, 0);
        let theirs = world.attempt(1);
        world.ask_together(&[(world.other_tenant, &theirs)]).await;
        let planned: routing::Planned = world.hear(&theirs).await;
        assert_eq!((planned.cost_minor, planned.assignments[0].ship_date.as_str()), (100, "2026-03-02"));

        assert!(world.plans(world.other_tenant, &mine).await.unwrap().is_empty());
        assert_eq!(world.plans(world.tenant, &mine).await.unwrap().len(), 1);
        assert_eq!(
            (world.summary(world.tenant).await.planned, world.summary(world.other_tenant).await.planned),
            (1, 1)
        );
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_waits_for_the_events_of_its_item_and_of_a_location_with_stock() {
    for mut world in worlds().await {
        let (new_item, new_location): (qm_ids::ItemId, qm_ids::LocationId) =
            (world.ids.next(), world.ids.next());
        world.stock(world.near, 1);
        let mut unknown = world.attempt(1);
        unknown.units[0].item_id = new_item.to_string();
        let plain = world.attempt(1);
        world.inventory.stock(world.tenant, new_item, new_location, 1, 0);
        world.ask_together(&[(world.tenant, &unknown), (world.tenant, &plain)]).await;
        let _: routing::Planned = world.hear(&plain).await;
        world.put_item(world.tenant, item(new_item)).await;
        world.put_location(world.tenant, location(new_location, "NEW", 0.5)).await;
        let planned: routing::Planned = world.hear(&unknown).await;
        assert_eq!(planned.assignments[0].location_id, new_location.to_string());
        assert_eq!(world.backlog().await.dead_letters, 0);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_events_become_dead_letters_and_others_go_on() {
    for mut world in worlds().await {
        world.stock(world.near, 9);
        let bad = |change: fn(&mut order::SourcingRequested)| {
            let mut attempt = world.attempt(1);
            change(&mut attempt);
            attempt
        };
        let malformed = [
            bad(|it| it.units[0].quantity = 0),
            bad(|it| it.units.clear()),
            bad(|it| it.units[0].item_id = "line_x".to_owned()),
            bad(|it| it.reason = 0),
            bad(|it| it.attempt = 0),
            bad(|it| it.placed_at = "yesterday".to_owned()),
            bad(|it| it.fulfilment_kind = 4),
            bad(|it| it.destination.as_mut().unwrap().point.as_mut().unwrap().latitude = 91.0),
        ];
        let good = world.attempt(1);
        let mut batch: Vec<_> = malformed.iter().map(|attempt| (world.tenant, attempt)).collect();
        batch.push((world.tenant, &good));
        world.ask_together(&batch).await;
        let _: routing::Planned = world.hear(&good).await;
        let place = inventory::Location { time_zone: "Mars".to_owned(), ..location(world.near, "NEAR", 0.1) };
        world.put_location(world.tenant, place).await;
        let errors = world.dead_letters(malformed.len() + 1).await;
        for expected in [
            "quantity 0",
            "units are missing",
            "reason",
            "attempt 0",
            "placed_at",
            "Digital",
            "latitude",
            "Mars",
        ] {
            assert!(errors.iter().any(|error| error.contains(expected)), "{expected} is not in {errors:?}");
        }
        assert_eq!(errors.len(), malformed.len() + 1);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_version_of_a_location_changes_nothing() {
    for mut world in worlds().await {
        let closed = inventory::Location { active: false, version: 3, ..location(world.near, "NEAR", 0.1) };
        world.put_location(world.tenant, closed).await;
        world.settle().await;
        world
            .put_location(
                world.tenant,
                inventory::Location { version: 2, ..location(world.near, "NEAR", 0.1) },
            )
            .await;
        world.settle().await;
        world.stock(world.near, 9);
        let told = world.unfillable(&world.attempt(1)).await;
        assert_eq!(told.reason, "the location with most stock is ruled out: inactive");
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_whose_answer_is_too_large_is_asked_in_parts() {
    for mut world in worlds().await {
        world.stock(world.near, 9);
        let mut attempt = world.attempt(1);
        for _ in 0..4 {
            let id: qm_ids::ItemId = world.ids.next();
            world.put_item(world.tenant, item(id)).await;
            world.inventory.stock(world.tenant, id, world.near, 1, 0);
            let line_id = world.ids.next::<qm_ids::LineId>().to_string();
            attempt.units.push(LineUnits { line_id, item_id: id.to_string(), quantity: 1 });
        }
        world.settle().await;
        world.inventory.set_room(2);
        let planned = world.planned(&attempt).await;
        assert_eq!(planned.assignments[0].units, attempt.units);
        world.stop().await;
    }
}
