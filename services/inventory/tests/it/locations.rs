//! What a change of a location means for its stock.

use qm_ids::ItemId;
use qm_proto::{
    inventory::v1::{self as inventory, MovementKind},
    order::v1 as order,
};
use qm_runtime::grpc::with_tenant;

use crate::world::{World, item, location, worlds};

async fn put(world: &World, changed: inventory::Location) -> inventory::Location {
    let request = inventory::PutLocationsRequest { locations: vec![changed] };
    let request = with_tenant(request, world.tenant);
    world.client.clone().put_locations(request).await.unwrap().into_inner().locations.remove(0)
}

fn with_safety(safety_units: i64) -> inventory::Location {
    inventory::Location { safety_units, ..location("DC01") }
}

/// Makes units of the item wait, until the service knows.
async fn wait_for(world: &World, quantity: i64) {
    let plan = world.plan(quantity);
    let told = order::Backordered { order_id: plan.order.to_string(), revision: 2, units: plan.units };
    world.tell(world.tenant, plan.order, &told).await;
    world.until_consumed().await;
}

async fn hear_increase(world: &mut World) -> (i64, i64) {
    let item: ItemId = world.item;
    let told: inventory::AvailabilityIncreased = world.hear(item).await;
    assert_eq!(told.location_id, world.location.to_string());
    (told.quantity, told.held_quantity)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_location_keeps_safety_stock_back_and_tells_what_it_gives_free() {
    for mut world in worlds().await {
        world.record(world.tenant, "", &[(MovementKind::Receive, 10)]).await.unwrap();
        assert_eq!(hear_increase(&mut world).await, (10, 0));
        let stored = put(&world, with_safety(8)).await;
        assert_eq!((stored.version, stored.safety_units, stored.storage_classes.len()), (2, 8, 1));
        world.until_rows(|rows| (rows[0].safety, rows[0].available) == (8, 2)).await;

        wait_for(&world, 1).await;
        wait_for(&world, 3).await;
        put(&world, with_safety(3)).await;
        assert_eq!(hear_increase(&mut world).await, (5, 4), "what waits is held as when goods arrive");
        assert_eq!(world.buckets().await, (10, 0, 4));
        world.until_rows(|rows| (rows[0].safety, rows[0].available) == (3, 3)).await;
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_location_that_takes_work_again_tells_all_that_it_has() {
    for mut world in worlds().await {
        world.record(world.tenant, "", &[(MovementKind::Receive, 10)]).await.unwrap();
        assert_eq!(hear_increase(&mut world).await, (10, 0));
        put(&world, inventory::Location { active: false, ..with_safety(6) }).await;
        world.until_rows(|rows| rows[0].available == 4).await;
        wait_for(&world, 20).await;
        // Nobody can have it yet, so nobody is told, and nothing is held.
        put(&world, inventory::Location { active: false, ..with_safety(1) }).await;
        world.until_rows(|rows| rows[0].available == 9).await;
        put(&world, with_safety(1)).await;
        assert_eq!(hear_increase(&mut world).await, (9, 9));
        world.until((10, 0, 9)).await;
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_location_with_many_rows_changes_page_by_page_and_tells_of_each_item_once() {
    const ITEMS: usize = 1_000;
    for mut world in worlds().await {
        let name = |n: usize| format!("MANY{n}");
        let items = (0..ITEMS).map(|n| item(&name(n))).collect();
        let request = with_tenant(inventory::PutItemsRequest { items }, world.tenant);
        let stored = world.client.clone().put_items(request).await.unwrap().into_inner().items;
        let receive = |n| inventory::NewMovement {
            sku: name(n),
            location_code: "DC01".to_owned(),
            kind: MovementKind::Receive.into(),
            quantity: 5,
            ..inventory::NewMovement::default()
        };
        put(&world, with_safety(3)).await;
        world.record_these(world.tenant, "", (0..ITEMS).map(receive).collect()).await.unwrap();
        world.record(world.tenant, "", &[(MovementKind::Receive, 4)]).await.unwrap();
        put(&world, with_safety(1)).await;
        for quantity in [2, 2] {
            for item in &stored {
                let item: ItemId = item.id.parse().unwrap();
                let told: inventory::AvailabilityIncreased = world.hear(item).await;
                assert_eq!(told.quantity, quantity, "5 − 3 on arrival, then 3 − 1");
            }
        }
        assert_eq!((hear_increase(&mut world).await, hear_increase(&mut world).await), ((1, 0), (2, 0)));
        world.until_idle().await;
        world.stop().await;
    }
}
