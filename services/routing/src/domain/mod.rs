//! Where the units of an order should come from. A [`Policy`] reads a [`Demand`] and a [`World`] and answers with a
//! [`Decision`]: pure values, no clock and no I/O, so that the same question always gets the same answer.
//! [`LeastCost`] is the policy in use; reserving stock and keeping claims is for others.

mod availability;
mod bound;
mod calendar;
mod candidate;
mod capacity;
mod cost;
mod decision;
mod demand;
mod explain;
mod geometry;
mod least_cost;
mod location;
mod problem;
mod search;
mod settings;
mod tariff;
mod writer;

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod rule_tests;

pub use availability::Availability;
pub use calendar::{first_ship_date, free_slots};
pub use capacity::CapacityClaims;
pub use cost::{CostParts, Micros};
pub use decision::{AssignedLine, Assignment, Decision, GroupKey, GroupKind, Shortage, Unfilled};
pub use demand::{ComplianceClass, Demand, DemandLine, Destination, Exclusion, FulfilmentKind, StorageClass};
pub use explain::{Alone, CandidateReport, Explanation, Method, Reason, Verdict};
pub use geometry::{GeoPoint, OutOfRange};
pub use least_cost::LeastCost;
pub use location::{Location, LocationKind};
pub use settings::PolicySettings;
pub use tariff::{Lane, Reach, Tariff, TariffRow, unit_weight_cost};

use chrono::{DateTime, Utc};

/// What a policy may know besides the demand.
#[derive(Debug, Clone, Copy)]
pub struct World<'a> {
    /// The moment of planning.
    pub now: DateTime<Utc>,
    /// Every location of the tenant, in any order.
    pub locations: &'a [Location],
    /// What stock can still be promised.
    pub availability: &'a Availability,
    /// What the locations' days already hold.
    pub capacity: &'a CapacityClaims,
    /// What carriage costs.
    pub tariff: &'a Tariff,
}

/// Decides which locations fill which units.
///
/// A policy never assigns more than is available, or to a location that may not; every unit of the demand is either
/// assigned or unfilled, once. Equal arguments give equal decisions, whatever the order of the locations.
pub trait Policy {
    /// Plans one order. Claims nothing: see [`Decision::claim`].
    fn plan(&self, demand: &Demand, world: &World<'_>) -> Decision;
}
