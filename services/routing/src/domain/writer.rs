//! Writes a solved plan down as a [`Decision`]: shipments with dates and lines, costs in minor units, what is left
//! over and why, and the account of every candidate.

use std::collections::BTreeMap;

use super::candidate::{Candidate, Offer, Stock, barrier_of_most_stock};
use super::cost::{CostParts, Micros, micros, to_minor};
use super::decision::{AssignedLine, Assignment, Decision, GroupKey, GroupKind, Shortage, Unfilled};
use super::demand::{FulfilmentKind, StorageClass};
use super::explain::{Alone, CandidateReport, Explanation, Method, Reason, Verdict};
use super::location::{Location, LocationKind};
use super::problem::{Source, is_late};
use qm_money::Minor;

/// Units of a wanted item that a candidate fills.
#[derive(Clone, Copy)]
pub(super) struct Load {
    pub(super) candidate: usize,
    pub(super) item: usize,
    pub(super) units: u64,
}

/// Writes the decision that fills the demand with these loads, at most one per candidate and item.
pub(super) fn write(source: Source<'_>, loads: &[Load], method: Method, locations: usize) -> Decision {
    let left = source.wanted.demand.lines.iter().map(|line| line.quantity).collect();
    let mut writer = Writer { source, left };
    let assignments = writer.assignments(loads);
    let unfilled = writer.unfilled();
    let missing: u64 = unfilled.iter().map(|u| u64::from(u.quantity)).sum();
    let penalty = Micros::from(missing) * micros(writer.source.settings.unfilled_per_unit);
    let mut cost = CostParts { unfilled_penalty: to_minor(penalty), ..CostParts::default() };
    for assignment in &assignments {
        cost += assignment.cost;
    }
    let promise_unmet = assignments.iter().any(|a| is_late(writer.source.wanted.demand, a.promised_date));
    let plan = Plan { assignments: &assignments, total: cost.total(), promise_unmet };
    let reports: Vec<_> = writer.source.candidates.iter().map(|c| writer.report(c, &plan)).collect();
    let elsewhere = locations.saturating_sub(reports.len());
    let limit = writer.source.settings.explained_locations;
    let explanation = Explanation::new(method, reports, elsewhere, limit);
    Decision { assignments, unfilled, cost, promise_unmet, explanation }
}

struct Writer<'a> {
    source: Source<'a>,
    /// Units of each line that no assignment holds yet.
    left: Vec<u32>,
}

/// What a candidate is measured against.
struct Plan<'a> {
    assignments: &'a [Assignment],
    total: Minor,
    promise_unmet: bool,
}

impl Writer<'_> {
    fn assignments(&mut self, loads: &[Load]) -> Vec<Assignment> {
        let mut shipments: BTreeMap<(usize, usize), Vec<Load>> = BTreeMap::new();
        for load in loads {
            shipments
                .entry((load.candidate, self.source.wanted.items[load.item].group))
                .or_default()
                .push(*load);
        }
        let mut assignments: Vec<Assignment> = Vec::with_capacity(shipments.len());
        let (mut at, mut nth) = (usize::MAX, 0);
        for ((candidate, _), loads) in shipments {
            nth = if candidate == at { nth + 1 } else { 0 };
            at = candidate;
            let first = assignments.is_empty();
            assignments.extend(self.assignment(candidate, nth, &loads, first));
        }
        assignments
    }

    fn assignment(
        &mut self,
        candidate: usize,
        nth: usize,
        loads: &[Load],
        first: bool,
    ) -> Option<Assignment> {
        let location = self.source.candidates[candidate].location;
        let offer = self.source.candidates[candidate].offer.as_ref()?;
        let demand = self.source.wanted.demand;
        let lines = self.lines(loads);
        let stored = loads.iter().flat_map(|load| &self.source.wanted.items[load.item].lines);
        let storage = stored.map(|line| demand.lines[*line].storage).max().unwrap_or(StorageClass::Ambient);
        let group =
            GroupKey { kind: self.kind(location), service_level: demand.service_level.clone(), storage };
        let units = loads.iter().map(|load| (load.units, &offer.stock[load.item]));
        let mut cost = shipment_cost(offer, units);
        cost.late_penalty = to_minor(self.source.late(offer, nth));
        cost.split_penalty = if first { Minor::ZERO } else { self.split_penalty() };
        let ship_date = *offer.slots.get(nth)?;
        let promised_date = offer.promised(nth);
        Some(Assignment { location: location.id, group, ship_date, promised_date, lines, cost })
    }

    /// Takes the loads' units from the lines that want them, earlier lines first.
    fn lines(&mut self, loads: &[Load]) -> Vec<AssignedLine> {
        let demand = self.source.wanted.demand;
        let mut taken: Vec<(usize, AssignedLine)> = Vec::with_capacity(loads.len());
        for load in loads {
            let mut units = load.units;
            for &line in &self.source.wanted.items[load.item].lines {
                let quantity = self.left[line].min(u32::try_from(units).unwrap_or(u32::MAX));
                if quantity > 0 {
                    self.left[line] -= quantity;
                    units -= u64::from(quantity);
                    let wanted = &demand.lines[line];
                    taken.push((line, AssignedLine { line_id: wanted.line_id, item: wanted.item, quantity }));
                }
            }
        }
        taken.sort_unstable_by_key(|(line, _)| *line);
        taken.into_iter().map(|(_, assigned)| assigned).collect()
    }

    fn kind(&self, location: &Location) -> GroupKind {
        match (self.source.wanted.demand.kind, location.kind) {
            (FulfilmentKind::Pickup { .. }, _) => GroupKind::Pickup,
            (FulfilmentKind::Ship, LocationKind::Supplier) => GroupKind::DropShip,
            (FulfilmentKind::Ship, _) => GroupKind::Ship,
        }
    }

    fn split_penalty(&self) -> Minor {
        to_minor(micros(self.source.settings.split_penalty))
    }

    fn unfilled(&self) -> Vec<Unfilled> {
        let mut unfilled = Vec::new();
        for (index, item) in self.source.wanted.items.iter().enumerate() {
            let short = item.lines.iter().filter(|line| self.left[**line] > 0);
            let mut short = short.peekable();
            if short.peek().is_none() {
                continue;
            }
            let why = self.shortage(index);
            unfilled.extend(short.map(|&line| {
                let wanted = &self.source.wanted.demand.lines[line];
                let quantity = self.left[line];
                (line, Unfilled { line_id: wanted.line_id, item: wanted.item, quantity, why: why.clone() })
            }));
        }
        unfilled.sort_unstable_by_key(|(line, _)| *line);
        unfilled.into_iter().map(|(_, unfilled)| unfilled).collect()
    }

    fn shortage(&self, item: usize) -> Shortage {
        let candidates = self.source.candidates;
        if candidates.is_empty() {
            return Shortage::NoLocation;
        }
        let offers = candidates.iter().filter_map(|candidate| candidate.offer.as_ref());
        let available: u64 = offers.map(|offer| offer.stock[item].units).sum();
        if available == 0 {
            return barrier_of_most_stock(self.source.wanted, item, candidates)
                .map_or(Shortage::NoStock, Shortage::RuledOut);
        }
        // An offer names at most the units wanted, so a sum below the quantity is all there is.
        if available < self.source.wanted.items[item].quantity {
            Shortage::NotEnoughStock { available }
        } else {
            Shortage::NotWorthAShipment
        }
    }

    fn report(&self, candidate: &Candidate<'_>, plan: &Plan<'_>) -> CandidateReport {
        let mut reasons = candidate.reasons.clone();
        let alone = candidate.offer.as_ref().map(|offer| self.alone(offer));
        let late_by = alone.as_ref().and_then(|(alone, _)| self.days_late(alone));
        reasons.extend(late_by.map(|days| Reason::MissesPromise { days }));
        let wanted = self.source.wanted.units();
        let mine = plan.assignments.iter().filter(|a| a.location == candidate.location.id);
        let (units, shipments) = mine.fold((0, 0), |(units, shipments), assignment| {
            let filled: u64 = assignment.lines.iter().map(|line| u64::from(line.quantity)).sum();
            (units + filled, shipments + 1)
        });
        let verdict = match &alone {
            _ if shipments > 0 => Verdict::Chosen { units, shipments },
            None => Verdict::RuledOut,
            Some(_) if late_by.is_some() && !plan.promise_unmet => Verdict::RuledOut,
            Some((alone, total)) if alone.units == wanted => {
                Verdict::Dearer { by: Minor(total.0.saturating_sub(plan.total.0).max(0)) }
            }
            Some((alone, _)) => Verdict::Incomplete { missing: wanted - alone.units },
        };
        let alone = alone.map(|(alone, _)| alone);
        CandidateReport { location: candidate.location.id, miles: candidate.miles, verdict, alone, reasons }
    }

    /// What a location could do by itself, and what that would cost in all.
    fn alone(&self, offer: &Offer) -> (Alone, Minor) {
        let mut cost = CostParts::default();
        let (mut units, mut shipments) = (0, 0);
        for group in 0..self.source.wanted.groups {
            let in_group =
                self.source.wanted.items.iter().zip(&offer.stock).filter(|(item, _)| item.group == group);
            let stock: Vec<&Stock> =
                in_group.map(|(_, stock)| stock).filter(|stock| stock.units > 0).collect();
            if stock.is_empty() || shipments == offer.slots.len() {
                continue;
            }
            cost += shipment_cost(offer, stock.iter().map(|stock| (stock.units, *stock)));
            cost.late_penalty.0 =
                cost.late_penalty.0.saturating_add(to_minor(self.source.late(offer, shipments)).0);
            if shipments > 0 {
                cost.split_penalty.0 = cost.split_penalty.0.saturating_add(self.split_penalty().0);
            }
            units += stock.iter().map(|stock| stock.units).sum::<u64>();
            shipments += 1;
        }
        let alone = Alone {
            units,
            shipments: u32::try_from(shipments).unwrap_or(u32::MAX),
            ship_date: offer.slots.first().copied().unwrap_or_default(),
            promised_date: offer.promised(shipments.saturating_sub(1)),
            transport: cost.transport,
            handling: cost.handling,
        };
        (alone, cost.total())
    }

    fn days_late(&self, alone: &Alone) -> Option<u32> {
        let by = self.source.wanted.demand.promise_by?;
        u32::try_from((alone.promised_date - by).num_days()).ok().filter(|days| *days > 0)
    }
}

/// Transport and handling of one shipment with these units.
fn shipment_cost<'s>(offer: &Offer, units: impl Iterator<Item = (u64, &'s Stock)>) -> CostParts {
    let (mut transport, mut handling) = (offer.base, offer.handling_order);
    for (units, stock) in units {
        transport += Micros::from(units) * stock.unit_transport;
        handling += Micros::from(units) * stock.unit_handling;
    }
    CostParts { transport: to_minor(transport), handling: to_minor(handling), ..CostParts::default() }
}
