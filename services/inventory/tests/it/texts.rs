//! Texts that no database would take.

use qm_proto::{
    inventory::v1::{self as inventory, MovementKind},
    types::v1::{Actor, Address, Idempotency, PageRequest},
};
use qm_refusal::Refusal;
use qm_runtime::grpc::with_tenant;
use tonic::Status;

use crate::world::{World, item, location, worlds};

fn field<T>(answer: Result<T, Status>) -> String {
    let refusal = Refusal::from(answer.err().expect("such text must be refused"));
    refusal.field.unwrap_or_else(|| panic!("{} names no field: {}", refusal.code, refusal.message))
}

fn page(cursor: &str) -> Option<PageRequest> {
    Some(PageRequest { limit: 0, cursor: cursor.to_owned() })
}

async fn put_item(world: &World, bad: inventory::Item) -> String {
    let request = inventory::PutItemsRequest { items: vec![bad] };
    field(world.client.clone().put_items(with_tenant(request, world.tenant)).await)
}

async fn put_location(world: &World, bad: inventory::Location) -> String {
    let request = inventory::PutLocationsRequest { locations: vec![bad] };
    field(world.client.clone().put_locations(with_tenant(request, world.tenant)).await)
}

async fn record(world: &World, bad: inventory::RecordMovementsRequest) -> String {
    field(world.client.clone().record_movements(with_tenant(bad, world.tenant)).await)
}

async fn list_stock(world: &World, bad: inventory::ListStockRequest) -> String {
    field(world.client.clone().list_stock(with_tenant(bad, world.tenant)).await)
}

async fn list_movements(world: &World, bad: inventory::ListMovementsRequest) -> String {
    field(world.client.clone().list_movements(with_tenant(bad, world.tenant)).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_control_character_is_refused_with_the_name_of_its_field_wherever_it_stands() {
    for world in worlds().await {
        for bad in ["a\0b", "\u{7}", "a\u{85}"] {
            let text = || bad.to_owned();
            for (name, wrong) in [
                ("sku", inventory::Item { sku: text(), ..item("A") }),
                ("name", inventory::Item { name: text(), ..item("A") }),
                ("storage_class", inventory::Item { storage_class: text(), ..item("A") }),
                ("compliance_class", inventory::Item { compliance_class: text(), ..item("A") }),
            ] {
                assert_eq!(put_item(&world, wrong).await, format!("items[0].{name}"));
            }
            let (line1, city) = ("1 Dock Rd".to_owned(), "X".to_owned());
            let good = Address { line1, city, country: "US".to_owned(), ..Address::default() };
            let at = |address| inventory::Location { address: Some(address), ..location("L") };
            for (name, wrong) in [
                ("code", inventory::Location { code: text(), ..location("L") }),
                ("name", inventory::Location { name: text(), ..location("L") }),
                ("kind", inventory::Location { kind: text(), ..location("L") }),
                ("time_zone", inventory::Location { time_zone: text(), ..location("L") }),
                ("cutoff_local", inventory::Location { cutoff_local: text(), ..location("L") }),
                (
                    "storage_classes[0]",
                    inventory::Location { storage_classes: vec![text()], ..location("L") },
                ),
                (
                    "compliance_classes[0]",
                    inventory::Location { compliance_classes: vec![text()], ..location("L") },
                ),
                ("address.name", at(Address { name: text(), ..good.clone() })),
                ("address.line1", at(Address { line1: text(), ..good.clone() })),
                ("address.line2", at(Address { line2: text(), ..good.clone() })),
                ("address.city", at(Address { city: text(), ..good.clone() })),
                ("address.region", at(Address { region: text(), ..good.clone() })),
                ("address.postal_code", at(Address { postal_code: text(), ..good.clone() })),
                ("address.country", at(Address { country: text(), ..good.clone() })),
                ("address.phone", at(Address { phone: text(), ..good })),
            ] {
                assert_eq!(put_location(&world, wrong).await, format!("locations[0].{name}"));
            }
            let good = inventory::NewMovement {
                sku: "SKU".to_owned(),
                location_code: "DC01".to_owned(),
                kind: MovementKind::Receive.into(),
                quantity: 1,
                ..inventory::NewMovement::default()
            };
            for (name, wrong) in [
                ("sku", inventory::NewMovement { sku: text(), ..good.clone() }),
                ("location_code", inventory::NewMovement { location_code: text(), ..good.clone() }),
                ("reason", inventory::NewMovement { reason: text(), ..good.clone() }),
                ("reference", inventory::NewMovement { reference: text(), ..good.clone() }),
            ] {
                let request = inventory::RecordMovementsRequest { movements: vec![wrong], ..<_>::default() };
                assert_eq!(record(&world, request).await, format!("movements[0].{name}"));
            }
            let good = inventory::RecordMovementsRequest { movements: vec![good], ..<_>::default() };
            let user = || "user".to_owned();
            for (name, wrong) in [
                ("actor.kind", Actor { kind: text(), id: user() }),
                ("actor.id", Actor { kind: user(), id: text() }),
            ] {
                let request = inventory::RecordMovementsRequest { actor: Some(wrong), ..good.clone() };
                assert_eq!(record(&world, request).await, name);
            }
            let idempotency = Some(Idempotency { key: text(), body_hash: vec![0; 32] });
            let request = inventory::RecordMovementsRequest { idempotency, ..good };
            assert_eq!(record(&world, request).await, "idempotency_key");
            check_lists(&world, bad).await;
        }
        assert_eq!(world.buckets().await, (0, 0, 0), "nothing of a refused request is stored");
        world.stop().await;
    }
}

async fn check_lists(world: &World, bad: &str) {
    let text = || bad.to_owned();
    let skus = vec!["SKU".to_owned(), text()];
    let request = inventory::BatchGetItemsRequest { skus: skus.clone() };
    assert_eq!(
        field(world.client.clone().batch_get_items(with_tenant(request, world.tenant)).await),
        "skus[1]"
    );
    let request = inventory::ListItemsRequest { page: page(bad) };
    assert_eq!(field(world.client.clone().list_items(with_tenant(request, world.tenant)).await), "cursor");
    let request = inventory::ListLocationsRequest { page: page(bad) };
    assert_eq!(
        field(world.client.clone().list_locations(with_tenant(request, world.tenant)).await),
        "cursor"
    );
    let request = inventory::ListStockRequest { skus, ..<_>::default() };
    assert_eq!(list_stock(world, request).await, "skus[1]");
    let request = inventory::ListStockRequest { location_code: text(), ..<_>::default() };
    assert_eq!(list_stock(world, request).await, "location_code");
    let request = inventory::ListStockRequest { page: page(bad), ..<_>::default() };
    assert_eq!(list_stock(world, request).await, "cursor");
    let good = inventory::ListMovementsRequest {
        sku: "SKU".to_owned(),
        location_code: "DC01".to_owned(),
        page: None,
    };
    let request = inventory::ListMovementsRequest { sku: text(), ..good.clone() };
    assert_eq!(list_movements(world, request).await, "sku");
    let request = inventory::ListMovementsRequest { location_code: text(), ..good.clone() };
    assert_eq!(list_movements(world, request).await, "location_code");
    let request = inventory::ListMovementsRequest { page: page(bad), ..good };
    assert_eq!(list_movements(world, request).await, "cursor");
    let asked = inventory::TenantItems { tenant_id: text(), item_ids: Vec::new() };
    let request = inventory::QueryAvailabilityRequest { tenants: vec![asked] };
    assert_eq!(field(world.client.clone().query_availability(request).await), "tenants[0].tenant_id");
    let asked = inventory::TenantItems { tenant_id: world.tenant.to_string(), item_ids: vec![text()] };
    let request = inventory::QueryAvailabilityRequest { tenants: vec![asked] };
    assert_eq!(field(world.client.clone().query_availability(request).await), "tenants[0].item_ids[0]");
}
