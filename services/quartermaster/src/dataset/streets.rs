//! Street lines for places that are known only by their ZIP code, from a file of real addresses.

use std::collections::HashMap;

use super::error::Error;
use super::people::stable_hash;
use super::source::Opened;
use super::table::Table;

/// How many of the nearest addresses a place chooses among, so that neighbours do not all live at one door.
const NEAREST: usize = 8;

struct Street {
    line1: String,
    region: String,
    latitude: f64,
    longitude: f64,
}

/// Where a street line is wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot<'a> {
    pub(super) region: &'a str,
    pub(super) postal_code: &'a str,
    pub(super) latitude: f64,
    pub(super) longitude: f64,
}

/// The addresses, by region.
pub(super) struct Streets {
    all: Vec<Street>,
    by_region: HashMap<String, Vec<usize>>,
}

impl Streets {
    pub(super) fn read(opened: Opened) -> Result<Self, Error> {
        let all = Table::open(opened)?.rows(|row| {
            Ok(Street {
                line1: row.text("address1")?.to_owned(),
                region: row.text("state")?.to_owned(),
                latitude: row.degrees("lat", 90.0)?,
                longitude: row.degrees("lon", 180.0)?,
            })
        })?;
        let mut by_region: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, street) in all.iter().enumerate() {
            by_region.entry(street.region.clone()).or_default().push(index);
        }
        Ok(Self { all, by_region })
    }

    /// The addresses nearest to a spot: of its region if the file has any there, else of all.
    pub(super) fn near(&self, spot: Spot<'_>) -> Vec<usize> {
        let mut candidates: Vec<(f64, usize)> = match self.by_region.get(spot.region) {
            Some(indices) => indices.iter().filter_map(|index| self.measured(spot, *index)).collect(),
            None => (0..self.all.len()).filter_map(|index| self.measured(spot, index)).collect(),
        };
        // The row number breaks ties, so that two addresses of one house do not depend on the sort.
        candidates.sort_unstable_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
        candidates.into_iter().take(NEAREST).map(|(_, index)| index).collect()
    }

    /// The street line of `who` at a spot, one of those `near` it: always the same for the same two.
    pub(super) fn line1(&self, near: &[usize], who: &str, spot: Spot<'_>) -> String {
        let mixed = stable_hash(&[who, spot.postal_code]);
        let index = usize::try_from(mixed % (near.len().max(1) as u64)).unwrap_or(0);
        near.get(index)
            .and_then(|index| self.all.get(*index))
            .map(|street| street.line1.clone())
            .unwrap_or_default()
    }

    /// A flat-earth square of the distance, good enough to rank neighbours.
    fn measured(&self, spot: Spot<'_>, index: usize) -> Option<(f64, usize)> {
        let street = self.all.get(index)?;
        let north = street.latitude - spot.latitude;
        let east = (street.longitude - spot.longitude) * spot.latitude.to_radians().cos();
        Some((north * north + east * east, index))
    }
}
