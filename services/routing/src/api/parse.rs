//! Proto to domain. Everything that a caller may get wrong is refused here, naming its field.

use std::collections::{HashMap, HashSet};

use qm_ids::{OrderId, ParseIdError};
use qm_proto::routing::v1::TariffBand;
use qm_refusal::Refusal;

use crate::store::Band;

/// Most bands of a tariff.
const MAX_BANDS: usize = 500;
/// Most regions of a band.
const MAX_REGIONS: usize = 100;
/// Longest name of a service level.
const MAX_NAME: usize = 50;
/// Ten thousand million of most currencies.
const MAX_MINOR: i64 = 1_000_000_000_000;
/// The same in millionths of the major unit.
const MAX_MICROS: i64 = MAX_MINOR / 100 * 1_000_000;
/// A year: no parcel takes longer.
const MAX_DAYS: i32 = 366;

pub(super) fn order(text: &str) -> Result<OrderId, Refusal> {
    text.parse()
        .map_err(|error: ParseIdError| Refusal::invalid("order_id", "malformed_id", error.to_string()))
}

/// A tariff's bands, by service and zone. Within a service each zone of miles reaches farther than the one before, and a
/// region is in one zone.
pub(super) fn bands(bands: &[TariffBand]) -> Result<Vec<Band>, Refusal> {
    if bands.is_empty() || bands.len() > MAX_BANDS {
        return Err(Refusal::invalid("bands", "out_of_range", format!("must have 1 to {MAX_BANDS} bands")));
    }
    let mut parsed = Vec::with_capacity(bands.len());
    for (index, it) in bands.iter().enumerate() {
        parsed.push((index, band(it).map_err(|refusal| refusal.within(&format!("bands[{index}]")))?));
    }
    parsed.sort_by(|(_, one), (_, other)| {
        (&one.service_level, one.zone).cmp(&(&other.service_level, other.zone))
    });
    let mut zones: HashSet<(&str, u32)> = HashSet::new();
    let mut regions: HashSet<(&str, &str)> = HashSet::new();
    let mut reached: HashMap<&str, u32> = HashMap::new();
    for (index, band) in &parsed {
        let service = band.service_level.as_str();
        let refused = |field: &str, code: &str, message: &str| {
            Err(Refusal::invalid(field, code, message).within(&format!("bands[{index}]")))
        };
        if !zones.insert((service, band.zone)) {
            return refused("zone", "duplicate", "stands twice for this service level");
        }
        for (n, region) in band.regions.iter().enumerate() {
            if !regions.insert((service, region)) {
                return refused(&format!("regions[{n}]"), "duplicate", "stands twice for this service level");
            }
        }
        if band.regions.is_empty()
            && let Some(before) = reached.insert(service, band.max_miles)
            && before >= band.max_miles
        {
            return refused("max_miles", "not_growing", "must be more than in the zone before");
        }
    }
    Ok(parsed.into_iter().map(|(_, band)| band).collect())
}

fn band(band: &TariffBand) -> Result<Band, Refusal> {
    let name = band.service_level.trim();
    if name.is_empty() {
        return Err(Refusal::invalid("service_level", "required", "must be given"));
    }
    if name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        let message = format!("must be at most {MAX_NAME} characters without control characters");
        return Err(Refusal::invalid("service_level", "malformed_text", message));
    }
    let regions = regions(&band.regions)?;
    if !regions.is_empty() && band.max_miles != 0 {
        return Err(Refusal::invalid("max_miles", "out_of_range", "must be 0 in a zone of regions"));
    }
    let days = number("transit_days", band.transit_days.into(), 0, MAX_DAYS.into())?;
    Ok(Band {
        service_level: name.to_owned(),
        zone: small("zone", band.zone, 0)?,
        max_miles: small("max_miles", band.max_miles, u32::from(regions.is_empty()))?,
        regions,
        base_minor: number("base_minor", band.base_minor, 0, MAX_MINOR)?,
        per_pound_micros: number("per_pound_micros", band.per_pound_micros, 0, MAX_MICROS)?,
        transit_days: u16::try_from(days).map_err(|_| Refusal::internal())?,
    })
}

/// Regions as ISO 3166-2 writes them.
fn regions(regions: &[String]) -> Result<Vec<String>, Refusal> {
    if regions.len() > MAX_REGIONS {
        return Err(Refusal::invalid(
            "regions",
            "too_many",
            format!("must have at most {MAX_REGIONS} regions"),
        ));
    }
    let region = |(index, text): (usize, &String)| {
        let code = text.trim().to_ascii_uppercase();
        let is_code = code.split_once('-').is_some_and(|(country, region)| {
            country.len() == 2
                && country.bytes().all(|byte| byte.is_ascii_uppercase())
                && (1..=3).contains(&region.len())
                && region.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
        if is_code {
            return Ok(code);
        }
        let message = "must be a region's code after ISO 3166-2, such as US-AK";
        Err(Refusal::invalid(format!("regions[{index}]"), "malformed_code", message))
    };
    regions.iter().enumerate().map(region).collect()
}

fn number(field: &str, value: i64, least: i64, most: i64) -> Result<i64, Refusal> {
    if (least..=most).contains(&value) {
        return Ok(value);
    }
    Err(Refusal::invalid(field, "out_of_range", format!("must be {least} to {most}")))
}

fn small(field: &str, value: i32, least: u32) -> Result<u32, Refusal> {
    let most = i32::MAX;
    u32::try_from(value)
        .ok()
        .filter(|value| *value >= least)
        .ok_or_else(|| Refusal::invalid(field, "out_of_range", format!("must be {least} to {most}")))
}
