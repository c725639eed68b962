//! What a process remembers of orders is never older than what is stored.

use futures::future::join_all;
use qm_ids::OrderId;
use qm_proto::order::v1 as order;
use qm_runtime::grpc::{GrpcChannel, with_tenant};
use sea_orm::{
    ConnectionTrait as _,
    sea_query::{Alias, Expr, ExprTrait as _, Query},
};
use tonic::Code;

use crate::world::{World, worlds};

type Client = order::order_service_client::OrderServiceClient<GrpcChannel>;

async fn get(world: &World, client: &Client, id: &str) -> Result<order::Order, tonic::Status> {
    let request = order::GetOrderRequest { order_id: id.to_owned() };
    let response = client.clone().get_order(with_tenant(request, world.tenant)).await?;
    Ok(response.into_inner().order.unwrap())
}

async fn list(world: &World, client: &Client, status: &str) -> Vec<order::Order> {
    let request = order::ListOrdersRequest { status: status.to_owned(), ..Default::default() };
    client.clone().list_orders(with_tenant(request, world.tenant)).await.unwrap().into_inner().orders
}

async fn set_currency(world: &World, id: &str, currency: &str) {
    let order: OrderId = id.parse().unwrap();
    let update = Query::update()
        .table(Alias::new("orders"))
        .value(Alias::new("currency"), currency)
        .cond_where(Expr::col(Alias::new("order_id")).eq(order.as_uuid()))
        .to_owned();
    let tx = world.database.begin_system().await.unwrap();
    assert_eq!(tx.conn().execute(&update).await.unwrap().rows_affected(), 1);
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_changed_is_seen_and_built_upon() {
    for world in worlds().await {
        let (first, second) = (world.client.clone(), world.replica().await);
        let placed = world.place(1).await;
        assert_eq!(get(&world, &first, &placed.id).await.unwrap(), placed);
        assert_eq!(get(&world, &second, &placed.id).await.unwrap(), placed);

        let request = order::HoldOrderRequest {
            order_id: placed.id.clone(),
            kind: "manual".to_owned(),
            ..Default::default()
        };
        let held = second.clone().hold_order(with_tenant(request, world.tenant)).await.unwrap().into_inner();
        let held_order = held.order.unwrap();
        assert_eq!(get(&world, &first, &placed.id).await.unwrap(), held_order);
        assert_eq!(list(&world, &first, "on_hold").await, [held_order]);

        // The first process goes on from what the second one made of the order.
        let request = order::ReleaseHoldRequest {
            order_id: placed.id.clone(),
            hold_id: held.hold_id,
            ..Default::default()
        };
        let released = first.clone().release_hold(with_tenant(request, world.tenant)).await.unwrap();
        let released = released.into_inner().order.unwrap();
        assert_eq!((&*released.status, released.revision), ("placed", placed.revision + 2));
        assert_eq!(get(&world, &second, &placed.id).await.unwrap(), released);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_two_processes_at_once_lose_nothing() {
    for world in worlds().await {
        let (first, second) = (world.client.clone(), world.replica().await);
        for _ in 0..20 {
            let placed = world.place(1).await;
            let hold = |client: &Client, kind: &str| {
                let (client, kind) = (client.clone(), kind.to_owned());
                let request =
                    order::HoldOrderRequest { order_id: placed.id.clone(), kind, ..Default::default() };
                let request = with_tenant(request, world.tenant);
                async move { client.clone().hold_order(request).await.unwrap() }
            };
            tokio::join!(hold(&first, "manual"), hold(&second, "fraud"));
            let held = get(&world, &first, &placed.id).await.unwrap();
            assert_eq!((held.holds.len(), held.revision), (2, placed.revision + 2), "{held:?}");
        }
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_cannot_be_read_fails_no_other() {
    for world in worlds().await {
        let mut ids = Vec::new();
        for _ in 0..20 {
            ids.push(world.place(1).await.id);
        }
        set_currency(&world, &ids[7], "no currency").await;

        // It remembers none of them.
        let fresh = world.replica().await;
        let answers = join_all(ids.iter().map(|id| get(&world, &fresh, id))).await;
        for (id, answer) in ids.iter().zip(answers) {
            match answer {
                Ok(order) => assert_eq!(order.id, *id),
                Err(status) => {
                    assert_eq!((id, status.code()), (&ids[7], Code::Internal));
                }
            }
        }
        assert!(get(&world, &fresh, &ids[7]).await.is_err());
        set_currency(&world, &ids[7], "USD").await;
        assert_eq!(get(&world, &fresh, &ids[7]).await.unwrap().id, ids[7]);
        world.stop().await;
    }
}
