//! What people send.

use qm_proto::{
    inventory::v1 as inventory,
    order::v1 as order,
    types::v1::{Address, FulfilmentKind, GeoPoint, Idempotency},
};
use sha2::{Digest as _, Sha256};

/// A location that ships.
pub(super) fn location(code: &str, latitude: f64) -> inventory::Location {
    inventory::Location {
        code: code.to_owned(),
        name: code.to_owned(),
        kind: "distribution_centre".to_owned(),
        address: Some(address(latitude)),
        time_zone: "UTC".to_owned(),
        cutoff_local: "23:59".to_owned(),
        can_ship: true,
        storage_classes: vec!["ambient".to_owned()],
        active: true,
        ..inventory::Location::default()
    }
}

/// Something that is stocked.
pub(super) fn item(sku: &str) -> inventory::Item {
    inventory::Item {
        sku: sku.to_owned(),
        name: sku.to_owned(),
        weight_grams: 300,
        storage_class: "ambient".to_owned(),
        stock_policy: inventory::StockPolicy::Tracked.into(),
        ..inventory::Item::default()
    }
}

/// A key and the hash of a body that goes with it.
pub(super) fn key(text: &str) -> Idempotency {
    Idempotency { key: text.to_owned(), body_hash: Sha256::digest(text).to_vec() }
}

/// A request to place an order, under a key.
pub(super) fn place(text: &str, lines: &[(&str, i64)]) -> order::PlaceOrdersRequest {
    let line = |(sku, quantity): &(&str, i64)| order::NewLine {
        sku: (*sku).to_owned(),
        quantity: *quantity,
        unit_price: "1.00".to_owned(),
        ..order::NewLine::default()
    };
    let new = order::NewOrder {
        channel: "web".to_owned(),
        currency: "USD".to_owned(),
        customer: Some(order::Customer {
            name: "Ada".to_owned(),
            email: format!("{text}@shop.example"),
            ..order::Customer::default()
        }),
        ship_to: Some(address(40.0)),
        fulfilment_kind: FulfilmentKind::Ship.into(),
        service_level: "standard".to_owned(),
        lines: lines.iter().map(line).collect(),
        total_minor: lines.iter().map(|(_, quantity)| 100 * quantity).sum(),
        ..order::NewOrder::default()
    };
    let body_hash = Sha256::digest(format!("{lines:?}")).to_vec();
    let idempotency = Some(Idempotency { key: text.to_owned(), body_hash });
    order::PlaceOrdersRequest { orders: vec![new], idempotency, ..Default::default() }
}

fn address(latitude: f64) -> Address {
    Address {
        name: "Ada".to_owned(),
        line1: "1 Main St".to_owned(),
        city: "Town".to_owned(),
        country: "US".to_owned(),
        point: Some(GeoPoint { latitude, longitude: -90.0 }),
        ..Address::default()
    }
}
