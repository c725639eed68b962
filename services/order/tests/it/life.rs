//! An order's life through the messages of the saga.

use qm_ids::{OrderId, ShipmentId};
use qm_proto::{
    inventory::v1 as inventory, order::v1 as order, routing::v1 as routing, shipping::v1 as shipping,
    types::v1::Actor,
};
use qm_runtime::grpc::with_tenant;

use crate::world::{World, buckets, is_all, new_order, units, worlds};

fn named(work: &order::FulfilmentRequested) -> Option<shipping::FulfilmentRef> {
    Some(shipping::FulfilmentRef {
        order_id: work.order_id.clone(),
        fulfilment_id: work.fulfilment_id.clone(),
        plan_id: work.plan_id.clone(),
        reservation_id: work.reservation_id.clone(),
        location_id: work.location_id.clone(),
        version: 1,
    })
}

pub(crate) async fn issue(world: &World, work: &order::FulfilmentRequested) {
    let id: OrderId = work.order_id.parse().unwrap();
    let event = shipping::FulfilmentIssued {
        fulfilment: named(work),
        units: work.units.clone(),
        issued_at: String::new(),
    };
    world.tell(world.tenant, id, &event).await;
}

pub(crate) async fn deliver(world: &World, work: &order::FulfilmentRequested) {
    let id: OrderId = work.order_id.parse().unwrap();
    let event = shipping::ShipmentChanged {
        order_id: work.order_id.clone(),
        fulfilment_id: work.fulfilment_id.clone(),
        shipment_id: world.ids.next::<ShipmentId>().to_string(),
        status: "delivered".to_owned(),
        units: work.units.clone(),
        ..Default::default()
    };
    world.tell_as("shipment.delivered", world.ids.next(), world.tenant, id, &event).await;
}

pub(crate) async fn cancel(world: &World, id: &str) -> Result<order::Order, tonic::Status> {
    let request = order::CancelOrderRequest {
        order_id: id.to_owned(),
        reason: "changed my mind".to_owned(),
        actor: Some(Actor { kind: "user".to_owned(), id: "u1".to_owned() }),
        ..Default::default()
    };
    let response = world.client.clone().cancel_order(with_tenant(request, world.tenant)).await?;
    Ok(response.into_inner().order.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_goes_from_placed_to_completed() {
    for mut world in worlds().await {
        let placed = world.place(3).await;
        assert_eq!(placed.status, "placed");
        let _: order::Placed = world.hear(&placed.id).await;
        let work = world.reserve(&placed.id).await;
        let _: order::Allocated = world.hear(&placed.id).await;
        let at = world.until(&placed.id, |order| is_all(order, "in_fulfilment")).await;
        assert_eq!((at.status.as_str(), at.current_promise.as_str()), ("in_fulfilment", "2026-11-25"));
        let claims = world.facts("live_claims").await;
        let line = &placed.lines[0];
        let key = format!(
            "{}/{}/{}/{}/{}",
            world.tenant, work.reservation_id, line.id, line.item_id, work.location_id
        );
        assert!(claims.iter().any(|fact| fact.key == key && fact.quantity == 3), "{key} in {claims:?}");

        // Delivery is told before the issue: the bus keeps no order.
        deliver(&world, &work).await;
        issue(&world, &work).await;
        let done = world.until(&placed.id, |order| order.status == "completed").await;
        assert_eq!(buckets(&done), [("delivered".to_owned(), 3)]);
        let _: order::Completed = world.hear(&placed.id).await;

        let request = with_tenant(order::GetTimelineRequest { order_id: placed.id.clone() }, world.tenant);
        let entries = world.client.clone().get_timeline(request).await.unwrap().into_inner().entries;
        assert!(entries.iter().zip(1..).all(|(entry, sequence)| entry.sequence == sequence), "{entries:?}");
        assert_eq!((entries[0].command.as_str(), entries[0].cause_event_id.as_str()), ("place", ""));
        assert!(
            entries
                .iter()
                .any(|entry| entry.command == "record_reserved" && !entry.cause_event_id.is_empty())
        );
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_event_has_its_effect_once() {
    for mut world in worlds().await {
        let placed = world.place(2).await;
        let asked: order::SourcingRequested = world.hear(&placed.id).await;
        let id: OrderId = placed.id.parse().unwrap();
        let event_id = world.ids.next();
        let reserved = world.reserved(&asked);
        for _ in 0..3 {
            world.tell_as("inventory.reserved", event_id, world.tenant, id, &reserved).await;
        }
        // The same answer under another event, as inventory gives it when it is asked again.
        world.tell(world.tenant, id, &reserved).await;
        let at = world.until(&placed.id, |order| is_all(order, "in_fulfilment")).await;
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let later = world.get(&placed.id).await;
        assert_eq!(later.revision, at.revision);
        assert_eq!(world.facts("fulfilments").await.len(), 1);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_then_unfillable_then_woken_by_what_arrived() {
    for mut world in worlds().await {
        let placed = world.place(5).await;
        let id: OrderId = placed.id.parse().unwrap();
        let asked: order::SourcingRequested = world.hear(&placed.id).await;
        let rejected = inventory::Rejected {
            order_id: placed.id.clone(),
            attempt: asked.attempt,
            shortages: vec![inventory::Shortage {
                location_id: world.location.to_string(),
                item_id: world.item.to_string(),
                requested: 5,
                available: 1,
            }],
            ..Default::default()
        };
        world.tell(world.tenant, id, &rejected).await;
        let next: order::SourcingRequested = world.hear(&placed.id).await;
        assert_eq!((next.attempt, next.exclusions.len()), (2, 1));
        let unfillable = routing::Unfillable {
            order_id: placed.id.clone(),
            attempt: 2,
            units: next.units.clone(),
            ..Default::default()
        };
        world.tell(world.tenant, id, &unfillable).await;
        let _: order::Backordered = world.hear(&placed.id).await;
        world.until(&placed.id, |order| is_all(order, "backordered")).await;

        let arrived = inventory::AvailabilityIncreased {
            item_id: world.item.to_string(),
            location_id: world.location.to_string(),
            quantity: 2,
            ..Default::default()
        };
        world.tell(world.tenant, world.item, &arrived).await;
        let woken: order::SourcingRequested = world.hear(&placed.id).await;
        assert_eq!(woken.reason(), order::SourcingReason::Backorder);
        assert_eq!(woken.units.iter().map(|units| units.quantity).sum::<i64>(), 2);
        let at = world.get(&placed.id).await;
        assert_eq!(buckets(&at), [("backordered".to_owned(), 3), ("open".to_owned(), 2)]);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_wait_are_woken_by_priority_and_then_age() {
    for mut world in worlds().await {
        let mut waiting = Vec::new();
        for priority in [0, 0, 5] {
            let order = order::NewOrder { priority, ..new_order(2) };
            let placed = world.try_place(world.tenant, "", &order).await.unwrap().0;
            world.clock.advance(std::time::Duration::from_millis(10));
            let asked: order::SourcingRequested = world.hear(&placed.id).await;
            let unfillable = routing::Unfillable {
                order_id: placed.id.clone(),
                attempt: 1,
                units: asked.units,
                ..Default::default()
            };
            world.tell(world.tenant, placed.id.parse::<OrderId>().unwrap(), &unfillable).await;
            world.until(&placed.id, |order| is_all(order, "backordered")).await;
            waiting.push(placed);
        }
        let arrived = inventory::AvailabilityIncreased {
            item_id: world.item.to_string(),
            location_id: world.location.to_string(),
            quantity: 3,
            ..Default::default()
        };
        world.tell(world.tenant, world.item, &arrived).await;
        world.until(&waiting[2].id, |order| is_all(order, "open")).await;
        let oldest = world.get(&waiting[0].id).await;
        assert_eq!(buckets(&oldest), [("backordered".to_owned(), 1), ("open".to_owned(), 1)]);
        assert!(is_all(&world.get(&waiting[1].id).await, "backordered"));
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_pick_finds_another_source_without_that_location() {
    for mut world in worlds().await {
        let placed = world.place(4).await;
        let work = world.reserve(&placed.id).await;
        let event = shipping::FulfilmentRejected {
            fulfilment: named(&work),
            units: units(&placed, 1),
            reason: shipping::RejectReason::ShortPick.into(),
        };
        world.tell(world.tenant, placed.id.parse::<OrderId>().unwrap(), &event).await;
        let release: order::ReleaseRequested = world.hear(&placed.id).await;
        assert_eq!((release.reason(), release.units[0].quantity), (order::ReleaseReason::ShortPick, 1));
        let asked: order::SourcingRequested = world.hear(&placed.id).await;
        assert_eq!(asked.exclusions[0].location_id, work.location_id);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_meets_the_order_at_every_stage() {
    for mut world in worlds().await {
        // Before anything is planned: a late reservation is let go.
        let early = world.place(1).await;
        let asked: order::SourcingRequested = world.hear(&early.id).await;
        assert_eq!(cancel(&world, &early.id).await.unwrap().status, "cancelled");
        let _: order::Cancelled = world.hear(&early.id).await;
        world.tell(world.tenant, early.id.parse::<OrderId>().unwrap(), &world.reserved(&asked)).await;
        let release: order::ReleaseRequested = world.hear(&early.id).await;
        assert_eq!(release.reason(), order::ReleaseReason::Stale);

        // While a location works on it: when the location says so.
        let working = world.place(1).await;
        let work = world.reserve(&working.id).await;
        assert_eq!(cancel(&world, &working.id).await.unwrap().status, "in_fulfilment");
        let _: order::RecallRequested = world.hear(&working.id).await;
        let cancelled = shipping::FulfilmentCancelled { fulfilment: named(&work), units: work.units.clone() };
        world.tell(world.tenant, working.id.parse::<OrderId>().unwrap(), &cancelled).await;
        world.until(&working.id, |order| order.status == "cancelled").await;
        let _: order::ReleaseRequested = world.hear(&working.id).await;

        // Once it has left: not at all.
        let gone = world.place(1).await;
        let work = world.reserve(&gone.id).await;
        issue(&world, &work).await;
        world.until(&gone.id, |order| is_all(order, "shipped")).await;
        let refused = cancel(&world, &gone.id).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::FailedPrecondition, "{refused}");
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_keeps_the_order_from_being_released() {
    for mut world in worlds().await {
        let placed = world.place(1).await;
        let request = order::HoldOrderRequest {
            order_id: placed.id.clone(),
            kind: "fraud".to_owned(),
            reason: "looks odd".to_owned(),
            expected_revision: placed.revision,
            ..Default::default()
        };
        let again = request.clone();
        let held =
            world.client.clone().hold_order(with_tenant(request, world.tenant)).await.unwrap().into_inner();
        let stale = world.client.clone().hold_order(with_tenant(again, world.tenant)).await.unwrap_err();
        assert_eq!(stale.code(), tonic::Code::Aborted, "{stale}");
        let asked: order::SourcingRequested = world.hear(&placed.id).await;
        world.tell(world.tenant, placed.id.parse::<OrderId>().unwrap(), &world.reserved(&asked)).await;
        let at = world.until(&placed.id, |order| is_all(order, "allocated")).await;
        assert_eq!(at.status, "on_hold");
        let request = order::ReleaseHoldRequest {
            order_id: placed.id.clone(),
            hold_id: held.hold_id,
            ..Default::default()
        };
        world.client.clone().release_hold(with_tenant(request, world.tenant)).await.unwrap();
        let _: order::FulfilmentRequested = world.hear(&placed.id).await;
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_is_dropped_before_anybody_is_asked_is_no_fulfilment_for_others() {
    for mut world in worlds().await {
        let placed = world.place(1).await;
        let request = order::HoldOrderRequest {
            order_id: placed.id.clone(),
            kind: "manual".to_owned(),
            ..Default::default()
        };
        world.client.clone().hold_order(with_tenant(request, world.tenant)).await.unwrap();
        let asked: order::SourcingRequested = world.hear(&placed.id).await;
        world.tell(world.tenant, placed.id.parse::<OrderId>().unwrap(), &world.reserved(&asked)).await;
        world.until(&placed.id, |order| is_all(order, "allocated")).await;
        let request = order::CancelOrderRequest { order_id: placed.id.clone(), ..Default::default() };
        world.client.clone().cancel_order(with_tenant(request, world.tenant)).await.unwrap();
        world.until(&placed.id, |order| order.status == "cancelled").await;
        assert_eq!(world.facts("fulfilments").await, []);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_answered_is_asked_again() {
    for mut world in worlds().await {
        let placed = world.place(1).await;
        let first: order::SourcingRequested = world.hear(&placed.id).await;
        world.clock.advance(std::time::Duration::from_secs(31));
        let again: order::SourcingRequested = world.hear(&placed.id).await;
        assert_eq!((first.attempt, &first.units), (again.attempt, &again.units));
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenant_sees_and_changes_nothing() {
    for world in worlds().await {
        let placed = world.place(1).await;
        let mut client = world.client.clone();
        let theirs = world.other_tenant;
        let id = || placed.id.clone();
        let get = client.get_order(with_tenant(order::GetOrderRequest { order_id: id() }, theirs)).await;
        let timeline =
            client.get_timeline(with_tenant(order::GetTimelineRequest { order_id: id() }, theirs)).await;
        let request = order::CancelOrderRequest { order_id: id(), ..Default::default() };
        let cancel = client.cancel_order(with_tenant(request, theirs)).await;
        let request =
            order::HoldOrderRequest { order_id: id(), kind: "manual".to_owned(), ..Default::default() };
        let hold = client.hold_order(with_tenant(request, theirs)).await;
        let request = order::ReleaseHoldRequest { order_id: id(), ..Default::default() };
        let release = client.release_hold(with_tenant(request, theirs)).await;
        let request = order::FindOrderRequest { number: placed.number, email: "ada@example.com".to_owned() };
        let ours = client.find_order(with_tenant(request.clone(), world.tenant)).await.unwrap().into_inner();
        assert_eq!(ours.order.unwrap().id, placed.id);
        // The other tenant has an order of that number, from the start of this world, but it is another one.
        let found = client.find_order(with_tenant(request, theirs)).await;
        assert!(found.is_err() || found.unwrap().into_inner().order.unwrap().id != placed.id);
        let codes = [
            get.err().unwrap(),
            timeline.err().unwrap(),
            cancel.err().unwrap(),
            hold.err().unwrap(),
            release.err().unwrap(),
        ]
        .map(|status| status.code());
        assert_eq!(codes, [tonic::Code::NotFound; 5]);
        // An event under another tenant's name changes nothing either.
        let claim = inventory::Rejected { order_id: id(), attempt: 1, ..Default::default() };
        world.tell(theirs, placed.id.parse::<OrderId>().unwrap(), &claim).await;
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        assert_eq!(world.get(&placed.id).await.revision, placed.revision);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_lists_every_claim_however_small_its_pages() {
    for mut world in worlds().await {
        let mut wide = new_order(1);
        let line = wide.lines[0].clone();
        wide.lines = vec![line; 7];
        wide.total_minor *= 7;
        for _ in 0..4 {
            let placed = world.try_place(world.tenant, "", &wide).await.unwrap().0;
            world.reserve(&placed.id).await;
            world.until(&placed.id, |order| is_all(order, "in_fulfilment")).await;
        }
        // Pages of two, reservations of seven.
        assert_eq!(world.facts("live_claims").await.len(), 28);
        world.stop().await;
    }
}
