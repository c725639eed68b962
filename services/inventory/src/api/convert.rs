//! Rows to proto.

use qm_proto::{
    inventory::v1::{self as proto, StockPolicy},
    types::v1::{Actor, Address, GeoPoint},
};
use qm_refusal::Refusal;
use serde::{Deserialize, Serialize};

use crate::{
    domain::Stock,
    store::{ItemRow, LocationRow, MovementRow},
};

/// An address as a location keeps it: without a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct StoredAddress {
    pub(super) name: String,
    pub(super) line1: String,
    pub(super) line2: String,
    pub(super) city: String,
    pub(super) region: String,
    pub(super) postal_code: String,
    pub(super) country: String,
    pub(super) phone: String,
    /// Latitude and longitude, degrees.
    pub(super) point: Option<(f64, f64)>,
}

const POLICIES: [(StockPolicy, &str); 4] = [
    (StockPolicy::Tracked, "tracked"),
    (StockPolicy::SupplierDeclared, "supplier_declared"),
    (StockPolicy::Generated, "generated"),
    (StockPolicy::None, "none"),
];

pub(super) fn policy_word(policy: StockPolicy) -> &'static str {
    // Not said means tracked.
    POLICIES.iter().find(|(known, _)| *known == policy).map_or("tracked", |(_, word)| word)
}

fn policy(word: &str) -> StockPolicy {
    POLICIES.iter().find(|(_, known)| *known == word).map_or(StockPolicy::Tracked, |(policy, _)| *policy)
}

/// An item.
pub fn item(row: &ItemRow) -> proto::Item {
    proto::Item {
        id: row.item_id.to_string(),
        sku: row.sku.clone(),
        name: row.name.clone(),
        weight_grams: row.weight_grams,
        length_mm: row.length_mm,
        width_mm: row.width_mm,
        height_mm: row.height_mm,
        storage_class: row.storage_class.clone(),
        compliance_class: row.compliance_class.clone(),
        stock_policy: policy(&row.stock_policy).into(),
        drop_ship: row.drop_ship,
        low_stock_threshold: row.low_stock_threshold,
        version: row.version,
    }
}

/// A location. Refused, as our fault, when a column cannot be read.
pub fn location(row: &LocationRow) -> Result<proto::Location, Refusal> {
    let unreadable = |error: serde_json::Error| {
        tracing::error!(location = %row.location_id, %error, "a stored location cannot be read");
        Refusal::internal()
    };
    let address: Option<StoredAddress> =
        row.address.as_deref().map(serde_json::from_str).transpose().map_err(unreadable)?;
    Ok(proto::Location {
        id: row.location_id.to_string(),
        code: row.code.clone(),
        name: row.name.clone(),
        kind: row.kind.clone(),
        address: address.map(address_of),
        time_zone: row.time_zone.clone(),
        cutoff_local: row.cutoff_local.clone(),
        lead_days: row.lead_days,
        capacity_per_day: row.capacity_per_day,
        handling_order_minor: row.handling_order_minor,
        handling_unit_minor: row.handling_unit_minor,
        can_ship: row.can_ship,
        can_pickup: row.can_pickup,
        storage_classes: serde_json::from_str(&row.storage_classes).map_err(unreadable)?,
        compliance_classes: serde_json::from_str(&row.compliance_classes).map_err(unreadable)?,
        safety_units: row.safety_units,
        active: row.active,
        version: row.version,
    })
}

fn address_of(address: StoredAddress) -> Address {
    Address {
        name: address.name,
        line1: address.line1,
        line2: address.line2,
        city: address.city,
        region: address.region,
        postal_code: address.postal_code,
        country: address.country,
        phone: address.phone,
        point: address.point.map(|(latitude, longitude)| GeoPoint { latitude, longitude }),
    }
}

pub(super) fn stock_row(stock: &Stock, sku: &str, location_code: &str) -> proto::StockRow {
    proto::StockRow {
        item_id: stock.item.to_string(),
        sku: sku.to_owned(),
        location_id: stock.location.to_string(),
        location_code: location_code.to_owned(),
        sellable: stock.sellable,
        quarantine: stock.quarantine,
        damaged: stock.damaged,
        soft_reserved: stock.soft_reserved,
        allocated: stock.allocated,
        safety: stock.safety,
        available: stock.available(),
        version: stock.version,
    }
}

pub(super) fn movement(row: &MovementRow) -> proto::Movement {
    proto::Movement {
        id: row.movement_id.to_string(),
        kind: row.kind.clone(),
        sellable_delta: row.sellable_delta,
        allocated_delta: row.allocated_delta,
        soft_reserved_delta: row.soft_reserved_delta,
        reason: row.reason.clone(),
        reference: row.reference.clone(),
        actor: Some(Actor { kind: row.actor_kind.clone(), id: row.actor_id.clone() }),
        occurred_at: row.occurred_at.to_rfc3339(),
        recorded_at: row.recorded_at.to_rfc3339(),
    }
}
