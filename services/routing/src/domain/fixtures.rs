//! Small worlds for tests.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use qm_ids::{ItemId, LineId, LocationId, OrderId, TenantId, Uuid};
use qm_money::Minor;

use super::*;

pub(super) use super::{
    cost::{CostParts, Micros},
    decision::Shortage,
    demand::DemandLine,
    explain::{CandidateReport, Method, Reason, Verdict},
    tariff::unit_weight_cost,
};

pub(super) fn location_id(n: u128) -> LocationId {
    LocationId::from_uuid(Uuid::from_u128(n))
}

pub(super) fn item_id(n: u128) -> ItemId {
    ItemId::from_uuid(Uuid::from_u128(n))
}

pub(super) fn line_id(n: u128) -> LineId {
    LineId::from_uuid(Uuid::from_u128(n))
}

pub(super) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub(super) fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// A warehouse on the equator, `n` degrees (69 miles each) east of where parcels go; it may do anything.
pub(super) fn location(n: u32) -> Location {
    Location {
        id: location_id(n.into()),
        code: format!("L{n}"),
        kind: LocationKind::DistributionCentre,
        point: GeoPoint::new(0.0, n.into()).ok(),
        zone: chrono_tz::UTC,
        cutoff: NaiveTime::from_hms_opt(15, 0, 0).unwrap(),
        lead_days: 0,
        storage: vec![StorageClass::Ambient, StorageClass::Chilled, StorageClass::Frozen],
        compliance: vec![ComplianceClass("alcohol".into())],
        can_ship: true,
        can_pickup: true,
        handling_order: Minor(200),
        handling_unit: Minor(30),
        daily_capacity: None,
        active: true,
    }
}

/// An ambient line of one-pound units.
pub(super) fn line(n: u32, item: u32, quantity: u32) -> DemandLine {
    DemandLine {
        line_id: line_id(n.into()),
        item: item_id(item.into()),
        quantity,
        weight_grams: 454,
        storage: StorageClass::Ambient,
        restricted: None,
        drop_ship: false,
    }
}

/// Placed on Monday 2017-07-10 at 08:00, to be shipped to the middle of the Gulf of Guinea.
pub(super) fn demand(lines: Vec<DemandLine>) -> Demand {
    Demand {
        destination: Destination {
            point: GeoPoint::new(0.0, 0.0).ok(),
            country: "US".into(),
            region: "NY".into(),
            postal_code: "10001".into(),
        },
        kind: FulfilmentKind::Ship,
        service_level: "standard".into(),
        placed_at: at("2017-07-10T08:00:00Z"),
        promise_by: None,
        lines,
        exclusions: Vec::new(),
    }
}

/// Bands of 100 miles, each dearer and, from the second on, a day slower than the one before.
pub(super) fn tariff() -> Tariff {
    Tariff::new((1..=10).map(band).collect())
}

fn band(zone: u32) -> TariffRow {
    TariffRow {
        service_level: "standard".into(),
        country: None,
        zone,
        reach: Reach::Miles(zone * 100),
        base: Minor(600 + 50 * i64::from(zone)),
        per_pound: 20_000_000 + 7_000_000 * i64::from(zone),
        transit_days: zone as u16,
    }
}

/// Locations with stock and claims, at the time when the fixtures' demand is placed.
#[derive(Clone)]
pub(super) struct TestWorld {
    pub(super) locations: Vec<Location>,
    pub(super) availability: Availability,
    pub(super) capacity: CapacityClaims,
    pub(super) tariff: Tariff,
}

impl TestWorld {
    /// Stock is (location, item, units).
    pub(super) fn new(locations: Vec<Location>, stock: &[(u32, u32, u32)]) -> Self {
        let entry = |&(location, item, units): &(u32, u32, u32)| {
            (item_id(item.into()), location_id(location.into()), units)
        };
        let availability = stock.iter().map(entry).collect();
        Self { locations, availability, capacity: CapacityClaims::default(), tariff: tariff() }
    }

    pub(super) fn view(&self) -> World<'_> {
        World {
            now: at("2017-07-10T08:00:00Z"),
            locations: &self.locations,
            availability: &self.availability,
            capacity: &self.capacity,
            tariff: &self.tariff,
        }
    }

    pub(super) fn plan(&self, demand: &Demand) -> Decision {
        LeastCost::default().plan(demand, &self.view())
    }
}

/// The locations of a plan's shipments.
pub(super) fn sources(decision: &Decision) -> Vec<LocationId> {
    decision.assignments.iter().map(|assignment| assignment.location).collect()
}

/// The first attempt of order `n`, for units of one item.
pub(super) fn request(n: u32, item: u32, quantity: u32) -> Request {
    let demand = demand(Vec::new());
    Request {
        tenant: TenantId::from_uuid(Uuid::from_u128(1)),
        order: OrderId::from_uuid(Uuid::from_u128(n.into())),
        revision: 1,
        attempt: 1,
        priority: 0,
        for_backorder: false,
        units: vec![LineUnits { line: line_id(n.into()), item: item_id(item.into()), quantity }],
        exclusions: demand.exclusions,
        kind: demand.kind,
        service_level: demand.service_level,
        promise_by: demand.promise_by,
        destination: demand.destination,
        placed_at: demand.placed_at,
    }
}

/// The request with the demand that follows from it; each item is ambient and weighs a pound.
pub(super) fn asked(request: Request) -> (Request, Demand) {
    let facts = ItemFacts {
        weight_grams: 454,
        storage: StorageClass::Ambient,
        restricted: None,
        drop_ship: false,
        supply: Supply::Stock,
    };
    let facts = request.units.iter().map(|units| (units.item, facts.clone())).collect();
    let demand = request.demand(&facts).unwrap();
    (request, demand)
}
