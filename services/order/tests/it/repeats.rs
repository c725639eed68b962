//! A request that comes again under its key has no second effect and gets the first answer.

use qm_proto::{
    order::v1::{self as order},
    shipping::v1 as shipping,
    types::v1::Idempotency,
};
use qm_runtime::grpc::with_tenant;

use crate::world::{World, worlds};

fn once(key: &str) -> Option<Idempotency> {
    Some(Idempotency { key: key.to_owned(), body_hash: vec![7; 32] })
}

async fn cancel(world: &World, id: &str, key: &str) -> Result<order::Order, tonic::Status> {
    let request =
        order::CancelOrderRequest { order_id: id.to_owned(), idempotency: once(key), ..Default::default() };
    let response = world.client.clone().cancel_order(with_tenant(request, world.tenant)).await?;
    Ok(response.into_inner().order.unwrap())
}

pub(crate) async fn hold(
    world: &World,
    id: &str,
    key: &str,
) -> Result<order::HoldOrderResponse, tonic::Status> {
    let request = order::HoldOrderRequest {
        order_id: id.to_owned(),
        kind: "manual".to_owned(),
        idempotency: once(key),
        ..Default::default()
    };
    Ok(world.client.clone().hold_order(with_tenant(request, world.tenant)).await?.into_inner())
}

async fn release(world: &World, id: &str, key: &str) -> Result<order::Order, tonic::Status> {
    let request =
        order::ReleaseHoldRequest { order_id: id.to_owned(), idempotency: once(key), ..Default::default() };
    let response = world.client.clone().release_hold(with_tenant(request, world.tenant)).await?;
    Ok(response.into_inner().order.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_gets_the_first_answer_whatever_happened_since() {
    for mut world in worlds().await {
        let placed = world.place(1).await;
        let held = hold(&world, &placed.id, "hold").await.unwrap();
        let released = release(&world, &placed.id, "release").await.unwrap();
        let work = world.reserve(&placed.id).await;
        let recalled = cancel(&world, &placed.id, "cancel").await.unwrap();
        assert_eq!(recalled.status, "in_fulfilment");
        let cancelled = shipping::FulfilmentCancelled {
            fulfilment: Some(shipping::FulfilmentRef {
                order_id: work.order_id.clone(),
                fulfilment_id: work.fulfilment_id.clone(),
                ..Default::default()
            }),
            units: work.units.clone(),
        };
        world.tell(world.tenant, placed.id.parse::<qm_ids::OrderId>().unwrap(), &cancelled).await;
        let end = world.until(&placed.id, |order| order.status == "cancelled").await;

        assert_eq!(hold(&world, &placed.id, "hold").await.unwrap(), held);
        assert_eq!(release(&world, &placed.id, "release").await.unwrap(), released);
        assert_eq!(cancel(&world, &placed.id, "cancel").await.unwrap(), recalled);
        assert_eq!(world.get(&placed.id).await, end, "a repeat has no effect");
        // The key was for that order.
        let other = world.place(1).await;
        for refused in [
            cancel(&world, &other.id, "cancel").await.unwrap_err(),
            hold(&world, &other.id, "hold").await.unwrap_err(),
            release(&world, &other.id, "release").await.unwrap_err(),
        ] {
            assert!(refused.message().contains("idempotency"), "{refused}");
        }
        world.stop().await;
    }
}
