//! What a policy answers: who ships what and when, what nobody can fill, what it costs, and why.

use std::fmt;

use chrono::NaiveDate;
use qm_ids::{ItemId, LineId, LocationId};
use serde::{Deserialize, Serialize};

use super::availability::Availability;
use super::capacity::CapacityClaims;
use super::cost::CostParts;
use super::demand::StorageClass;
use super::explain::{Explanation, Reason};

/// A plan for one order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The shipments, by location and group.
    pub assignments: Vec<Assignment>,
    /// The units without a source, in the order of the lines.
    pub unfilled: Vec<Unfilled>,
    /// The sum of the assignments' costs and the penalty of the unfilled units.
    pub cost: CostParts,
    /// Whether a shipment arrives after the promise, because no other plan fills as much in time.
    pub promise_unmet: bool,
    /// How the plan came about.
    #[serde(flatten)]
    pub explanation: Explanation,
}

/// One shipment (or one collection): units that one location works as one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// Who does the work.
    #[serde(rename = "location_id")]
    pub location: LocationId,
    /// What keeps the units together.
    pub group: GroupKey,
    /// Local date at the location: when it hands over to the carrier, or has the goods ready at the counter. One
    /// unit of its capacity on that date belongs to this assignment.
    pub ship_date: NaiveDate,
    /// When the units arrive; for a pickup, the ship date.
    pub promised_date: NaiveDate,
    /// The units, in the order of the lines; no quantity is zero.
    pub lines: Vec<AssignedLine>,
    /// Its share of the plan's cost. The split penalty is on every assignment but the first.
    pub cost: CostParts,
}

/// What the units of an assignment have in common; with the location, it names a fulfilment of the plan.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GroupKey {
    /// How they reach the shopper.
    pub kind: GroupKind,
    /// The service level that was sold.
    pub service_level: String,
    /// How they must be kept. Parcels never mix classes; a collection is one, kept as its most demanding line needs.
    pub storage: StorageClass,
}

/// How an assignment's units reach the shopper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupKind {
    /// By carrier, from a location of the merchant or of its logistics company.
    Ship,
    /// Over a counter.
    Pickup,
    /// By carrier, straight from a supplier.
    DropShip,
}

/// Units of one line in an assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssignedLine {
    /// The order line.
    pub line_id: LineId,
    /// Its item.
    #[serde(rename = "item_id")]
    pub item: ItemId,
    /// How many units, at least one.
    pub quantity: u32,
}

/// Units of one line that no location fills.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfilled {
    /// The order line.
    pub line_id: LineId,
    /// Its item.
    #[serde(rename = "item_id")]
    pub item: ItemId,
    /// How many units, at least one.
    pub quantity: u32,
    /// What stood in the way.
    pub why: Shortage,
}

/// Why units stay unfilled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shortage {
    /// There is no such counter as the shopper chose, or no location at all.
    NoLocation,
    /// No location has any.
    NoStock,
    /// The locations that may fill the item have only so many units between them.
    NotEnoughStock {
        /// Units of the item that they have.
        available: u64,
    },
    /// There is stock, but not where it may be used; the reason is that of the location with most of it.
    RuledOut(Reason),
    /// Filling them would cost more than the settings say a unit is worth, or capacity for another shipment lacks.
    NotWorthAShipment,
}

impl fmt::Display for GroupKey {
    /// `ship:standard:ambient`, the form that contracts use.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            GroupKind::Ship => "ship",
            GroupKind::Pickup => "pickup",
            GroupKind::DropShip => "drop_ship",
        };
        write!(f, "{kind}:{}:{}", self.service_level, self.storage.as_str())
    }
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLocation => f.write_str("no such location"),
            Self::NoStock => f.write_str("no location has stock"),
            Self::NotEnoughStock { available } => {
                write!(f, "only {available} units in all locations that may fill it")
            }
            Self::RuledOut(reason) => write!(f, "the location with most stock is ruled out: {reason}"),
            Self::NotWorthAShipment => f.write_str("another shipment is too dear, or has no capacity"),
        }
    }
}

impl Decision {
    /// Claims the plan's stock and capacity, so that the next order of a batch plans with what is left.
    pub fn claim(&self, availability: &mut Availability, capacity: &mut CapacityClaims) {
        for assignment in &self.assignments {
            capacity.claim(assignment.location, assignment.ship_date);
            for line in &assignment.lines {
                availability.take(line.item, assignment.location, line.quantity);
            }
        }
    }
}
