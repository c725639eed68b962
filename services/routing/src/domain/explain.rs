//! Why a plan is what it is: every location that was considered, what it would have cost, and what spoke against it.

use std::fmt;

use chrono::NaiveDate;
use qm_ids::LocationId;
use qm_money::Minor;
use serde::{Deserialize, Serialize};

use super::demand::{ComplianceClass, StorageClass};

/// The account of a decision, bounded in size and stored with the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// How far the plan is proven.
    pub method: Method,
    /// The locations considered: chosen ones first, then dearer, incomplete and ruled-out ones.
    pub candidates: Vec<CandidateReport>,
    /// Locations that are not listed: beyond the limit, or not the counter that the shopper chose.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub omitted: u64,
    /// The destination's region, when the tariff prices it by itself, whatever the miles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priced_by_region: Option<String>,
}

/// How far a plan is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// No plan is cheaper, by so much as a thousandth of a minor unit.
    Optimal,
    /// The search ended at its bound; a plan cheaper by at most `gap` may exist.
    Heuristic {
        /// The plan's cost less the proven lower bound.
        #[serde(rename = "gap_minor")]
        gap: Minor,
    },
}

/// One location's part in a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CandidateReport {
    /// The location.
    #[serde(rename = "location_id")]
    pub location: LocationId,
    /// Great-circle miles to the destination. `None` when the location or the destination has no point: then the
    /// farthest band of the tariff priced it, unless its region did, so that its cost is not understated.
    pub miles: Option<u32>,
    /// What became of it.
    pub verdict: Verdict,
    /// What it alone could have done; absent if nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alone: Option<Alone>,
    /// What spoke against it, each reason once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Reason>,
}

/// What a location could have done for the order without the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alone {
    /// Units of the order that it could fill.
    pub units: u64,
    /// Shipments it would need for them (one for each storage class).
    pub shipments: u32,
    /// When it could hand over the first.
    pub ship_date: NaiveDate,
    /// When the last would arrive.
    pub promised_date: NaiveDate,
    /// What carrying them would cost.
    #[serde(rename = "transport_minor")]
    pub transport: Minor,
    /// What working them would cost.
    #[serde(rename = "handling_minor")]
    pub handling: Minor,
}

/// What became of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The plan uses it.
    Chosen {
        /// Units it fills.
        units: u64,
        /// Shipments it makes.
        shipments: u32,
    },
    /// It could fill the whole order, at a higher cost (penalties included); at an equal cost the tie-break decided.
    Dearer {
        /// By how much.
        #[serde(rename = "by_minor")]
        by: Minor,
    },
    /// It could fill only a part, so the order would need other shipments too, and the cheapest ones leave it out.
    Incomplete {
        /// Units it could not fill.
        missing: u64,
    },
    /// It could do nothing for this order, or not in time; the reasons say why.
    RuledOut,
}

/// What speaks against a location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It takes no work at present.
    Inactive,
    /// No carrier collects there.
    CannotShip,
    /// Shoppers cannot collect there.
    CannotPickUp,
    /// It is excluded from this order, having refused or failed an earlier attempt.
    Excluded,
    /// It is excluded for an item of this order.
    ItemExcluded,
    /// The service level does not go from there to the destination.
    NoTariff,
    /// No capacity is left up to and including this local date, the last one looked at.
    CapacityExhausted {
        /// The last date looked at.
        until: NaiveDate,
    },
    /// It may not handle a storage class.
    CannotStore {
        /// The class.
        class: StorageClass,
    },
    /// It has no licence for a restricted item.
    NotLicensed {
        /// The restriction.
        class: ComplianceClass,
    },
    /// It is a supplier, and the item may not be drop-shipped.
    NotDropShip,
    /// It has nothing of an item.
    NoStock,
    /// It has some of an item, but fewer units than wanted.
    NotEnoughStock,
    /// Its shipment arrives after the promise.
    MissesPromise {
        /// Days after the promise.
        days: u32,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inactive => f.write_str("inactive"),
            Self::CannotShip => f.write_str("cannot ship"),
            Self::CannotPickUp => f.write_str("cannot pick up"),
            Self::Excluded => f.write_str("excluded from this order"),
            Self::ItemExcluded => f.write_str("excluded for an item"),
            Self::NoTariff => f.write_str("the service does not go from here to the destination"),
            Self::CapacityExhausted { until } => write!(f, "capacity exhausted until {until}"),
            Self::CannotStore { class } => write!(f, "cannot ship {}", class.as_str()),
            Self::NotLicensed { class } => write!(f, "not licensed for {}", class.0),
            Self::NotDropShip => f.write_str("item is not for drop-shipping"),
            Self::NoStock => f.write_str("no stock"),
            Self::NotEnoughStock => f.write_str("not enough stock"),
            Self::MissesPromise { days: 1 } => f.write_str("misses the promise by 1 day"),
            Self::MissesPromise { days } => write!(f, "misses the promise by {days} days"),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chosen { units, shipments: 1 } => write!(f, "chosen for {units} units"),
            Self::Chosen { units, shipments } => {
                write!(f, "chosen for {units} units in {shipments} shipments")
            }
            Self::Dearer { by } => write!(f, "dearer by {}", by.0),
            Self::Incomplete { missing } => write!(f, "{missing} units would need another shipment"),
            Self::RuledOut => f.write_str("ruled out"),
        }
    }
}

impl Explanation {
    /// Sorts the reports for a reader and keeps the first `limit`.
    pub(super) fn new(
        method: Method,
        mut candidates: Vec<CandidateReport>,
        omitted: usize,
        limit: usize,
    ) -> Self {
        candidates.sort_by_key(|report| (report.verdict.rank(), report.location));
        let dropped = candidates.len().saturating_sub(limit);
        candidates.truncate(limit);
        Self { method, candidates, omitted: (omitted + dropped) as u64, priced_by_region: None }
    }
}

impl Verdict {
    fn rank(&self) -> (u8, i128) {
        match *self {
            Self::Chosen { .. } => (0, 0),
            Self::Dearer { by } => (1, by.0.into()),
            Self::Incomplete { missing } => (2, missing.into()),
            Self::RuledOut => (3, 0),
        }
    }
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}
