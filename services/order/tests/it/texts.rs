//! Text that no database takes, or no person means, is refused with its field.

use qm_proto::{
    order::v1::{self as order, ListOrdersRequest, NewOrder},
    types::v1::{Actor, FulfilmentKind, PageRequest},
};
use qm_refusal::Refusal;
use qm_runtime::grpc::with_tenant;

use crate::world::{new_order, worlds};

/// What PostgreSQL refuses, and what else is no text.
const BAD: [&str; 3] = ["a\0b", "\u{7}", "x\u{85}"];

/// Gives a field of an order a bad text.
type Spoil = fn(&mut NewOrder, String);

const FIELDS: &[(&str, Spoil)] = &[
    ("channel", |order, bad| order.channel = bad),
    ("external_id", |order, bad| order.external_id = bad),
    ("currency", |order, bad| order.currency = bad),
    ("customer.reference", |order, bad| order.customer.as_mut().unwrap().reference = bad),
    ("customer.name", |order, bad| order.customer.as_mut().unwrap().name = bad),
    ("customer.email", |order, bad| order.customer.as_mut().unwrap().email = format!("{bad}@example.com")),
    ("customer.phone", |order, bad| order.customer.as_mut().unwrap().phone = bad),
    ("customer.locale", |order, bad| order.customer.as_mut().unwrap().locale = bad),
    ("ship_to.name", |order, bad| order.ship_to.as_mut().unwrap().name = bad),
    ("ship_to.line1", |order, bad| order.ship_to.as_mut().unwrap().line1 = bad),
    ("ship_to.line2", |order, bad| order.ship_to.as_mut().unwrap().line2 = bad),
    ("ship_to.city", |order, bad| order.ship_to.as_mut().unwrap().city = bad),
    ("ship_to.region", |order, bad| order.ship_to.as_mut().unwrap().region = bad),
    ("ship_to.postal_code", |order, bad| order.ship_to.as_mut().unwrap().postal_code = bad),
    ("ship_to.country", |order, bad| order.ship_to.as_mut().unwrap().country = bad),
    ("ship_to.phone", |order, bad| order.ship_to.as_mut().unwrap().phone = bad),
    ("pickup_location", |order, bad| {
        order.fulfilment_kind = FulfilmentKind::Pickup.into();
        order.pickup_location_code = bad;
    }),
    ("service_level", |order, bad| order.service_level = bad),
    ("promise_by", |order, bad| order.promise_by = bad),
    ("placed_at", |order, bad| order.placed_at = bad),
    ("lines[0].sku", |order, bad| order.lines[0].sku = bad),
    ("lines[0].title", |order, bad| order.lines[0].title = bad),
    ("lines[0].unit_price", |order, bad| order.lines[0].unit_price = bad),
    ("fees[0].code", |order, bad| order.fees = vec![order::Fee { code: bad, amount_minor: 0 }]),
];

#[tokio::test(flavor = "multi_thread")]
async fn control_characters_in_an_order_are_refused_with_their_field() {
    for world in worlds().await {
        for bad in BAD {
            for (field, spoil) in FIELDS {
                let mut order = new_order(1);
                spoil(&mut order, bad.to_owned());
                let refused = world.try_place(world.tenant, "", &order).await.unwrap_err();
                assert!(refused.contains(&format!("at {field:?}")), "{field} {bad:?}: {refused}");
            }
        }
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dates_beyond_what_databases_hold_are_refused_with_their_field() {
    for world in worlds().await {
        for date in ["-200000-01-01", "+200000-01-01", "0000-01-01"] {
            let order = NewOrder { promise_by: date.to_owned(), ..new_order(1) };
            let refused = world.try_place(world.tenant, "", &order).await.unwrap_err();
            assert!(refused.contains("at \"promise_by\""), "{date}: {refused}");
        }
        let order = NewOrder { placed_at: "9999-12-31T23:59:59-12:00".to_owned(), ..new_order(1) };
        let refused = world.try_place(world.tenant, "", &order).await.unwrap_err();
        assert!(refused.contains("at \"placed_at\""), "{refused}");
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn control_characters_in_what_people_ask_are_refused_with_their_field() {
    for world in worlds().await {
        let placed = world.place(1).await;
        let mut client = world.client.clone();
        for bad in BAD.map(str::to_owned) {
            let mut refused: Vec<(&str, tonic::Status)> = Vec::new();
            let id = || placed.id.clone();
            let cancel = order::CancelOrderRequest { order_id: id(), reason: bad.clone(), ..<_>::default() };
            let status = client.cancel_order(with_tenant(cancel, world.tenant)).await.unwrap_err();
            refused.push(("reason", status));
            let hold = order::HoldOrderRequest { order_id: id(), reason: bad.clone(), ..<_>::default() };
            let hold = order::HoldOrderRequest { kind: "manual".to_owned(), ..hold };
            let status = client.hold_order(with_tenant(hold.clone(), world.tenant)).await.unwrap_err();
            refused.push(("reason", status));
            let hold = order::HoldOrderRequest { reason: String::new(), kind: bad.clone(), ..hold };
            let status = client.hold_order(with_tenant(hold, world.tenant)).await.unwrap_err();
            refused.push(("kind", status));
            for (field, actor) in [
                ("actor.kind", Actor { kind: bad.clone(), id: String::new() }),
                ("actor.id", Actor { kind: "user".to_owned(), id: bad.clone() }),
            ] {
                let actor = Some(actor);
                let cancel =
                    order::CancelOrderRequest { order_id: id(), actor: actor.clone(), ..<_>::default() };
                let status = client.cancel_order(with_tenant(cancel, world.tenant)).await.unwrap_err();
                refused.push((field, status));
                let release =
                    order::ReleaseHoldRequest { order_id: id(), actor: actor.clone(), ..<_>::default() };
                let status = client.release_hold(with_tenant(release, world.tenant)).await.unwrap_err();
                refused.push((field, status));
                let place = order::PlaceOrdersRequest { orders: vec![new_order(1)], actor, ..<_>::default() };
                let status = client.place_orders(with_tenant(place, world.tenant)).await.unwrap_err();
                refused.push((field, status));
            }
            let cursor = |cursor: String| Some(PageRequest { limit: 1, cursor });
            for (field, list) in [
                ("status", ListOrdersRequest { status: bad.clone(), ..<_>::default() }),
                ("channel", ListOrdersRequest { channel: bad.clone(), ..<_>::default() }),
                ("external_id", ListOrdersRequest { external_id: bad.clone(), ..<_>::default() }),
                ("email", ListOrdersRequest { email: bad.clone(), ..<_>::default() }),
                ("placed_from", ListOrdersRequest { placed_from: bad.clone(), ..<_>::default() }),
                ("placed_until", ListOrdersRequest { placed_until: bad.clone(), ..<_>::default() }),
                ("cursor", ListOrdersRequest { page: cursor(bad.clone()), ..<_>::default() }),
                ("cursor", {
                    let beyond = format!("-8000000000000000000~{}", placed.id);
                    ListOrdersRequest { page: cursor(beyond), ..<_>::default() }
                }),
            ] {
                let status = client.list_orders(with_tenant(list, world.tenant)).await.unwrap_err();
                refused.push((field, status));
            }
            let find = order::FindOrderRequest { number: placed.number, email: bad.clone() };
            let status = client.find_order(with_tenant(find, world.tenant)).await.unwrap_err();
            refused.push(("email", status));
            for (field, status) in refused {
                let refusal = Refusal::from_status(&status);
                assert_eq!(refusal.field.as_deref(), Some(field), "{bad:?}: {status}");
            }
        }
        assert_eq!(world.get(&placed.id).await, placed, "nothing was done");
        world.stop().await;
    }
}
