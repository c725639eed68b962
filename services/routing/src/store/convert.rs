//! Rows to domain values and back. Events were checked when they came, so a row that cannot be read is a defect.

use std::str::FromStr;

use chrono::NaiveTime;
use chrono_tz::Tz;
use qm_database::{Error, Result};
use qm_money::Minor;
use sea_orm::DbErr;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    StoredTariff,
    entity::{capacity_claim, item, location, plan},
};
use crate::domain::{
    Claim, ComplianceClass, EndReason, GeoPoint, ItemFacts, Location, LocationKind, Made, Outcome, Plan,
    Reach, StorageClass, Supply, Tariff, TariffRow,
};

/// Minor units in the major one, for currencies whose minor unit is a hundredth.
const MINOR_PER_MAJOR: i64 = 100;

pub(super) fn malformed(what: String) -> Error {
    Error::Other(DbErr::Custom(format!("malformed row: {what}")))
}

fn json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| malformed(error.to_string()))
}

fn read<T: DeserializeOwned>(what: &str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| malformed(format!("{what}: {error}")))
}

fn parse<T: FromStr>(what: &str, text: &str) -> Result<T> {
    text.parse().map_err(|_| malformed(format!("{what} {text:?}")))
}

/// A plan from its rows.
pub(super) fn plan(row: plan::Model, claims: Vec<capacity_claim::Model>) -> Result<Plan> {
    let made = row.planned_at.map(|at| -> Result<Made> {
        let outcome =
            Outcome::parse(&row.outcome).ok_or_else(|| malformed(format!("outcome {:?}", row.outcome)))?;
        Ok(Made { attempt: row.attempt, outcome, cost_minor: row.cost_minor, at })
    });
    let ended = row.ended_at.map(|at| -> Result<_> {
        let word = row.ended_by.as_deref().unwrap_or_default();
        let reason = EndReason::parse(word).ok_or_else(|| malformed(format!("ended_by {word:?}")))?;
        Ok((at, reason))
    });
    let mut claims = claims.into_iter().map(claim).collect::<Result<Vec<_>>>()?;
    claims.sort_by(|one, other| (one.location, &one.group).cmp(&(other.location, &other.group)));
    Ok(Plan {
        tenant: row.tenant_id,
        id: row.plan_id,
        order: row.order_id,
        made: made.transpose()?,
        early: read("early", &row.early)?,
        ended: ended.transpose()?,
        claims,
    })
}

fn claim(row: capacity_claim::Model) -> Result<Claim> {
    Ok(Claim {
        location: row.location_id,
        group: row.group_name,
        ship_date: row.ship_date,
        units: read("units", &row.units)?,
        issued_at: row.issued_at,
        ended_at: row.ended_at,
    })
}

pub(super) fn plan_row(plan: &Plan) -> Result<plan::Model> {
    Ok(plan::Model {
        tenant_id: plan.tenant,
        plan_id: plan.id,
        order_id: plan.order,
        attempt: plan.made.map_or(0, |made| made.attempt),
        outcome: plan.made.map_or("", |made| made.outcome.word()).to_owned(),
        cost_minor: plan.made.map_or(0, |made| made.cost_minor),
        early: json(&plan.early)?,
        planned_at: plan.made.map(|made| made.at),
        ended_at: plan.ended.map(|(at, _)| at),
        ended_by: plan.ended.map(|(_, reason)| reason.word().to_owned()),
    })
}

pub(super) fn claim_rows(plan: &Plan) -> Result<Vec<capacity_claim::Model>> {
    let row = |claim: &Claim| {
        Ok(capacity_claim::Model {
            tenant_id: plan.tenant,
            plan_id: plan.id,
            location_id: claim.location,
            group_name: claim.group.clone(),
            ship_date: claim.ship_date,
            units: json(&claim.units)?,
            issued_at: claim.issued_at,
            ended_at: claim.ended_at,
        })
    };
    plan.claims.iter().map(row).collect()
}

fn storage(word: &str) -> Result<StorageClass> {
    StorageClass::parse(word).ok_or_else(|| malformed(format!("storage class {word:?}")))
}

/// What a policy must know of an item.
pub fn item_facts(row: &item::Model) -> Result<ItemFacts> {
    let class = &row.compliance_class;
    Ok(ItemFacts {
        weight_grams: u32::try_from(row.weight_grams.max(0)).unwrap_or(u32::MAX),
        storage: storage(&row.storage_class)?,
        restricted: (!class.is_empty()).then(|| ComplianceClass(class.clone())),
        drop_ship: row.drop_ship,
        supply: Supply::parse(&row.supply).ok_or_else(|| malformed(format!("supply {:?}", row.supply)))?,
    })
}

/// A location as a policy sees it.
pub fn location(row: &location::Model) -> Result<Location> {
    let point = row.latitude.zip(row.longitude).map(|(latitude, longitude)| {
        GeoPoint::new(latitude, longitude).map_err(|error| malformed(format!("{}: {error}", row.location_id)))
    });
    let classes: Vec<String> = read("storage_classes", &row.storage_classes)?;
    let compliance: Vec<String> = read("compliance_classes", &row.compliance_classes)?;
    Ok(Location {
        id: row.location_id,
        code: row.code.clone(),
        kind: LocationKind::parse(&row.kind).ok_or_else(|| malformed(format!("kind {:?}", row.kind)))?,
        point: point.transpose()?,
        zone: parse::<Tz>("time zone", &row.time_zone)?,
        cutoff: NaiveTime::parse_from_str(&row.cutoff_local, "%H:%M")
            .map_err(|error| malformed(format!("cut-off {:?}: {error}", row.cutoff_local)))?,
        lead_days: u16::try_from(row.lead_days.max(0)).unwrap_or(u16::MAX),
        storage: classes.iter().map(|word| storage(word)).collect::<Result<_>>()?,
        compliance: compliance.into_iter().map(ComplianceClass).collect(),
        can_ship: row.can_ship,
        can_pickup: row.can_pickup,
        handling_order: Minor(row.handling_order_minor),
        handling_unit: Minor(row.handling_unit_minor),
        daily_capacity: u32::try_from(row.capacity_per_day).ok().filter(|limit| *limit > 0),
        active: row.active,
    })
}

/// A tariff as a policy sees it.
///
/// Prices of a pound are stored as they were given, in millionths of the major unit; a policy counts in millionths of the
/// minor unit. A tariff names no currency, and the API documents a minor unit of a hundredth.
pub fn tariff(stored: &StoredTariff) -> Tariff {
    let row = |band: &super::Band| TariffRow {
        service_level: band.service_level.clone(),
        country: None,
        zone: band.zone,
        reach: match band.regions.as_slice() {
            [] => Reach::Miles(band.max_miles),
            regions => Reach::Regions(regions.to_vec()),
        },
        base: Minor(band.base_minor),
        per_pound: band.per_pound_micros.saturating_mul(MINOR_PER_MAJOR),
        transit_days: band.transit_days,
    };
    Tariff::new(stored.bands.iter().map(row).collect())
}

#[cfg(test)]
mod tests {
    use qm_ids::{ItemId, LocationId, TenantId, Uuid};

    use super::{super::Band, *};
    use crate::domain::Destination;

    fn row() -> location::Model {
        location::Model {
            tenant_id: TenantId::from_uuid(Uuid::from_u128(1)),
            location_id: LocationId::from_uuid(Uuid::from_u128(2)),
            code: "DC".to_owned(),
            kind: "third_party".to_owned(),
            latitude: None,
            longitude: None,
            time_zone: "Europe/Berlin".to_owned(),
            cutoff_local: "09:30".to_owned(),
            lead_days: 70_000,
            capacity_per_day: 0,
            handling_order_minor: 3,
            handling_unit_minor: 4,
            can_ship: true,
            can_pickup: false,
            storage_classes: r#"["ambient","frozen"]"#.to_owned(),
            compliance_classes: r#"["hazmat"]"#.to_owned(),
            active: true,
            version: 1,
        }
    }

    #[test]
    fn a_location_is_read_with_what_its_row_leaves_open() {
        let read = location(&row()).unwrap();
        assert_eq!((read.kind, read.point, read.daily_capacity), (LocationKind::ThirdParty, None, None));
        assert_eq!((read.zone, read.lead_days), (chrono_tz::Europe::Berlin, u16::MAX));
        assert_eq!(read.cutoff.to_string(), "09:30:00");
        assert_eq!(read.storage, [StorageClass::Ambient, StorageClass::Frozen]);
        assert_eq!(read.compliance, [ComplianceClass("hazmat".to_owned())]);
        let at = location::Model { latitude: Some(1.0), longitude: Some(2.0), capacity_per_day: 9, ..row() };
        let read = location(&at).unwrap();
        assert_eq!((read.point, read.daily_capacity), (GeoPoint::new(1.0, 2.0).ok(), Some(9)));
        assert!(location(&location::Model { kind: "moon".to_owned(), ..row() }).is_err());
    }

    #[test]
    fn an_item_is_read_with_its_licence_and_its_supply() {
        let row = item::Model {
            tenant_id: TenantId::from_uuid(Uuid::from_u128(1)),
            item_id: ItemId::from_uuid(Uuid::from_u128(2)),
            weight_grams: i64::MAX,
            storage_class: "chilled".to_owned(),
            compliance_class: String::new(),
            supply: "generated".to_owned(),
            drop_ship: true,
            version: 1,
        };
        let facts = item_facts(&row).unwrap();
        assert_eq!((facts.weight_grams, facts.storage), (u32::MAX, StorageClass::Chilled));
        assert_eq!((facts.restricted, facts.supply), (None, Supply::Generated));
        let restricted = item::Model { compliance_class: "alcohol".to_owned(), ..row };
        let class = ComplianceClass("alcohol".to_owned());
        assert_eq!(item_facts(&restricted).unwrap().restricted, Some(class));
    }

    #[test]
    fn the_price_of_a_pound_is_scaled_to_the_minor_unit() {
        let band = Band {
            service_level: "standard".to_owned(),
            zone: 2,
            max_miles: 100,
            regions: Vec::new(),
            base_minor: 710,
            per_pound_micros: 280_000,
            transit_days: 1,
        };
        let tariff = tariff(&StoredTariff { bands: vec![band], version: 1 });
        let to = Destination {
            point: None,
            country: "US".to_owned(),
            region: String::new(),
            postal_code: String::new(),
        };
        let lane = tariff.lane("standard", &to);
        let row = lane.rate(Some(100)).unwrap();
        // 0.28 of the major unit are 28 of the minor one.
        assert_eq!((row.base, row.per_pound), (Minor(710), 28_000_000));
        assert!(lane.rate(Some(101)).is_none());
    }
}
