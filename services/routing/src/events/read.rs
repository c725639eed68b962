//! Payload → domain value. What makes no sense is refused here, with the field at fault.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;
use qm_ids::{ItemId, LineId, TenantId};
use qm_messaging::HandleError;
use qm_proto::{
    inventory::v1::{self as inventory, StockPolicy},
    order::v1::{self as order, SourcingReason},
    types::v1::{FulfilmentKind as ProtoKind, GeoPoint as ProtoPoint, LineUnits as ProtoUnits},
};

use crate::{
    domain::{
        Destination, Exclusion, FulfilmentKind, GeoPoint, LineUnits, LocationKind, LocationUnits, Request,
        StorageClass, Supply,
    },
    store::{ItemRow, LocationRow},
};

/// Most units of one line; more is a mistake, and sums of a whole order stay far from overflowing.
const MAX_UNITS: i64 = 1_000_000_000;

/// The attempt that order asks to source.
pub(super) fn request(tenant: TenantId, event: &order::SourcingRequested) -> Result<Request, HandleError> {
    if event.attempt < 1 {
        return Err(HandleError::poison(format!("attempt {}", event.attempt)));
    }
    let for_backorder = match event.reason() {
        SourcingReason::Unspecified => return Err(HandleError::poison("reason is missing")),
        SourcingReason::Backorder => true,
        SourcingReason::Placed
        | SourcingReason::Rejected
        | SourcingReason::ShortPick
        | SourcingReason::ReservationBroken => false,
    };
    let kind = match event.fulfilment_kind() {
        ProtoKind::Ship => FulfilmentKind::Ship,
        ProtoKind::Pickup => FulfilmentKind::Pickup { location: event.pickup_location_id.parse()? },
        kind => return Err(HandleError::poison(format!("orders of kind {kind:?} are not planned"))),
    };
    let promise_by = match event.promise_by.as_str() {
        "" => None,
        date => Some(parsed::<NaiveDate>("promise_by", date)?),
    };
    let destination = event.destination.clone().unwrap_or_default();
    Ok(Request {
        tenant,
        order: event.order_id.parse()?,
        revision: event.revision,
        attempt: event.attempt,
        priority: event.priority,
        for_backorder,
        units: units(&event.units)?,
        exclusions: event.exclusions.iter().map(exclusion).collect::<Result<_, _>>()?,
        kind,
        service_level: event.service_level.clone(),
        promise_by,
        destination: Destination {
            point: point("destination.point", destination.point.as_ref())?,
            country: destination.country,
            region: destination.region,
            postal_code: destination.postal_code,
        },
        placed_at: parsed::<DateTime<Utc>>("placed_at", &event.placed_at)?,
    })
}

/// Each line and item once: a message may name a line several times.
pub(super) fn units(units: &[ProtoUnits]) -> Result<Vec<LineUnits>, HandleError> {
    let mut order: Vec<(LineId, ItemId)> = Vec::new();
    let mut sums: BTreeMap<(LineId, ItemId), i64> = BTreeMap::new();
    for it in units {
        quantity(it.quantity, &it.line_id)?;
        let key = (it.line_id.parse()?, it.item_id.parse()?);
        let sum = sums.entry(key).or_insert_with(|| {
            order.push(key);
            0
        });
        *sum += it.quantity;
    }
    if order.is_empty() {
        return Err(HandleError::poison("units are missing"));
    }
    let summed = |key: (LineId, ItemId)| {
        let sum = sums.get(&key).copied().unwrap_or_default();
        Ok(LineUnits { line: key.0, item: key.1, quantity: quantity(sum, &key.0.to_string())? })
    };
    order.into_iter().map(summed).collect()
}

fn quantity(quantity: i64, line: &str) -> Result<u32, HandleError> {
    let is_fit = (1..=MAX_UNITS).contains(&quantity);
    u32::try_from(quantity)
        .ok()
        .filter(|_| is_fit)
        .ok_or_else(|| HandleError::poison(format!("quantity {quantity} of {line}")))
}

/// Units at a location.
pub(super) fn at_location(
    location: &str,
    line: &str,
    item: &str,
    units: i64,
) -> Result<LocationUnits, HandleError> {
    Ok(LocationUnits {
        location: location.parse()?,
        line: line.parse()?,
        item: item.parse()?,
        quantity: quantity(units, line)?,
    })
}

fn exclusion(exclusion: &order::Exclusion) -> Result<Exclusion, HandleError> {
    let item = match exclusion.item_id.as_str() {
        "" => None,
        id => Some(id.parse()?),
    };
    Ok(Exclusion { location: exclusion.location_id.parse()?, item })
}

fn point(field: &str, point: Option<&ProtoPoint>) -> Result<Option<GeoPoint>, HandleError> {
    point
        .map(|it| GeoPoint::new(it.latitude, it.longitude))
        .transpose()
        .map_err(|error| HandleError::poison(format!("{field}: {error}")))
}

pub(super) fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
    field: &str,
    text: &str,
) -> Result<T, HandleError> {
    text.parse().map_err(|error: T::Err| HandleError::poison(format!("{field} {text:?}: {error}")))
}

fn not_negative<N: Copy + PartialOrd + Default + std::fmt::Display>(
    field: &str,
    number: N,
) -> Result<N, HandleError> {
    if number < N::default() {
        return Err(HandleError::poison(format!("{field} {number}")));
    }
    Ok(number)
}

fn storage_class(word: &str) -> Result<String, HandleError> {
    let word = if word.is_empty() { StorageClass::Ambient.as_str() } else { word };
    let known = StorageClass::parse(word).map(|class| class.as_str().to_owned());
    known.ok_or_else(|| HandleError::poison(format!("storage class {word:?}")))
}

/// An item as it is copied.
pub(super) fn item(tenant_id: TenantId, event: &inventory::ItemChanged) -> Result<ItemRow, HandleError> {
    let item = event.item.as_ref().ok_or_else(|| HandleError::poison("item is missing"))?;
    let policy = StockPolicy::try_from(item.stock_policy)
        .map_err(|_| HandleError::poison(format!("stock policy {}", item.stock_policy)))?;
    let supply = match policy {
        StockPolicy::Unspecified | StockPolicy::Tracked | StockPolicy::SupplierDeclared => Supply::Stock,
        StockPolicy::Generated => Supply::Generated,
        StockPolicy::None => Supply::Service,
    };
    Ok(ItemRow {
        tenant_id,
        item_id: item.id.parse()?,
        weight_grams: not_negative("weight_grams", item.weight_grams)?,
        storage_class: storage_class(&item.storage_class)?,
        compliance_class: item.compliance_class.clone(),
        supply: supply.as_str().to_owned(),
        drop_ship: item.drop_ship,
        version: item.version,
    })
}

/// A location as it is copied.
pub(super) fn location(
    tenant_id: TenantId,
    event: &inventory::LocationChanged,
) -> Result<LocationRow, HandleError> {
    let it = event.location.as_ref().ok_or_else(|| HandleError::poison("location is missing"))?;
    let kind =
        LocationKind::parse(&it.kind).ok_or_else(|| HandleError::poison(format!("kind {:?}", it.kind)))?;
    parsed::<Tz>("time_zone", &it.time_zone)?;
    NaiveTime::parse_from_str(&it.cutoff_local, "%H:%M")
        .map_err(|error| HandleError::poison(format!("cutoff_local {:?}: {error}", it.cutoff_local)))?;
    let address = it.address.clone().unwrap_or_default();
    let point = point("address.point", address.point.as_ref())?;
    let classes = it.storage_classes.iter().map(|word| storage_class(word)).collect::<Result<Vec<_>, _>>()?;
    let json = |words: &[String]| serde_json::to_string(words).map_err(HandleError::poison);
    Ok(LocationRow {
        tenant_id,
        location_id: it.id.parse()?,
        code: it.code.clone(),
        kind: kind.as_str().to_owned(),
        latitude: point.map(GeoPoint::latitude),
        longitude: point.map(GeoPoint::longitude),
        time_zone: it.time_zone.clone(),
        cutoff_local: it.cutoff_local.clone(),
        lead_days: not_negative("lead_days", it.lead_days)?,
        capacity_per_day: not_negative("capacity_per_day", it.capacity_per_day)?,
        handling_order_minor: not_negative("handling_order_minor", it.handling_order_minor)?,
        handling_unit_minor: not_negative("handling_unit_minor", it.handling_unit_minor)?,
        can_ship: it.can_ship,
        can_pickup: it.can_pickup,
        storage_classes: json(&classes)?,
        compliance_classes: json(&it.compliance_classes)?,
        active: it.active,
        version: it.version,
    })
}

#[cfg(test)]
mod tests {
    use qm_ids::{LocationId, Uuid};

    use super::*;

    fn text<T: qm_ids::Id>(n: u128) -> String {
        T::from_uuid(Uuid::from_u128(n)).to_string()
    }

    fn tenant() -> TenantId {
        TenantId::from_uuid(Uuid::from_u128(1))
    }

    fn event() -> order::SourcingRequested {
        let units = |line, quantity| ProtoUnits {
            line_id: text::<LineId>(line),
            item_id: text::<ItemId>(7),
            quantity,
        };
        order::SourcingRequested {
            order_id: text::<qm_ids::OrderId>(1),
            revision: 4,
            attempt: 2,
            reason: SourcingReason::ShortPick.into(),
            units: vec![units(2, 3), units(1, 1), units(2, 4)],
            exclusions: vec![order::Exclusion { location_id: text::<LocationId>(5), item_id: String::new() }],
            fulfilment_kind: ProtoKind::Ship.into(),
            promise_by: "2026-03-05".to_owned(),
            placed_at: "2026-03-02T08:00:00+01:00".to_owned(),
            ..order::SourcingRequested::default()
        }
    }

    #[test]
    fn a_line_that_is_named_twice_is_asked_for_once() {
        let read = request(tenant(), &event()).unwrap();
        let units: Vec<_> = read.units.iter().map(|it| (it.line.as_uuid().as_u128(), it.quantity)).collect();
        assert_eq!(units, [(2, 7), (1, 1)]);
        assert_eq!((read.attempt, read.for_backorder, read.destination.point), (2, false, None));
        assert_eq!(read.exclusions[0].item, None);
        assert_eq!(read.placed_at.to_rfc3339(), "2026-03-02T07:00:00+00:00");
        assert_eq!(read.promise_by.unwrap().to_string(), "2026-03-05");
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        type Change = fn(&mut order::SourcingRequested);
        let cases: [(Change, &str); 7] = [
            (|it| it.units[0].quantity = MAX_UNITS, "quantity 1000000004 of line_"),
            (|it| it.units[1].quantity = -1, "quantity -1 of line_"),
            (|it| it.reason = 77, "reason is missing"),
            (|it| it.promise_by = "soon".to_owned(), "promise_by \"soon\""),
            (|it| it.fulfilment_kind = ProtoKind::Pickup.into(), "location_"),
            (|it| it.exclusions[0].item_id = "sku".to_owned(), "item_"),
            (|it| it.order_id = text::<LineId>(1), "order_"),
        ];
        for (change, named) in cases {
            let mut event = event();
            change(&mut event);
            let error = request(tenant(), &event).unwrap_err();
            assert!(matches!(&error, HandleError::Poison(text) if text.contains(named)), "{named}: {error}");
        }
    }

    #[test]
    fn what_an_item_does_not_say_has_a_default() {
        let item_of = |item: inventory::Item| item_changed(inventory::Item { id: text::<ItemId>(7), ..item });
        let plain = item_of(inventory::Item::default()).unwrap();
        assert_eq!((plain.storage_class.as_str(), plain.supply.as_str()), ("ambient", "stock"));
        let service =
            inventory::Item { stock_policy: StockPolicy::None.into(), ..inventory::Item::default() };
        assert_eq!(item_of(service).unwrap().supply, "service");
        for bad in [
            inventory::Item { storage_class: "hot".to_owned(), ..inventory::Item::default() },
            inventory::Item { stock_policy: 99, ..inventory::Item::default() },
            inventory::Item { weight_grams: -1, ..inventory::Item::default() },
        ] {
            assert!(item_of(bad).is_err());
        }
    }

    fn item_changed(item: inventory::Item) -> Result<ItemRow, HandleError> {
        super::item(tenant(), &inventory::ItemChanged { item: Some(item) })
    }
}
