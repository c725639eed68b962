//! Reports that come again under other event ids, or before those that they follow from.

use qm_ids::{OrderId, ShipmentId};
use qm_proto::{inventory::v1 as inventory, order::v1 as order, shipping::v1 as shipping};

use crate::world::{World, buckets, units, worlds};

fn named(work: &order::FulfilmentRequested, version: i64) -> Option<shipping::FulfilmentRef> {
    Some(shipping::FulfilmentRef {
        order_id: work.order_id.clone(),
        fulfilment_id: work.fulfilment_id.clone(),
        plan_id: work.plan_id.clone(),
        reservation_id: work.reservation_id.clone(),
        location_id: work.location_id.clone(),
        version,
    })
}

fn id(placed: &order::Order) -> OrderId {
    placed.id.parse().unwrap()
}

/// Waits until the order has these units in these buckets.
async fn until(world: &World, placed: &order::Order, wanted: &[(&str, i64)]) -> order::Order {
    let wanted: Vec<_> = wanted.iter().map(|(bucket, count)| ((*bucket).to_owned(), *count)).collect();
    world.until(&placed.id, |order| buckets(order) == wanted).await
}

/// The order once nothing has changed it for a while.
async fn settled(world: &World, placed: &order::Order) -> order::Order {
    let mut last = world.get(&placed.id).await;
    let mut quiet = 0;
    while quiet < 10 {
        tokio::time::sleep(std::time::Duration::from_millis(30)).await;
        let now = world.get(&placed.id).await;
        quiet = if now == last { quiet + 1 } else { 0 };
        last = now;
    }
    last
}

async fn travel(
    world: &World,
    work: &order::FulfilmentRequested,
    shipment: ShipmentId,
    status: &str,
    inside: Vec<qm_proto::types::v1::LineUnits>,
) {
    let event = shipping::ShipmentChanged {
        order_id: work.order_id.clone(),
        fulfilment_id: work.fulfilment_id.clone(),
        shipment_id: shipment.to_string(),
        status: status.to_owned(),
        units: inside,
        ..Default::default()
    };
    world.tell_as(&format!("shipment.{status}"), world.ids.next(), world.tenant, shipment, &event).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_told_again_under_another_id_moves_nothing_twice() {
    for mut world in worlds().await {
        let placed = world.place(9).await;
        let work = world.reserve(&placed.id).await;
        let rejected = shipping::FulfilmentRejected {
            fulfilment: named(&work, 3),
            units: units(&placed, 2),
            reason: shipping::RejectReason::Declined.into(),
        };
        let issued = shipping::FulfilmentIssued {
            fulfilment: named(&work, 5),
            units: units(&placed, 3),
            issued_at: "2026-11-23T10:00:00Z".to_owned(),
        };
        let (first, second): (ShipmentId, ShipmentId) = (world.ids.next(), world.ids.next());
        let end = [("delivered", 1), ("in_fulfilment", 4), ("lost", 1), ("open", 2), ("shipped", 1)];
        for round in 0..3 {
            // A parcel is at the door before it is told that anything left.
            travel(&world, &work, second, "delivered", units(&placed, 1)).await;
            travel(&world, &work, first, "lost", units(&placed, 1)).await;
            world.tell(world.tenant, id(&placed), &rejected).await;
            world.tell(world.tenant, id(&placed), &issued).await;
            let at = until(&world, &placed, &end).await;
            if round > 0 {
                assert_eq!(settled(&world, &placed).await, at, "told again, nothing moves");
            }
        }
        // As much of another shipment, and of another version, is something else.
        travel(&world, &work, world.ids.next(), "delivered", units(&placed, 1)).await;
        let rejected = shipping::FulfilmentRejected { fulfilment: named(&work, 4), ..rejected };
        world.tell(world.tenant, id(&placed), &rejected).await;
        until(&world, &placed, &[("delivered", 2), ("in_fulfilment", 2), ("lost", 1), ("open", 4)]).await;
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_that_were_broken_are_not_released_when_their_work_is_recalled() {
    for mut world in worlds().await {
        let placed = world.place(5).await;
        let work = world.reserve(&placed.id).await;
        let broken = inventory::ReservationBroken {
            order_id: placed.id.clone(),
            reservation_id: work.reservation_id.clone(),
            plan_id: work.plan_id.clone(),
            location_id: work.location_id.clone(),
            line_id: placed.lines[0].id.clone(),
            item_id: placed.lines[0].item_id.clone(),
            quantity: 2,
        };
        world.tell(world.tenant, id(&placed), &broken).await;
        let _: order::RecallRequested = world.hear(&placed.id).await;
        let cancelled =
            shipping::FulfilmentCancelled { fulfilment: named(&work, 2), units: work.units.clone() };
        for _ in 0..2 {
            world.tell(world.tenant, id(&placed), &cancelled).await;
        }
        let release: order::ReleaseRequested = world.hear(&placed.id).await;
        assert_eq!(release.units.iter().map(|units| units.quantity).sum::<i64>(), 3, "{release:?}");
        let asked: order::SourcingRequested = world.hear(&placed.id).await;
        assert_eq!(asked.units[0].quantity, 5, "all of them need another source");
        let at = until(&world, &placed, &[("open", 5)]).await;
        assert_eq!(settled(&world, &placed).await, at);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_does_not_make_a_persons_change_fail() {
    for mut world in worlds().await {
        let placed = world.place(1).await;
        let _: order::SourcingRequested = world.hear(&placed.id).await;
        world.clock.advance(std::time::Duration::from_secs(31));
        let _: order::SourcingRequested = world.hear(&placed.id).await;
        let request = order::CancelOrderRequest {
            order_id: placed.id.clone(),
            expected_revision: placed.revision,
            ..Default::default()
        };
        let request = qm_runtime::grpc::with_tenant(request, world.tenant);
        let answer = world.client.clone().cancel_order(request).await.unwrap().into_inner();
        assert_eq!(answer.order.unwrap().status, "cancelled");
        world.stop().await;
    }
}
