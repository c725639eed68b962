//! The least-cost policy: screen the locations, solve the sourcing problem, write down the plan and its reasons.

use super::candidate::{Candidate, Wanted, screen};
use super::cost::{Micros, to_minor};
use super::decision::Decision;
use super::demand::{Demand, FulfilmentKind};
use super::explain::Method;
use super::problem::{Problem, Source};
use super::search::{Solution, solve};
use super::settings::PolicySettings;
use super::writer::{Load, write};
use super::{Policy, World};

/// Plans every order at the least cost over all locations, exactly where the search budget allows.
///
/// The cost is transport and handling, and the penalties of the [`PolicySettings`] for splits, late shipments and
/// unfilled units. It is compared on an exact scale. Of equally cheap plans that it comes to compare (all that need
/// one shipment are among them) it prefers fewer shipments, then the earlier arrival, then the lower location ids.
#[derive(Debug, Clone, Default)]
pub struct LeastCost {
    settings: PolicySettings,
}

impl LeastCost {
    /// A policy with these settings.
    pub fn new(settings: PolicySettings) -> Self {
        Self { settings }
    }
}

impl Policy for LeastCost {
    fn plan(&self, demand: &Demand, world: &World<'_>) -> Decision {
        let wanted = Wanted::new(demand, world);
        let candidates = screen(&wanted, world, &self.settings);
        let source = Source { wanted: &wanted, candidates: &candidates, settings: &self.settings };
        let (loads, method) = sourced(&source);
        let mut decision = write(source, &loads, method, world.locations.len());
        decision.explanation.priced_by_region = match demand.kind {
            FulfilmentKind::Pickup { .. } => None,
            FulfilmentKind::Ship => {
                world.tariff.lane(&demand.service_level, &demand.destination).region().map(str::to_owned)
            }
        };
        decision
    }
}

/// Solves the groups one by one, which is far smaller than solving them together, and together only if the shipments
/// that they ask of one location do not all fit its days as each group assumed.
fn sourced(source: &Source<'_>) -> (Vec<Load>, Method) {
    let budget = source.settings.search_budget;
    let apart: Vec<Problem> = (0..source.wanted.groups).map(|group| source.one_group(group)).collect();
    let solutions: Vec<Solution> = apart.iter().map(|problem| solve(problem, budget)).collect();
    if source.wanted.groups == 1 || fit_together(source, &apart, &solutions) {
        return (loads(&apart, &solutions), method(&solutions));
    }
    let together = [source.all_groups()];
    let solutions = [solve(&together[0], budget)];
    (loads(&together, &solutions), method(&solutions))
}

fn fit_together(source: &Source<'_>, problems: &[Problem], solutions: &[Solution]) -> bool {
    let mut shipments = vec![0_usize; source.candidates.len()];
    for (problem, solution) in problems.iter().zip(solutions) {
        for (facility, _) in problem.facilities.iter().zip(&solution.open).filter(|(_, open)| **open) {
            shipments[facility.candidate] += 1;
        }
    }
    // A plan without any shipment may be cheap only because each group counted a split penalty for its first.
    let any = shipments.iter().any(|count| *count > 0);
    let wanted = source.wanted.units() > 0;
    let fits = |(candidate, count): (&Candidate<'_>, &usize)| match (&candidate.offer, *count) {
        (_, 0 | 1) | (None, _) => true,
        (Some(offer), count) => {
            count <= offer.slots.len() && source.late(offer, count - 1) == source.late(offer, 0)
        }
    };
    (any || !wanted) && source.candidates.iter().zip(&shipments).all(fits)
}

fn loads(problems: &[Problem], solutions: &[Solution]) -> Vec<Load> {
    let mut loads = Vec::new();
    for (problem, solution) in problems.iter().zip(solutions) {
        loads.extend(problem.loads(&solution.open).map(|(item, facility, units)| Load {
            candidate: problem.facilities[facility].candidate,
            item,
            units: u64::try_from(units).unwrap_or(0),
        }));
    }
    loads.sort_unstable_by_key(|load| (load.candidate, load.item));
    loads
}

fn method(solutions: &[Solution]) -> Method {
    let gap: Micros = solutions.iter().map(|solution| solution.cost - solution.bound).sum();
    if solutions.iter().all(|solution| solution.proven) {
        Method::Optimal
    } else {
        Method::Heuristic { gap: to_minor(gap) }
    }
}
