//! Reads what callers send.

use chrono::DateTime;
use prost::Message as _;
use qm_clock::truncate_to_micros;
use qm_ids::{ItemId, OrderId, TenantId, Uuid};
use qm_proto::{order::v1::NewOrder, types::v1::PageRequest};

use super::{cursor as page, parse};
use crate::domain::{Item, place};

/// Takes an order as far as there is no need to ask anybody: an order that is placed keeps the laws.
pub fn new_order(bytes: &[u8]) {
    let Ok(order) = NewOrder::decode(bytes) else { return };
    let now = DateTime::UNIX_EPOCH;
    let Ok(new) = parse::new_order(&order, None, now) else { return };
    assert_eq!(new.placed_at, truncate_to_micros(new.placed_at));
    let id = OrderId::from_uuid(Uuid::from_u128(1));
    let item = Item { id: ItemId::from_uuid(Uuid::from_u128(2)), name: "An item".to_owned() };
    let items = vec![Some(item); new.lines.len()];
    let tenant = TenantId::from_uuid(Uuid::from_u128(3));
    if let Ok(step) = place((tenant, id, 1), &new, &items, (now, chrono::TimeDelta::seconds(30))) {
        for (line, asked) in step.order().lines.iter().zip(&new.lines) {
            assert_eq!(line.pieces.iter().map(|piece| piece.quantity).sum::<i64>(), asked.quantity);
        }
    }
}

/// Reads a cursor.
pub fn cursor(bytes: &[u8]) {
    let cursor = String::from_utf8_lossy(bytes).into_owned();
    let _ = page::read(Some(&PageRequest { limit: 0, cursor }));
}
