//! A database that was restored to an earlier point.

use qm_database::{Database, DatabaseOptions};
use qm_proto::{
    operations::v1::{
        DeadLetter, ListDeadLettersRequest, operations_service_client::OperationsServiceClient,
    },
    order::v1 as order,
};
use qm_runtime::grpc::GrpcChannel;

use crate::world::worlds;

async fn dead_letters(channel: GrpcChannel) -> Vec<DeadLetter> {
    let request = ListDeadLettersRequest::default();
    OperationsServiceClient::new(channel).list_dead_letters(request).await.unwrap().into_inner().dead_letters
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_that_are_not_in_the_copy_are_named_each_once() {
    let mut world = worlds().await.swap_remove(0);
    let kept = world.place(1).await;
    let _: order::Placed = world.hear(&kept.id).await;

    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.sqlite");
    let statement = format!("VACUUM INTO '{}'", copy.display());
    world.database.execute_schema_change(&statement).await.unwrap();

    let mut lost = Vec::new();
    for quantity in [1, 2] {
        let order = world.place(quantity).await;
        let _: order::Placed = world.hear(&order.id).await;
        lost.push(order);
    }
    assert!(dead_letters(world.process_on(world.database.clone()).await).await.is_empty(), "nothing is lost");

    let url = format!("sqlite://{}", copy.display());
    let restored = Database::open(&url, &DatabaseOptions::default()).await.unwrap();
    // A second start on the same database finds nothing new.
    for _ in 0..2 {
        let letters = dead_letters(world.process_on(restored.clone()).await).await;
        assert_eq!(letters.len(), lost.len(), "{letters:?}");
        for order in &lost {
            let about = |letter: &&DeadLetter| {
                letter.error.contains(&format!("order {} with the number {} is lost", order.id, order.number))
            };
            let letter = letters.iter().find(about).unwrap();
            assert_eq!(
                (letter.consumer.as_str(), letter.event_type.as_str()),
                ("order-remember", "order.placed")
            );
            assert_eq!(letter.tenant_id, world.tenant.to_string());
        }
    }
    world.stop().await;
}
