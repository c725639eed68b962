//! The example of docs/routing-explanation.md, made anew, so that the page cannot be wrong.

use std::collections::BTreeMap;

use chrono::NaiveTime;
use qm_ids::{Id, ItemId, LineId, LocationId, OrderId, TenantId, Uuid};
use qm_money::Minor;
use serde_json::Value;

use super::emit;
use crate::domain::{
    Destination, FulfilmentKind, GeoPoint, ItemFacts, LeastCost, LineUnits, Location, LocationKind,
    PolicySettings, Reach, Request, StorageClass, Supply, Tariff, TariffRow, TenantWorld, plan_batch,
};

const PAGE: &str = include_str!("../../../../docs/routing-explanation.md");

fn id<T: Id>(n: u128) -> T {
    T::from_uuid(Uuid::from_u128((0x0196_0000_0000_7000_8000 << 48) | n))
}

fn location(n: u128, code: &str, (latitude, longitude): (f64, f64)) -> Location {
    Location {
        id: id(n),
        code: code.to_owned(),
        kind: LocationKind::DistributionCentre,
        point: GeoPoint::new(latitude, longitude).ok(),
        zone: chrono_tz::America::New_York,
        cutoff: NaiveTime::from_hms_opt(14, 0, 0).unwrap(),
        lead_days: 0,
        storage: vec![StorageClass::Ambient, StorageClass::Frozen],
        compliance: Vec::new(),
        can_ship: true,
        can_pickup: false,
        handling_order: Minor(200),
        handling_unit: Minor(30),
        daily_capacity: None,
        active: true,
    }
}

fn row(zone: u32, miles: u32, base: i64, transit_days: u16) -> TariffRow {
    TariffRow {
        service_level: "standard".to_owned(),
        country: None,
        zone,
        reach: Reach::Miles(miles),
        base: Minor(base),
        per_pound: 28_000_000,
        transit_days,
    }
}

/// Two lines to New York: coffee, and ice cream.
fn request() -> Request {
    Request {
        tenant: id::<TenantId>(1),
        order: id::<OrderId>(2),
        revision: 1,
        attempt: 1,
        priority: 0,
        for_backorder: false,
        units: vec![
            LineUnits { line: id::<LineId>(3), item: id::<ItemId>(5), quantity: 3 },
            LineUnits { line: id::<LineId>(4), item: id::<ItemId>(6), quantity: 2 },
        ],
        exclusions: Vec::new(),
        kind: FulfilmentKind::Ship,
        service_level: "standard".to_owned(),
        promise_by: Some("2026-03-05".parse().unwrap()),
        destination: Destination {
            point: GeoPoint::new(40.71, -74.01).ok(),
            country: "US".to_owned(),
            region: "NY".to_owned(),
            postal_code: "10007".to_owned(),
        },
        placed_at: "2026-03-02T15:00:00Z".parse().unwrap(),
    }
}

/// What routing stores: Newark has coffee and one ice cream, Chicago has both, Denver is too slow, Boston keeps nothing
/// frozen, and Miami takes no work.
fn explanation() -> Value {
    let mut world = TenantWorld { tariff_version: 3, ..TenantWorld::default() };
    world.tariff = Tariff::new(vec![row(2, 150, 710, 1), row(4, 800, 890, 2), row(6, 3_000, 1_180, 4)]);
    world.locations = vec![
        location(11, "EWR", (40.74, -74.17)),
        location(12, "CHI", (41.88, -87.63)),
        location(13, "DEN", (39.74, -104.99)),
        location(14, "BOS", (42.36, -71.06)),
        location(15, "MIA", (25.76, -80.19)),
    ];
    world.locations[3].storage = vec![StorageClass::Ambient];
    world.locations[4].active = false;
    let (coffee, ice) = (id::<ItemId>(5), id::<ItemId>(6));
    for (location, item, units) in [
        (11, coffee, 40),
        (11, ice, 1),
        (12, coffee, 9),
        (12, ice, 12),
        (13, ice, 80),
        (14, coffee, 7),
        (15, ice, 3),
    ] {
        world.stock.set(item, id::<LocationId>(location), units, 0);
    }
    let facts = |weight_grams, storage| ItemFacts {
        weight_grams,
        storage,
        restricted: None,
        drop_ship: false,
        supply: Supply::Stock,
    };
    let items = [(coffee, facts(340, StorageClass::Ambient)), (ice, facts(500, StorageClass::Frozen))].into();
    let demand = request().demand(&items).unwrap();
    let mut worlds = BTreeMap::from([(request().tenant, world)]);
    let policy = LeastCost::new(PolicySettings::default());
    let now = "2026-03-02T15:00:01Z".parse().unwrap();
    let planned = plan_batch(&policy, &mut worlds, vec![(request(), demand)], now).remove(0);
    serde_json::from_str(&emit::announcement(&planned).unwrap().explanation).unwrap()
}

#[test]
fn the_example_of_the_page_is_what_routing_stores() {
    let made = explanation();
    let shown = PAGE.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap_or_default();
    let shown: Value = serde_json::from_str(shown).unwrap_or_default();
    assert_eq!(shown, made, "the page should show:\n{}", serde_json::to_string_pretty(&made).unwrap());
}
