//! Texts that no database would take.

use qm_proto::{
    shipping::v1 as shipping,
    types::v1::{Actor, FulfilmentKind, LineUnits, PageRequest},
};
use qm_refusal::Refusal;
use qm_runtime::grpc::with_tenant;
use serde_json::json;
use tonic::Status;

use crate::{
    tracking::{SECRET, send, signed},
    world::{World, worlds},
};

fn field<T>(answer: Result<T, Status>) -> String {
    let refusal = Refusal::from(answer.err().expect("such text must be refused"));
    refusal.field.unwrap_or_else(|| panic!("{} names no field: {}", refusal.code, refusal.message))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_control_character_is_refused_with_the_name_of_its_field_wherever_it_stands() {
    for mut world in worlds().await {
        let work = world.requested(FulfilmentKind::Ship, &[1]).await;
        for bad in ["a\0b", "\u{7}", "a\u{85}"] {
            check_actions(&world, &work.fulfilment_id, bad).await;
            check_lists(&world, bad).await;
            check_tracking(&world, bad).await;
        }
        assert_eq!(world.get(&work.fulfilment_id).await.version, 1, "nothing happened to it");
        world.stop().await;
    }
}

async fn check_actions(world: &World, id: &str, bad: &str) {
    let (mut client, tenant, text) = (world.client.clone(), world.tenant, || bad.to_owned());
    let action = || world.action(id, "").unwrap();
    let actor = |kind: &str, id: &str| Some(Actor { kind: kind.to_owned(), id: id.to_owned() });
    for (name, wrong) in [
        ("fulfilment_id", shipping::FulfilmentAction { fulfilment_id: text(), ..action() }),
        ("actor.kind", shipping::FulfilmentAction { actor: actor(bad, "u1"), ..action() }),
        ("actor.id", shipping::FulfilmentAction { actor: actor("user", bad), ..action() }),
        ("idempotency_key", world.action(id, bad).unwrap()),
    ] {
        let request = shipping::AcceptFulfilmentRequest { action: Some(wrong) };
        assert_eq!(field(client.accept_fulfilment(with_tenant(request, tenant)).await), name, "{bad:?}");
    }
    let units = |line: &str, item: &str| {
        vec![LineUnits { line_id: line.to_owned(), item_id: item.to_owned(), quantity: 1 }]
    };
    let reject = shipping::RejectFulfilmentRequest {
        action: Some(action()),
        reason: shipping::RejectReason::Declined.into(),
        units: Vec::new(),
        note: text(),
    };
    assert_eq!(field(client.reject_fulfilment(with_tenant(reject.clone(), tenant)).await), "note");
    let reject = shipping::RejectFulfilmentRequest { units: units(bad, bad), note: String::new(), ..reject };
    assert_eq!(field(client.reject_fulfilment(with_tenant(reject, tenant)).await), "units[0].line_id");
    let parcels = vec![shipping::NewParcel { units: units(bad, bad), weight_grams: 0 }];
    let pack = shipping::PackFulfilmentRequest { action: Some(action()), parcels };
    assert_eq!(field(client.pack_fulfilment(with_tenant(pack, tenant)).await), "parcels[0].units[0].line_id");
}

async fn check_lists(world: &World, bad: &str) {
    let (mut client, tenant, text) = (world.client.clone(), world.tenant, || bad.to_owned());
    let page = Some(PageRequest { limit: 0, cursor: text() });
    for (name, request) in [
        ("status", shipping::ListFulfilmentsRequest { status: text(), ..<_>::default() }),
        ("location_id", shipping::ListFulfilmentsRequest { location_id: text(), ..<_>::default() }),
        ("order_id", shipping::ListFulfilmentsRequest { order_id: text(), ..<_>::default() }),
        ("cursor", shipping::ListFulfilmentsRequest { page: page.clone(), ..<_>::default() }),
    ] {
        assert_eq!(field(client.list_fulfilments(with_tenant(request, tenant)).await), name, "{bad:?}");
    }
    for (name, request) in [
        ("status", shipping::ListShipmentsRequest { status: text(), ..<_>::default() }),
        ("tracking_number", shipping::ListShipmentsRequest { tracking_number: text(), ..<_>::default() }),
        ("order_id", shipping::ListShipmentsRequest { order_id: text(), ..<_>::default() }),
        ("cursor", shipping::ListShipmentsRequest { page, ..<_>::default() }),
    ] {
        assert_eq!(field(client.list_shipments(with_tenant(request, tenant)).await), name, "{bad:?}");
    }
}

async fn check_tracking(world: &World, bad: &str) {
    for name in ["id", "tracking_number", "status", "description", "place"] {
        let mut event = json!({
            "id": "1", "tracking_number": "SIM0", "status": "in_transit", "occurred_at": "2026-11-25T10:00:00Z"
        });
        event[name] = bad.into();
        assert_eq!(field(send(world, signed(world, SECRET, &[event])).await), format!("events[0].{name}"));
    }
}
