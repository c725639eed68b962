//! Proto to rows and reports. Everything that a caller may get wrong is refused here, naming its field.

use std::collections::HashSet;

use qm_ids::{ItemId, LocationId, ParseIdError, TenantId, Uuid};
use qm_proto::{inventory::v1 as proto, types::v1 as types};
use qm_refusal::Refusal;

use super::convert::{StoredAddress, policy_word};
use crate::{
    commands::Report,
    domain::MovementKind,
    store::{ItemRow, LocationRow},
};

const STORAGE_CLASSES: &[&str] = &["ambient", "chilled", "frozen"];
const LOCATION_KINDS: &[&str] = &["distribution_centre", "store", "supplier", "third_party", "virtual"];
const MAX_TEXT: usize = 200;
pub(super) const MAX_SKU: usize = 100;
pub(super) const MAX_CODE: usize = 50;
/// Skus that one call may ask for.
const MAX_SKUS: usize = 1_000;
const MAX_CLASSES: usize = 50;
/// Far above anything real, far below where sums overflow.
const MAX_NUMBER: i64 = 1_000_000_000;

pub(super) fn id<T: std::str::FromStr<Err = ParseIdError>>(field: &str, text: &str) -> Result<T, Refusal> {
    text.parse().map_err(|error: ParseIdError| Refusal::invalid(field, "malformed_id", error.to_string()))
}

/// Refuses text that is too long or holds control characters.
pub(super) fn text(field: &str, text: &str, max: usize) -> Result<String, Refusal> {
    if text.chars().count() > max {
        return Err(Refusal::invalid(field, "too_long", format!("must be at most {max} characters")));
    }
    if text.chars().any(char::is_control) {
        return Err(Refusal::invalid(field, "malformed_text", "must not hold control characters"));
    }
    Ok(text.trim().to_owned())
}

pub(super) fn required(field: &str, value: &str, max: usize) -> Result<String, Refusal> {
    let value = text(field, value, max)?;
    if value.is_empty() { Err(Refusal::invalid(field, "required", "must not be empty")) } else { Ok(value) }
}

/// The name of something that a filter asks for; empty for none.
pub(super) fn filter(field: &str, name: &str, max: usize) -> Result<Option<String>, Refusal> {
    Ok(Some(text(field, name, max)?).filter(|name| !name.is_empty()))
}

/// Skus that a caller asks for, at most a thousand.
pub(super) fn skus(skus: &[String]) -> Result<Vec<String>, Refusal> {
    if skus.len() > MAX_SKUS {
        return Err(Refusal::invalid("skus", "too_many", format!("must be at most {MAX_SKUS}")));
    }
    skus.iter().enumerate().map(|(index, sku)| text(&format!("skus[{index}]"), sku, MAX_SKU)).collect()
}

/// Who does it, as kind and id; both are empty when the caller does not say.
pub(super) fn actor(actor: Option<types::Actor>) -> Result<(String, String), Refusal> {
    let actor = actor.unwrap_or_default();
    Ok((text("actor.kind", &actor.kind, 50)?, text("actor.id", &actor.id, MAX_TEXT)?))
}

/// Refuses a list that is empty or too long.
pub(super) fn count(field: &str, count: usize, max: usize) -> Result<(), Refusal> {
    match count {
        0 => Err(Refusal::invalid(field, "required", "must not be empty")),
        count if count > max => Err(Refusal::invalid(field, "too_many", format!("must be at most {max}"))),
        _ => Ok(()),
    }
}

fn number(field: &str, number: i64) -> Result<i64, Refusal> {
    if (0..=MAX_NUMBER).contains(&number) {
        return Ok(number);
    }
    Err(Refusal::invalid(field, "out_of_range", format!("must be 0 to {MAX_NUMBER}")))
}

fn small(field: &str, value: i32) -> Result<i32, Refusal> {
    number(field, value.into()).map(|_| value)
}

fn one_of(field: &str, word: &str, words: &[&str]) -> Result<String, Refusal> {
    if words.contains(&word) {
        return Ok(word.to_owned());
    }
    Err(Refusal::invalid(field, "unknown_word", format!("must be one of {}", words.join(", "))))
}

/// Items by sku. A sku must not stand twice.
pub(super) fn items(tenant: TenantId, items: &[proto::Item]) -> Result<Vec<ItemRow>, Refusal> {
    count("items", items.len(), 1_000)?;
    let mut seen = HashSet::new();
    let rows = items.iter().enumerate().map(|(index, it)| {
        let row = item(tenant, it).and_then(|row| match seen.insert(row.sku.clone()) {
            true => Ok(row),
            false => Err(Refusal::invalid("sku", "duplicate", "stands twice in this request")),
        });
        row.map_err(|refusal| refusal.within(&format!("items[{index}]")))
    });
    rows.collect()
}

/// An item as others were told of it.
pub(crate) fn stored_item(tenant: TenantId, told: &proto::Item) -> Result<ItemRow, Refusal> {
    let item_id = id("id", &told.id)?;
    Ok(ItemRow { item_id, version: told.version, ..item(tenant, told)? })
}

fn item(tenant_id: TenantId, item: &proto::Item) -> Result<ItemRow, Refusal> {
    let storage_class = match item.storage_class.as_str() {
        "" => "ambient".to_owned(),
        word => one_of("storage_class", word, STORAGE_CLASSES)?,
    };
    Ok(ItemRow {
        tenant_id,
        item_id: ItemId::from_uuid(Uuid::nil()),
        sku: required("sku", &item.sku, MAX_SKU)?,
        name: text("name", &item.name, 500)?,
        weight_grams: number("weight_grams", item.weight_grams)?,
        length_mm: small("length_mm", item.length_mm)?,
        width_mm: small("width_mm", item.width_mm)?,
        height_mm: small("height_mm", item.height_mm)?,
        storage_class,
        compliance_class: text("compliance_class", &item.compliance_class, 50)?,
        stock_policy: policy_word(
            proto::StockPolicy::try_from(item.stock_policy)
                .map_err(|_| Refusal::invalid("stock_policy", "unknown_word", "is not a stock policy"))?,
        )
        .to_owned(),
        drop_ship: item.drop_ship,
        low_stock_threshold: number("low_stock_threshold", item.low_stock_threshold)?,
        version: 0,
    })
}

/// Locations by code. A code must not stand twice.
pub(super) fn locations(
    tenant: TenantId,
    locations: &[proto::Location],
) -> Result<Vec<LocationRow>, Refusal> {
    count("locations", locations.len(), 200)?;
    let mut seen = HashSet::new();
    let rows = locations.iter().enumerate().map(|(index, it)| {
        let row = location(tenant, it).and_then(|row| match seen.insert(row.code.clone()) {
            true => Ok(row),
            false => Err(Refusal::invalid("code", "duplicate", "stands twice in this request")),
        });
        row.map_err(|refusal| refusal.within(&format!("locations[{index}]")))
    });
    rows.collect()
}

/// A location as others were told of it.
pub(crate) fn stored_location(tenant: TenantId, told: &proto::Location) -> Result<LocationRow, Refusal> {
    let location_id = id("id", &told.id)?;
    Ok(LocationRow { location_id, version: told.version, ..location(tenant, told)? })
}

fn location(tenant_id: TenantId, location: &proto::Location) -> Result<LocationRow, Refusal> {
    let time_zone = required("time_zone", &location.time_zone, 50)?;
    if time_zone.parse::<chrono_tz::Tz>().is_err() {
        let message = "must be an IANA time zone such as America/New_York";
        return Err(Refusal::invalid("time_zone", "unknown_time_zone", message));
    }
    let cutoff_local = text("cutoff_local", &location.cutoff_local, 5)?;
    let is_time =
        cutoff_local.len() == 5 && chrono::NaiveTime::parse_from_str(&cutoff_local, "%H:%M").is_ok();
    if !is_time {
        return Err(Refusal::invalid("cutoff_local", "malformed_time", "must be like 14:30"));
    }
    let mut storage_classes = Vec::new();
    for (index, class) in location.storage_classes.iter().enumerate() {
        storage_classes.push(one_of(&format!("storage_classes[{index}]"), class, STORAGE_CLASSES)?);
    }
    let mut compliance_classes = Vec::new();
    for (index, class) in location.compliance_classes.iter().enumerate() {
        compliance_classes.push(required(&format!("compliance_classes[{index}]"), class, 50)?);
    }
    Ok(LocationRow {
        tenant_id,
        location_id: LocationId::from_uuid(Uuid::nil()),
        code: required("code", &location.code, MAX_CODE)?,
        name: text("name", &location.name, MAX_TEXT)?,
        kind: one_of("kind", &location.kind, LOCATION_KINDS)?,
        address: location
            .address
            .as_ref()
            .map(|it| address(it).map_err(|refusal| refusal.within("address")))
            .transpose()?,
        time_zone,
        cutoff_local,
        lead_days: small("lead_days", location.lead_days)?,
        capacity_per_day: small("capacity_per_day", location.capacity_per_day)?,
        handling_order_minor: number("handling_order_minor", location.handling_order_minor)?,
        handling_unit_minor: number("handling_unit_minor", location.handling_unit_minor)?,
        can_ship: location.can_ship,
        can_pickup: location.can_pickup,
        storage_classes: words("storage_classes", storage_classes)?,
        compliance_classes: words("compliance_classes", compliance_classes)?,
        safety_units: number("safety_units", location.safety_units)?,
        active: location.active,
        version: 0,
    })
}

/// Words as they are stored: a set, so that another order is no change.
fn words(field: &str, mut words: Vec<String>) -> Result<String, Refusal> {
    if words.len() > MAX_CLASSES {
        return Err(Refusal::invalid(field, "too_many", format!("must be at most {MAX_CLASSES}")));
    }
    words.sort_unstable();
    words.dedup();
    serde_json::to_string(&words).map_err(|_| Refusal::internal())
}

fn address(address: &types::Address) -> Result<String, Refusal> {
    let country = required("country", &address.country, 2)?;
    if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_uppercase()) {
        let message = "must be a code of two capitals such as US";
        return Err(Refusal::invalid("country", "malformed_country", message));
    }
    let point = address.point.as_ref().map(|point| (point.latitude, point.longitude));
    if let Some((latitude, longitude)) = point {
        if !(-90.0..=90.0).contains(&latitude) {
            return Err(Refusal::invalid("point.latitude", "out_of_range", "must be -90 to 90"));
        }
        if !(-180.0..=180.0).contains(&longitude) {
            return Err(Refusal::invalid("point.longitude", "out_of_range", "must be -180 to 180"));
        }
    }
    let stored = StoredAddress {
        name: text("name", &address.name, MAX_TEXT)?,
        line1: required("line1", &address.line1, MAX_TEXT)?,
        line2: text("line2", &address.line2, MAX_TEXT)?,
        city: required("city", &address.city, MAX_TEXT)?,
        region: text("region", &address.region, MAX_TEXT)?,
        postal_code: text("postal_code", &address.postal_code, 20)?,
        country,
        phone: text("phone", &address.phone, 50)?,
        point,
    };
    serde_json::to_string(&stored).map_err(|_| Refusal::internal())
}

/// Reports of movements.
pub(super) fn reports(movements: &[proto::NewMovement]) -> Result<Vec<Report>, Refusal> {
    count("movements", movements.len(), 1_000)?;
    let reports = movements
        .iter()
        .enumerate()
        .map(|(index, it)| report(it).map_err(|refusal| refusal.within(&format!("movements[{index}]"))));
    reports.collect()
}

fn report(movement: &proto::NewMovement) -> Result<Report, Refusal> {
    let kind = match movement.kind() {
        proto::MovementKind::Receive => MovementKind::Receive,
        proto::MovementKind::Adjust => MovementKind::Adjust,
        proto::MovementKind::Count => MovementKind::Count,
        proto::MovementKind::Unspecified => {
            let message = "must be receive, adjust or count";
            return Err(Refusal::invalid("kind", "required", message));
        }
    };
    Ok(Report {
        sku: required("sku", &movement.sku, MAX_SKU)?,
        location_code: required("location_code", &movement.location_code, MAX_CODE)?,
        kind,
        quantity: movement.quantity,
        reason: text("reason", &movement.reason, MAX_TEXT)?,
        reference: text("reference", &movement.reference, MAX_TEXT)?,
        expected_version: movement.expected_version,
    })
}
