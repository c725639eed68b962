//! What carrying a parcel costs: a base by service and zone, and a rate by weight. Zones are bands of great-circle
//! miles, except where the destination's region decides (islands, remote areas).

use qm_money::Minor;

use super::cost::{MAX_PRICE, Micros};
use super::demand::Destination;

/// An international avoirdupois pound is exactly 453.59237 g, so this many pounds are `HUNDRED_THOUSAND` times grams.
const POUND: i128 = 45_359_237;
const HUNDRED_THOUSAND: i128 = 100_000;

/// One price of the tariff. Amounts are not negative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TariffRow {
    /// The service level it prices.
    pub service_level: String,
    /// The destination country it prices, ISO 3166-1 alpha-2, upper case; `None` prices any.
    pub country: Option<String>,
    /// The zone's number.
    pub zone: u32,
    /// Which destinations are in the zone.
    pub reach: Reach,
    /// Price of a parcel before its weight.
    pub base: Minor,
    /// Price of a pound, in millionths of a minor unit: 28 000 000 for 28 cents, or 0.28 dollars.
    pub per_pound: i64,
    /// Days from handing over to arrival.
    pub transit_days: u16,
}

/// How a zone is recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Destinations up to so many miles from the location, where no lower band already applies.
    Miles(u32),
    /// Destinations in one of these regions (ISO 3166-2), however near they are; it outranks every mile band.
    Regions(Vec<String>),
}

/// All rows of a tenant's tariff.
#[derive(Debug, Clone, Default)]
pub struct Tariff {
    rows: Vec<TariffRow>,
    /// Prices every service to anywhere, in place of rows.
    flat: Option<TariffRow>,
}

/// The rows that can price one order: its service level and its destination are settled, only miles are open.
#[derive(Debug, Clone)]
pub struct Lane<'a> {
    rows: Vec<&'a TariffRow>,
    region: Option<String>,
}

impl Tariff {
    /// Makes a tariff; the order of the rows does not matter.
    pub fn new(mut rows: Vec<TariffRow>) -> Self {
        rows.sort_by_key(|row| (row.reach.rank(), row.zone));
        Self { rows, flat: None }
    }

    /// The tariff of a tenant who has stored none: every service goes anywhere, at no price, in so many days.
    pub fn free(transit_days: u16) -> Self {
        let flat = TariffRow {
            service_level: String::new(),
            country: None,
            zone: 0,
            reach: Reach::Miles(u32::MAX),
            base: Minor::ZERO,
            per_pound: 0,
            transit_days,
        };
        Self { rows: Vec::new(), flat: Some(flat) }
    }

    /// The prices of a service level to a destination.
    pub fn lane(&self, service_level: &str, to: &Destination) -> Lane<'_> {
        if let Some(flat) = &self.flat {
            return Lane { rows: vec![flat], region: None };
        }
        let serving = || {
            self.rows.iter().filter(|row| {
                row.service_level == service_level
                    && row.country.as_ref().is_none_or(|country| *country == to.country)
            })
        };
        let region = to.region_code();
        let by_region = region.as_ref().and_then(|region| serving().find(|row| row.reach.names(region)));
        match by_region {
            Some(row) => Lane { rows: vec![row], region },
            None => Lane {
                rows: serving().filter(|row| matches!(row.reach, Reach::Miles(_))).collect(),
                region: None,
            },
        }
    }
}

impl Lane<'_> {
    /// The destination's region, when the tariff has prices of its own for it and miles are nothing to them.
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    /// The price over so many miles; `None` where the service does not go. A distance that nobody knows is priced by
    /// the farthest band, so that no plan looks cheaper or faster than it may turn out.
    pub fn rate(&self, miles: Option<u32>) -> Option<&TariffRow> {
        let Some(miles) = miles else { return self.rows.last().copied() };
        self.rows.iter().copied().find(|row| match row.reach {
            Reach::Miles(limit) => miles <= limit,
            Reach::Regions(_) => true,
        })
    }
}

impl Reach {
    fn rank(&self) -> u32 {
        match self {
            Self::Miles(limit) => *limit,
            Self::Regions(_) => 0,
        }
    }

    fn names(&self, region: &str) -> bool {
        match self {
            Self::Miles(_) => false,
            Self::Regions(regions) => regions.iter().any(|named| named == region),
        }
    }
}

/// What the weight of one unit costs: rate × grams ÷ 453.59237, half up to a millionth of a minor unit.
///
/// Weight is charged exactly, not per started pound, and each unit on its own, so that the cost of a parcel is the
/// sum over its units and does not depend on how they are counted together.
pub fn unit_weight_cost(per_pound: i64, weight_grams: u32) -> Micros {
    let scaled = i128::from(per_pound.max(0)) * i128::from(weight_grams) * HUNDRED_THOUSAND;
    ((scaled + POUND / 2) / POUND).min(MAX_PRICE)
}

#[cfg(test)]
mod tests {
    use super::super::geometry::GeoPoint;
    use super::*;

    fn row(zone: u32, reach: Reach) -> TariffRow {
        TariffRow {
            service_level: "standard".into(),
            country: Some("US".into()),
            zone,
            reach,
            base: Minor(710),
            per_pound: 28_000_000,
            transit_days: 1,
        }
    }

    fn to(country: &str, region: &str) -> Destination {
        let point = GeoPoint::new(0.0, 0.0).ok();
        Destination { point, country: country.into(), region: region.into(), postal_code: "1".into() }
    }

    #[test]
    fn the_lowest_band_that_reaches_prices_the_parcel() {
        let tariff = Tariff::new(vec![row(3, Reach::Miles(300)), row(2, Reach::Miles(150))]);
        let lane = tariff.lane("standard", &to("US", "NY"));
        let zone = |miles| lane.rate(Some(miles)).map(|row| row.zone);
        assert_eq!(
            (zone(0), zone(150), zone(151), zone(300), zone(301)),
            (Some(2), Some(2), Some(3), Some(3), None)
        );
    }

    #[test]
    fn a_zone_of_regions_outranks_miles_however_the_region_is_written() {
        let mut express = row(3, Reach::Miles(150));
        express.service_level = "express".into();
        let tariff = Tariff::new(vec![
            row(2, Reach::Miles(150)),
            row(9, Reach::Regions(vec!["US-AK".into(), "US-HI".into()])),
            row(10, Reach::Regions(vec!["US-PR".into()])),
            express,
        ]);
        let zone = |service: &str, country: &str, region: &str, miles| {
            tariff.lane(service, &to(country, region)).rate(miles).map(|row| row.zone)
        };
        for region in ["HI", "AK", "US-AK", "us-ak", " ak "] {
            for miles in [None, Some(10), Some(9_000)] {
                assert_eq!(zone("standard", "US", region, miles), Some(9), "{region} at {miles:?}");
            }
        }
        assert_eq!(zone("standard", "US", "PR", Some(10)), Some(10));
        for region in ["", "NY", "A", "AKX", "Alaska"] {
            assert_eq!(zone("standard", "US", region, Some(10)), Some(2), "{region}");
            assert_eq!(zone("standard", "US", region, Some(9_000)), None, "{region}");
        }
        // A service without such a zone goes by miles, and another country's region is another region.
        assert_eq!(zone("express", "US", "AK", Some(10)), Some(3));
        let mut anywhere = row(9, Reach::Regions(vec!["US-AK".into()]));
        anywhere.country = None;
        let tariff = Tariff::new(vec![anywhere]);
        assert!(tariff.lane("standard", &to("DE", "AK")).rate(None).is_none());
        let region = |region: &str| tariff.lane("standard", &to("US", region)).region().map(str::to_owned);
        assert_eq!((region("ak"), region("NY")), (Some("US-AK".to_owned()), None));
    }

    #[test]
    fn an_unknown_service_or_country_has_no_price() {
        let tariff = Tariff::new(vec![row(2, Reach::Miles(150))]);
        assert!(tariff.lane("overnight", &to("US", "NY")).rate(Some(1)).is_none());
        assert!(tariff.lane("standard", &to("DE", "")).rate(Some(1)).is_none());
    }

    #[test]
    fn a_distance_that_nobody_knows_is_priced_by_the_farthest_band() {
        let tariff = Tariff::new(vec![row(3, Reach::Miles(300)), row(2, Reach::Miles(150))]);
        let lane = tariff.lane("standard", &to("US", "NY"));
        assert_eq!(lane.rate(None).map(|row| row.zone), Some(3));
        assert!(tariff.lane("overnight", &to("US", "NY")).rate(None).is_none());
    }

    #[test]
    fn without_a_tariff_any_service_goes_anywhere_for_nothing() {
        let tariff = Tariff::free(4);
        let lane = tariff.lane("overnight", &to("NZ", ""));
        for miles in [None, Some(0), Some(12_000)] {
            let rate = lane.rate(miles).unwrap();
            assert_eq!((rate.base, rate.per_pound, rate.transit_days), (Minor::ZERO, 0, 4));
        }
    }

    #[test]
    fn a_pound_costs_its_rate_and_halves_round_up() {
        assert_eq!(unit_weight_cost(28_000_000, 0), 0);
        // 100 000 lb are 45 359 237 g exactly.
        assert_eq!(unit_weight_cost(28_000_000, 45_359_237), 28_000_000 * 100_000);
        // 1 g at one millionth a pound is 0.0022 millionths; 227 g (just above half a pound) round up to one.
        assert_eq!((unit_weight_cost(1, 1), unit_weight_cost(1, 226), unit_weight_cost(1, 227)), (0, 0, 1));
    }
}
