//! Reads bodies, queries and cursors as every route does.

use serde_json::Value;

use super::{
    changes::ChangeParams,
    common::{PageParams, page, seal, unseal},
    fulfilments::{FulfilmentParams, NoDetails, Pack, Reject},
    items::NewItems,
    keys::NewApiKey,
    locations::{self, NewLocations},
    messages::{MessageParams, Template},
    orders::{self, Cancel, LiftHold, NewHold, NewOrder, NewOrders, OrderParams},
    routing::NewTariff,
    shipments::ShipmentParams,
    stock::{AvailabilityParams, MovementParams, NewMovements, StockParams},
    webhooks::{EndpointChange, NewEndpoint},
};
use crate::http::hostile::{read_json, read_query};

macro_rules! read_each {
    ($read:ident($from:expr): $($kind:ident)+) => {
        $(let _ = $read::<$kind>($from);)+
    };
}

/// Reads the bytes as each body that there is.
pub fn body(bytes: &[u8]) {
    read_each!(read_json(bytes): NewOrders NewItems NewMovements NewTariff NewEndpoint EndpointChange Template NewApiKey
        Reject Pack NoDetails Cancel NewHold LiftHold Value);
    if let Ok(order) = read_json::<NewOrder>(bytes) {
        let _ = orders::to_proto(order);
    }
    for location in read_json::<NewLocations>(bytes).into_iter().flat_map(|it| it.locations) {
        let _ = locations::to_proto(location);
    }
}

/// Reads the bytes as each query that there is.
pub fn query(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    read_each!(read_query(&text): OrderParams FulfilmentParams ShipmentParams StockParams MovementParams AvailabilityParams
        MessageParams ChangeParams);
    if let Ok(PageParams { limit, cursor }) = read_query(&text) {
        let _ = page(limit, cursor);
    }
}

/// Cursors that were given out.
pub fn cursors() -> Vec<Vec<u8>> {
    ["1~order_01jz8w6e9vfk4a1k7m1v0t9x2c", "sku é", ""]
        .iter()
        .map(|cursor| seal(cursor).into_bytes())
        .collect()
}

/// Reads a cursor.
pub fn cursor(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(cursor) = unseal(&text) {
        assert_eq!(seal(&cursor), text);
    }
}
