//! The life of a fulfilment, as others see it.

use std::time::Duration;

use qm_proto::{shipping::v1 as shipping, types::v1::FulfilmentKind};
use qm_runtime::grpc::with_tenant;
use tonic::Code;

use crate::world::{code, worlds};

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test(flavor = "multi_thread")]
async fn goods_go_from_requested_to_delivered() {
    for mut world in worlds().await {
        let work = world.requested(FulfilmentKind::Ship, &[2, 3]).await;
        let id = work.fulfilment_id.as_str();
        assert_eq!(world.get(id).await.status, "requested");
        assert_eq!(world.accept(id).await.unwrap().status, "accepted");
        let parcels = work
            .units
            .iter()
            .map(|units| shipping::NewParcel { units: vec![units.clone()], weight_grams: 0 })
            .collect();
        let packed = world.pack(id, parcels).await.unwrap();
        assert_eq!((packed.status.as_str(), packed.parcels.len()), ("packed", 2));
        assert_eq!(packed.parcels[0].weight_grams, 800, "the newer version of the item counts");
        assert_eq!(packed.lines[0].sku, "SKU");
        let picking: shipping::FulfilmentPicking = world.hear(id).await;
        assert_eq!(picking.units, work.units);
        let _: shipping::FulfilmentPacked = world.hear(id).await;

        let labelled = world.label(id, "").await.unwrap();
        assert_eq!((labelled.status.as_str(), labelled.shipments.len()), ("packed", 2));
        assert_eq!(labelled.shipments[0].cost_minor, 450 + 120);
        for shipment in &labelled.shipments {
            world.hear_shipment(&shipment.id, "label_purchased").await;
        }
        assert_eq!(world.hand_over(id).await.unwrap().status, "dispatched");
        let issued: shipping::FulfilmentIssued = world.hear(id).await;
        assert_eq!(issued.units, work.units);
        let told = issued.fulfilment.unwrap();
        assert_eq!(
            (told.plan_id, told.reservation_id, told.location_id),
            (work.plan_id.clone(), work.reservation_id.clone(), work.location_id.clone())
        );

        // The simulated carrier reports by its own signed messages, as its clock goes on.
        for (hours, status) in [(1, "in_transit"), (23, "out_for_delivery"), (6, "delivered")] {
            world.clock.advance(HOUR * hours);
            for shipment in &labelled.shipments {
                let changed = world.hear_shipment(&shipment.id, status).await;
                assert_eq!((changed.status.as_str(), changed.units.len()), (status, 1));
            }
        }
        let completed: shipping::FulfilmentCompleted = world.hear(id).await;
        assert!(completed.units.is_empty());
        let done = world.get(id).await;
        assert_eq!((done.status.as_str(), done.shipments[0].events.len()), ("completed", 3));

        let issued: Vec<_> = work
            .units
            .iter()
            .map(|units| {
                (
                    format!(
                        "{}/{}/{}/{}",
                        world.tenant, work.reservation_id, units.line_id, work.location_id
                    ),
                    units.quantity,
                )
            })
            .collect();
        let facts = |facts: Vec<qm_proto::operations::v1::Fact>| -> Vec<(String, i64)> {
            facts.into_iter().map(|fact| (fact.key, fact.quantity)).collect()
        };
        assert_eq!(facts(world.facts("issued_units").await), issued);
        assert_eq!(facts(world.facts("fulfilments").await), [(format!("{}/{id}", world.tenant), 1)]);
        let delivered = facts(world.facts("delivered_units").await);
        assert_eq!(delivered.iter().map(|(_, quantity)| quantity).sum::<i64>(), 5);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pickup_is_done_at_the_counter() {
    for mut world in worlds().await {
        let work = world.requested(FulfilmentKind::Pickup, &[4]).await;
        let id = work.fulfilment_id.as_str();
        world.accept(id).await.unwrap();
        let request = shipping::StartPickingRequest { action: world.action(id, "") };
        world.client.clone().start_picking(with_tenant(request, world.tenant)).await.unwrap();
        assert_eq!(world.pack(id, vec![]).await.unwrap().status, "ready_for_pickup");
        let _: shipping::FulfilmentReadyForPickup = world.hear(id).await;
        assert_eq!(code(&world.label(id, "").await), Code::FailedPrecondition);
        assert_eq!(world.hand_over(id).await.unwrap().status, "completed");
        let issued: shipping::FulfilmentIssued = world.hear(id).await;
        let completed: shipping::FulfilmentCompleted = world.hear(id).await;
        assert_eq!((&issued.units, &completed.units), (&work.units, &work.units));
        assert_eq!(world.facts("delivered_units").await[0].quantity, 4);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_location_rejects_some_and_then_all() {
    for mut world in worlds().await {
        let work = world.requested(FulfilmentKind::Ship, &[3, 1]).await;
        let id = work.fulfilment_id.as_str();
        world.accept(id).await.unwrap();
        let mut some = vec![work.units[0].clone()];
        some[0].quantity = 2;
        let unspecified = world.reject(id, some.clone(), shipping::RejectReason::Unspecified).await;
        assert_eq!(code(&unspecified), Code::InvalidArgument);
        let left = world.reject(id, some.clone(), shipping::RejectReason::ShortPick).await.unwrap();
        assert_eq!((left.status.as_str(), left.lines[0].rejected), ("accepted", 2));
        let told: shipping::FulfilmentRejected = world.hear(id).await;
        assert_eq!((told.reason(), &told.units), (shipping::RejectReason::ShortPick, &some));
        let too_many = world.reject(id, some, shipping::RejectReason::ShortPick).await;
        assert_eq!(code(&too_many), Code::InvalidArgument);
        world.pack(id, vec![]).await.unwrap();
        let labelled = world.label(id, "").await.unwrap();
        let rejected = world.reject(id, vec![], shipping::RejectReason::Declined).await.unwrap();
        assert_eq!((rejected.status.as_str(), rejected.shipments[0].status.as_str()), ("rejected", "voided"));
        world.hear_shipment(&labelled.shipments[0].id, "voided").await;
        let told: shipping::FulfilmentRejected = world.hear(id).await;
        assert_eq!(told.units.iter().map(|units| units.quantity).sum::<i64>(), 2);
        assert_eq!(code(&world.hand_over(id).await), Code::FailedPrecondition);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_key_gets_the_first_answer_and_another_body_is_refused() {
    for mut world in worlds().await {
        let work = world.requested(FulfilmentKind::Ship, &[1]).await;
        let other = world.requested(FulfilmentKind::Ship, &[1]).await;
        let id = work.fulfilment_id.as_str();
        let accept = async |action| {
            let request = shipping::AcceptFulfilmentRequest { action };
            let answer = world.client.clone().accept_fulfilment(with_tenant(request, world.tenant)).await?;
            Ok::<_, tonic::Status>(answer.into_inner().fulfilment.unwrap())
        };
        let mut stale = world.action(id, "");
        stale.as_mut().unwrap().expected_version = 9;
        assert_eq!(code(&accept(stale).await), Code::Aborted);
        let first = accept(world.action(id, "k")).await.unwrap();
        world.pack(id, vec![]).await.unwrap();
        assert_eq!(accept(world.action(id, "k")).await.unwrap(), first);
        let mut other_body = world.action(id, "k");
        other_body.as_mut().unwrap().idempotency.as_mut().unwrap().body_hash = vec![8; 32];
        assert_eq!(code(&accept(other_body).await), Code::AlreadyExists);
        assert_eq!(code(&accept(world.action(&other.fulfilment_id, "k")).await), Code::AlreadyExists);
        let labelled = world.label(id, "l").await.unwrap();
        world.hand_over(id).await.unwrap();
        assert_eq!(world.label(id, "l").await.unwrap(), labelled);
        assert_eq!(code(&world.label(id, "").await), Code::FailedPrecondition);
        world.stop().await;
    }
}
