//! Calls: what is refused, what is told, and what pages hold.

use futures::future::join_all;
use qm_proto::{
    inventory::v1::{self as inventory, MovementKind},
    types::v1::PageRequest,
};
use qm_refusal::Refusal;
use qm_runtime::grpc::with_tenant;

use crate::world::{item, location, worlds};

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_did_not_change_is_not_told_again() {
    for mut world in worlds().await {
        let told: inventory::ItemChanged = world.hear(world.item).await;
        assert_eq!(told.item.as_ref().unwrap().version, 1);
        let put = async |items: Vec<inventory::Item>| {
            let request = with_tenant(inventory::PutItemsRequest { items }, world.tenant);
            world.client.clone().put_items(request).await.unwrap().into_inner().items
        };
        assert_eq!(put(vec![item("SKU")]).await[0].version, 1);
        let changed = inventory::Item { weight_grams: 5, ..item("SKU") };
        let stored = put(vec![item("OTHER"), changed]).await;
        assert_eq!((stored[0].version, stored[1].version, stored[1].weight_grams), (1, 2, 5));
        assert_eq!(stored[1].id, world.item.to_string(), "a sku keeps its id");
        let told: inventory::ItemChanged = world.hear(world.item).await;
        assert_eq!(told.item.unwrap(), stored[1], "version 1 was not told a second time");
        let skus: Vec<_> = world.items(world.tenant).await.into_iter().map(|item| item.sku).collect();
        assert_eq!(skus, ["OTHER", "SKU"]);
        assert_eq!(world.items(world.other_tenant).await.len(), 1);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_items_and_locations_are_refused_with_their_field() {
    for world in worlds().await {
        let items: [(&str, inventory::Item); 5] = [
            ("items[1].sku", item("")),
            ("items[1].sku", item("A")),
            ("items[1].weight_grams", inventory::Item { weight_grams: -1, ..item("B") }),
            ("items[1].storage_class", inventory::Item { storage_class: "warm".to_owned(), ..item("B") }),
            ("items[1].stock_policy", inventory::Item { stock_policy: 99, ..item("B") }),
        ];
        for (field, bad) in items {
            let request = inventory::PutItemsRequest { items: vec![item("A"), bad] };
            let refused = world.client.clone().put_items(with_tenant(request, world.tenant)).await;
            assert_eq!(Refusal::from(refused.unwrap_err()).field.as_deref(), Some(field));
        }
        let nowhere = qm_proto::types::v1::Address::default();
        let locations: [(&str, inventory::Location); 5] = [
            ("locations[0].code", location("")),
            ("locations[0].kind", inventory::Location { kind: "moon".to_owned(), ..location("L") }),
            (
                "locations[0].time_zone",
                inventory::Location { time_zone: "Mars/X".to_owned(), ..location("L") },
            ),
            (
                "locations[0].cutoff_local",
                inventory::Location { cutoff_local: "25:00".to_owned(), ..location("L") },
            ),
            ("locations[0].address.country", inventory::Location { address: Some(nowhere), ..location("L") }),
        ];
        for (field, bad) in locations {
            let request = inventory::PutLocationsRequest { locations: vec![bad] };
            let refused = world.client.clone().put_locations(with_tenant(request, world.tenant)).await;
            assert_eq!(Refusal::from(refused.unwrap_err()).field.as_deref(), Some(field));
        }
        assert_eq!(world.items(world.tenant).await.len(), 1, "nothing of a refused request is stored");
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn movements_take_effect_once_per_key_and_all_or_none() {
    for world in worlds().await {
        let receive = [(MovementKind::Receive, 3), (MovementKind::Receive, 4)];
        let posts = (0..10).map(|_| world.record(world.tenant, "once", &receive));
        for rows in join_all(posts).await {
            assert_eq!(rows.unwrap()[1].sellable, 7);
        }
        assert_eq!(world.buckets().await, (7, 0, 0));
        let other = world.record(world.tenant, "once", &receive[..1]).await.unwrap_err();
        assert!(other.starts_with("idempotency_key_reused"), "{other}");

        let half = [(MovementKind::Receive, 3), (MovementKind::Adjust, -11)];
        let refused = world.record(world.tenant, "", &half).await.unwrap_err();
        assert!(refused.starts_with("below_zero at Some(\"movements[1].quantity\")"), "{refused}");
        assert_eq!(world.buckets().await, (7, 0, 0));

        let stale = inventory::NewMovement {
            sku: "SKU".to_owned(),
            location_code: "DC01".to_owned(),
            kind: MovementKind::Count.into(),
            quantity: 5,
            expected_version: 1,
            ..inventory::NewMovement::default()
        };
        let refused = world.record_these(world.tenant, "", vec![stale.clone()]).await.unwrap_err();
        assert!(refused.starts_with("version_not_current"), "{refused}");
        // Of two reports of one row, the second was made without knowing of the first.
        let seen = inventory::NewMovement { expected_version: 2, ..stale.clone() };
        let refused =
            world.record_these(world.tenant, "", vec![seen.clone(), seen.clone()]).await.unwrap_err();
        assert!(
            refused.starts_with("version_not_current at Some(\"movements[1].expected_version\")"),
            "{refused}"
        );
        assert_eq!(world.buckets().await, (7, 0, 0));
        let next = inventory::NewMovement { expected_version: 3, ..seen.clone() };
        world.record_these(world.tenant, "", vec![seen, next]).await.unwrap();
        let unknown = inventory::NewMovement { sku: "NO".to_owned(), ..stale };
        let refused = world.record_these(world.tenant, "", vec![unknown]).await.unwrap_err();
        assert!(refused.starts_with("unknown_item at Some(\"movements[0].sku\")"), "{refused}");
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_is_read_in_pages_newest_first() {
    for world in worlds().await {
        let receives: Vec<_> = (1..=5).map(|n| (MovementKind::Receive, n)).collect();
        world.record(world.tenant, "", &receives).await.unwrap();
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let request = inventory::ListMovementsRequest {
                sku: "SKU".to_owned(),
                location_code: "DC01".to_owned(),
                page: Some(PageRequest { limit: 2, cursor }),
            };
            let page = world.client.clone().list_movements(with_tenant(request, world.tenant)).await.unwrap();
            let page = page.into_inner();
            seen.extend(page.movements.iter().map(|movement| movement.sellable_delta));
            cursor = page.next_cursor;
            if cursor.is_empty() {
                break;
            }
        }
        assert_eq!(seen, [5, 4, 3, 2, 1]);
        let request = with_tenant(
            inventory::ListMovementsRequest {
                sku: "SKU".to_owned(),
                location_code: "DC01".to_owned(),
                page: None,
            },
            world.other_tenant,
        );
        let page = world.client.clone().list_movements(request).await.unwrap().into_inner();
        assert!(page.movements.is_empty(), "another tenant's ledger of the same sku is another one");
        world.stop().await;
    }
}
