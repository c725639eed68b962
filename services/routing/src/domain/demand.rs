//! What is to be sourced: the units of one order (or of the part of it that still needs a source), and the limits
//! that the order puts on where they may come from.

use chrono::{DateTime, NaiveDate, Utc};
use qm_ids::{ItemId, LineId, LocationId};
use serde::{Deserialize, Serialize};

use super::geometry::GeoPoint;

/// The units that need a source.
#[derive(Debug, Clone, PartialEq)]
pub struct Demand {
    /// Where the goods go. For a pickup: where the shopper is, which prices nothing.
    pub destination: Destination,
    /// Carried to the destination, or handed over at a counter.
    pub kind: FulfilmentKind,
    /// The service level that was sold, as the tariff spells it (`standard`, `two_day`).
    pub service_level: String,
    /// When the order was placed. No location starts work on it earlier.
    pub placed_at: DateTime<Utc>,
    /// The last date on which every unit may arrive (for a pickup: be ready).
    pub promise_by: Option<NaiveDate>,
    /// The lines; quantities of zero ask for nothing.
    pub lines: Vec<DemandLine>,
    /// Locations that may not be used, because they refused or failed an earlier attempt.
    pub exclusions: Vec<Exclusion>,
}

/// Where a parcel goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Destination {
    /// The point that distances are measured to; `None` when nobody said where it is, and then every location counts as
    /// far away.
    pub point: Option<GeoPoint>,
    /// ISO 3166-1 alpha-2 country code, upper case.
    pub country: String,
    /// State or province as written on the parcel; may be empty.
    pub region: String,
    /// Postal code as written on the parcel.
    pub postal_code: String,
}

impl Destination {
    /// The region's code after ISO 3166-2, such as `US-AK`; none when no region is named. Shops write it with its country
    /// or without, and in either case.
    pub fn region_code(&self) -> Option<String> {
        let region = self.region.trim().to_ascii_uppercase();
        let country = format!("{}-", self.country.to_ascii_uppercase());
        match region.as_str() {
            "" => None,
            _ if region.starts_with(&country) => Some(region),
            _ => Some(country + &region),
        }
    }
}

/// How the goods reach the shopper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FulfilmentKind {
    /// A carrier brings them to the destination.
    Ship,
    /// The shopper collects them at this location; no other may fill the order.
    Pickup {
        /// The counter that the shopper chose.
        location: LocationId,
    },
}

/// One line's units.
///
/// Weight, storage, restriction and drop-ship are facts of the item: lines of one item are planned as one, with the
/// facts of the first of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemandLine {
    /// The order line.
    pub line_id: LineId,
    /// What was ordered.
    pub item: ItemId,
    /// Units of the item's base unit.
    pub quantity: u32,
    /// Shipping weight of one unit.
    pub weight_grams: u32,
    /// How the item must be kept until it is handed over.
    pub storage: StorageClass,
    /// The licence a location needs to handle the item.
    pub restricted: Option<ComplianceClass>,
    /// Whether a supplier may send it straight to the shopper.
    pub drop_ship: bool,
}

/// How an item must be kept, in rising order of demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StorageClass {
    /// Room temperature.
    Ambient,
    /// Refrigerated.
    Chilled,
    /// Deep-frozen.
    Frozen,
}

impl StorageClass {
    /// The word used in contracts, tables and texts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ambient => "ambient",
            Self::Chilled => "chilled",
            Self::Frozen => "frozen",
        }
    }

    /// The reverse of [`as_str`](Self::as_str).
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Ambient, Self::Chilled, Self::Frozen].into_iter().find(|class| class.as_str() == word)
    }
}

/// A legal restriction on handling an item (`alcohol`, `hazmat`), as the item master names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ComplianceClass(pub String);

/// A location that may not fill the order, or not this item of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Exclusion {
    /// The location left out.
    pub location: LocationId,
    /// Only this item is left out; `None` leaves out the location altogether.
    pub item: Option<ItemId>,
}
