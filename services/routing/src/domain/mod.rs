//! Where the units of an order should come from. A [`Policy`] reads a [`Demand`] and a [`World`] and answers with a
//! [`Decision`]: pure values, no clock and no I/O, so that the same question always gets the same answer.
//! [`LeastCost`] is the policy in use; reserving stock and keeping claims is for others.

mod availability;
mod batch;
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
mod plan;
mod problem;
mod request;
mod search;
mod settings;
mod stock;
mod tariff;
mod writer;

#[cfg(test)]
mod batch_tests;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod plan_tests;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod rule_tests;

pub use batch::{Planned, TenantWorld, plan_batch};
pub use decision::{Assignment, Decision, GroupKind};
pub use demand::{ComplianceClass, Destination, Exclusion, FulfilmentKind, StorageClass};
pub use geometry::GeoPoint;
pub use least_cost::LeastCost;
pub use location::{Location, LocationKind};
pub use plan::{Claim, EndReason, LetGo, LocationUnits, Made, Outcome, Plan};
pub use request::{ItemFacts, LineUnits, Request, Supply, plan_of};
pub use settings::PolicySettings;
pub use tariff::{Reach, Tariff, TariffRow};

use chrono::{DateTime, Utc};

use availability::Availability;
use capacity::CapacityClaims;
use demand::Demand;

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
