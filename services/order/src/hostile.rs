//! What orders, cursors and other services' events are read from.

use prost::Message as _;
use qm_hostile::{Parser, texts};
use qm_proto::{
    inventory::v1 as inventory,
    order::v1 as order,
    shipping::v1 as shipping,
    types::v1::{Address, GeoPoint, LineUnits},
};

use crate::{api::hostile as api, events::hostile as events};

const ORDER: &str = "order_01jz8w6e9vfk4a1k7m1v0t9x2c";
const LOCATION: &str = "location_01jz8w6e9vfk4a1k7m1v0t9x2c";

/// The parsers.
pub const PARSERS: &[Parser] = &[
    Parser { name: "new-order", seeds: || vec![new_order().encode_to_vec()], read: api::new_order },
    Parser {
        name: "order-cursor",
        seeds: || texts(&["1795000000000000~order_01jz8w6e9vfk4a1k7m1v0t9x2c"]),
        read: api::cursor,
    },
    Parser { name: "order-event", seeds: events, read: events::read },
];

fn new_order() -> order::NewOrder {
    let text = str::to_owned;
    order::NewOrder {
        channel: text("web"),
        currency: text("USD"),
        customer: Some(order::Customer { name: text("A"), email: text("a@b.c"), ..Default::default() }),
        ship_to: Some(Address {
            line1: text("1 Main St"),
            city: text("X"),
            country: text("US"),
            point: Some(GeoPoint { latitude: 41.0, longitude: -87.0 }),
            ..Default::default()
        }),
        service_level: text("standard"),
        promise_by: text("2026-12-24"),
        lines: vec![order::NewLine {
            sku: text("a"),
            quantity: 3,
            unit_price: text("1.00"),
            discount_minor: 50,
            ..Default::default()
        }],
        fees: vec![order::Fee { code: text("gift"), amount_minor: 5 }],
        total_minor: 255,
        placed_at: text("2026-11-28T05:46:36Z"),
        ..Default::default()
    }
}

fn events() -> Vec<Vec<u8>> {
    let units = LineUnits {
        line_id: "line_01jz8w6e9vfk4a1k7m1v0t9x2c".to_owned(),
        quantity: 1,
        ..Default::default()
    };
    let fulfilment = shipping::FulfilmentRef {
        order_id: ORDER.to_owned(),
        location_id: LOCATION.to_owned(),
        ..Default::default()
    };
    vec![
        inventory::Rejected { order_id: ORDER.to_owned(), attempt: 1, ..Default::default() }.encode_to_vec(),
        shipping::FulfilmentRejected {
            fulfilment: Some(fulfilment),
            units: vec![units],
            ..Default::default()
        }
        .encode_to_vec(),
    ]
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_bytes_from_outside_make_a_parser_panic() {
        qm_hostile::withstand(super::PARSERS);
    }
}
