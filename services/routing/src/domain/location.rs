//! A location as routing sees it: where it is, what it may handle, what its work costs, how much it can do in a day.

use chrono::NaiveTime;
use chrono_tz::Tz;
use qm_ids::LocationId;
use qm_money::Minor;
use serde::{Deserialize, Serialize};

use super::demand::{ComplianceClass, StorageClass};
use super::geometry::GeoPoint;

/// A place that can fill units. Amounts are not negative.
#[derive(Debug, Clone, PartialEq)]
pub struct Location {
    /// Its id; lower ids win ties.
    pub id: LocationId,
    /// The merchant's own name for it, for people to read.
    pub code: String,
    /// What sort of place it is.
    pub kind: LocationKind,
    /// Where parcels leave from; `None` when nobody said, and then it counts as far away.
    pub point: Option<GeoPoint>,
    /// The zone that its cut-off and its dates are local to.
    pub zone: Tz,
    /// Work that arrives before this local time is done the same day.
    pub cutoff: NaiveTime,
    /// Whole days it needs before it can hand over (0: the same day).
    pub lead_days: u16,
    /// Storage classes it may handle.
    pub storage: Vec<StorageClass>,
    /// Restrictions it is licensed for.
    pub compliance: Vec<ComplianceClass>,
    /// Whether carriers collect there.
    pub can_ship: bool,
    /// Whether shoppers may collect there.
    pub can_pickup: bool,
    /// Cost of working one shipment.
    pub handling_order: Minor,
    /// Cost of picking one unit.
    pub handling_unit: Minor,
    /// Shipments it can hand over in one local day; `None` is without limit.
    pub daily_capacity: Option<u32>,
    /// Whether it takes work at all.
    pub active: bool,
}

/// The sorts of location.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LocationKind {
    /// The merchant's own warehouse.
    DistributionCentre,
    /// A shop that also fills orders.
    Store,
    /// A supplier who sends straight to the shopper, drop-ship items only.
    Supplier,
    /// A warehouse run by a logistics company.
    ThirdParty,
    /// No place at all: digital goods.
    Virtual,
}

impl LocationKind {
    /// The word used in contracts and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DistributionCentre => "distribution_centre",
            Self::Store => "store",
            Self::Supplier => "supplier",
            Self::ThirdParty => "third_party",
            Self::Virtual => "virtual",
        }
    }

    /// The reverse of [`as_str`](Self::as_str).
    pub fn parse(word: &str) -> Option<Self> {
        [Self::DistributionCentre, Self::Store, Self::Supplier, Self::ThirdParty, Self::Virtual]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }
}
