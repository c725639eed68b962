//! Planning many orders at once: one after another, each seeing what those before it took.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use qm_ids::{ItemId, LocationId, TenantId};

use super::availability::ENDLESS;
use super::capacity::CapacityClaims;
use super::decision::Decision;
use super::demand::{Demand, FulfilmentKind};
use super::location::{Location, LocationKind};
use super::request::{ItemFacts, Request, Supply};
use super::stock::BatchStock;
use super::tariff::Tariff;
use super::{Policy, World};

/// What the plans of one tenant's orders are made from.
#[derive(Debug, Clone, Default)]
pub struct TenantWorld {
    /// Every location of the tenant.
    pub locations: Vec<Location>,
    /// What stock can still be promised.
    pub stock: BatchStock,
    /// What the locations' days already hold.
    pub capacity: CapacityClaims,
    /// What carriage costs.
    pub tariff: Tariff,
    /// The tariff's version, 0 when the tenant has stored none.
    pub tariff_version: i64,
}

/// A request with what was decided.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The request.
    pub request: Request,
    /// The decision.
    pub decision: Decision,
    /// Version of the tariff that priced it.
    pub tariff_version: i64,
    /// A location that we have not been told of yet, though it may have what stayed unfilled.
    pub unknown_location: Option<LocationId>,
}

/// Plans requests, the higher priority and then the older order first. Tenants share nothing.
pub fn plan_batch(
    policy: &impl Policy,
    worlds: &mut BTreeMap<TenantId, TenantWorld>,
    mut requests: Vec<(Request, Demand)>,
    now: DateTime<Utc>,
) -> Vec<Planned> {
    requests.sort_by_key(|(request, _)| {
        (std::cmp::Reverse(request.priority), request.placed_at, request.order, request.attempt)
    });
    requests
        .into_iter()
        .map(|(request, demand)| {
            let world = worlds.entry(request.tenant).or_default();
            let decision = world.plan(policy, &request, &demand, now);
            world.stock.claim(&decision, request.for_backorder, &mut world.capacity);
            let unknown_location = world.unknown_location(&request, &decision);
            Planned { request, decision, tariff_version: world.tariff_version, unknown_location }
        })
        .collect()
}

impl TenantWorld {
    /// What is never counted is never short: services wherever they may be done, what is made on demand at virtual
    /// locations.
    pub fn supply_endlessly<'i>(&mut self, items: impl Iterator<Item = (&'i ItemId, &'i ItemFacts)>) {
        for (item, facts) in items {
            for location in &self.locations {
                let supplies = match facts.supply {
                    Supply::Stock => false,
                    Supply::Generated => location.kind == LocationKind::Virtual,
                    Supply::Service => true,
                };
                if supplies {
                    self.stock.set(*item, location.id, ENDLESS, 0);
                }
            }
        }
    }

    fn plan(&self, policy: &impl Policy, request: &Request, demand: &Demand, now: DateTime<Utc>) -> Decision {
        let world = World {
            now,
            locations: &self.locations,
            availability: self.stock.seen_by(request.for_backorder),
            capacity: &self.capacity,
            tariff: &self.tariff,
        };
        policy.plan(demand, &world)
    }

    fn unknown_location(&self, request: &Request, decision: &Decision) -> Option<LocationId> {
        if decision.unfilled.is_empty() {
            return None;
        }
        let known: BTreeSet<LocationId> = self.locations.iter().map(|location| location.id).collect();
        if let FulfilmentKind::Pickup { location } = request.kind {
            return Some(location).filter(|location| !known.contains(location));
        }
        let stock = self.stock.seen_by(request.for_backorder);
        let holders = decision.unfilled.iter().filter_map(|unfilled| stock.of(unfilled.item)).flatten();
        holders.filter(|(_, units)| **units > 0).map(|(location, _)| *location).find(|it| !known.contains(it))
    }
}
