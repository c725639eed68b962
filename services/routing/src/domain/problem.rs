//! Sourcing as a facility-location problem: opening a facility (one shipment from one location) costs a fixed
//! amount, each unit carried from it an amount of its own, each unit left over a penalty. Which facilities are open
//! decides everything else, because every item then takes its cheapest open stock first.

use chrono::NaiveDate;

use super::candidate::{Candidate, Offer, Wanted};
use super::cost::{Micros, micros};
use super::demand::Demand;
use super::settings::PolicySettings;

/// What a plan costs that asks a location for more shipments than it has capacity for: more than any real plan.
const IMPOSSIBLE: Micros = 1 << 115;

/// A problem over the groups it was built for.
#[derive(Debug)]
pub(super) struct Problem {
    /// By location, then group.
    pub(super) facilities: Vec<Facility>,
    pub(super) items: Vec<Item>,
    /// Penalty of a unit left over.
    pub(super) unfilled: Micros,
    /// What opening nothing costs besides: fixed costs hold a split penalty each, though the first shipment of an
    /// order bears none, so the order that ships nothing is charged with it instead.
    pub(super) nothing: Micros,
    /// For each location, what its 1st, 2nd, … shipment costs on top. Empty if locations do not limit their facilities.
    pub(super) surcharges: Vec<Vec<Micros>>,
}

/// One shipment that could be made.
#[derive(Debug)]
pub(super) struct Facility {
    /// Index of the candidate.
    pub(super) candidate: usize,
    /// Parcel base, handling of a shipment, split penalty, and late penalty if it cannot be in time.
    pub(super) fixed: Micros,
    pub(super) promised: NaiveDate,
}

/// An item and where it could come from.
#[derive(Debug)]
pub(super) struct Item {
    /// Index of the wanted item.
    pub(super) wanted: usize,
    pub(super) quantity: Micros,
    /// By cost of a unit, then facility.
    pub(super) arcs: Vec<Arc>,
}

/// Stock of an item that becomes usable when its facility opens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arc {
    pub(super) facility: usize,
    pub(super) unit_cost: Micros,
    pub(super) units: Micros,
}

/// What a problem is made from.
pub(super) struct Source<'a> {
    pub(super) wanted: &'a Wanted<'a>,
    pub(super) candidates: &'a [Candidate<'a>],
    pub(super) settings: &'a PolicySettings,
}

impl Source<'_> {
    /// The problem of one group on its own, without the limits that groups set each other.
    pub(super) fn one_group(&self, group: usize) -> Problem {
        let (facilities, items) = self.facilities(|g| g == group);
        let nothing = if self.wanted.groups == 1 { micros(self.settings.split_penalty) } else { 0 };
        let unfilled = micros(self.settings.unfilled_per_unit);
        Problem { facilities, items, unfilled, nothing, surcharges: Vec::new() }
    }

    /// The problem of all groups together, in which shipments of one location compete for its days.
    pub(super) fn all_groups(&self) -> Problem {
        let (facilities, items) = self.facilities(|_| true);
        let surcharges =
            self.candidates.iter().map(|c| c.offer.as_ref().map_or(Vec::new(), |o| self.surcharges(o)));
        Problem {
            facilities,
            items,
            unfilled: micros(self.settings.unfilled_per_unit),
            nothing: micros(self.settings.split_penalty),
            surcharges: surcharges.collect(),
        }
    }

    /// The late penalty of the `n`th shipment from a location.
    pub(super) fn late(&self, offer: &Offer, n: usize) -> Micros {
        let late = is_late(self.wanted.demand, offer.promised(n));
        if late { micros(self.settings.late_per_shipment) } else { 0 }
    }

    fn surcharges(&self, offer: &Offer) -> Vec<Micros> {
        (0..offer.slots.len()).map(|n| self.late(offer, n) - self.late(offer, 0)).collect()
    }

    fn facilities(&self, included: impl Fn(usize) -> bool) -> (Vec<Facility>, Vec<Item>) {
        let unfilled = micros(self.settings.unfilled_per_unit);
        let mut items: Vec<Item> = Vec::new();
        for (wanted, item) in self.wanted.items.iter().enumerate() {
            if included(item.group) {
                items.push(Item { wanted, quantity: item.quantity.into(), arcs: Vec::new() });
            }
        }
        let mut facilities = Vec::new();
        for (candidate, offer) in
            self.candidates.iter().enumerate().filter_map(|(n, c)| Some((n, c.offer.as_ref()?)))
        {
            let split = micros(self.settings.split_penalty);
            let fixed = offer.base + offer.handling_order + split + self.late(offer, 0);
            for group in (0..self.wanted.groups).filter(|group| included(*group)) {
                let facility = facilities.len();
                let mut useful = false;
                for item in items.iter_mut().filter(|item| self.wanted.items[item.wanted].group == group) {
                    let stock = offer.stock[item.wanted];
                    if stock.units > 0 && stock.unit_cost() <= unfilled {
                        useful = true;
                        item.arcs.push(Arc {
                            facility,
                            unit_cost: stock.unit_cost(),
                            units: stock.units.into(),
                        });
                    }
                }
                if useful {
                    facilities.push(Facility { candidate, fixed, promised: offer.promised(0) });
                }
            }
        }
        for item in &mut items {
            item.arcs.sort_unstable_by_key(|arc| (arc.unit_cost, arc.facility));
        }
        (facilities, items)
    }
}

/// Whether an arrival on that date breaks the promise.
pub(super) fn is_late(demand: &Demand, promised: NaiveDate) -> bool {
    demand.promise_by.is_some_and(|by| promised > by)
}

impl Problem {
    /// The cost of a plan that opens exactly these facilities.
    pub(super) fn cost(&self, open: &[bool]) -> Micros {
        let mut total = self.opening_cost(|facility| open[facility]);
        if !open.contains(&true) {
            total += self.nothing;
        }
        for item in &self.items {
            let mut left = item.quantity;
            for arc in item.arcs.iter().filter(|arc| open[arc.facility]) {
                let taken = left.min(arc.units);
                total += taken * arc.unit_cost;
                left -= taken;
                if left == 0 {
                    break;
                }
            }
            total += left * self.unfilled;
        }
        total
    }

    /// What opening these facilities costs before a unit moves.
    pub(super) fn opening_cost(&self, open: impl Fn(usize) -> bool) -> Micros {
        let fixed: Micros =
            (0..self.facilities.len()).filter(|f| open(*f)).map(|f| self.facilities[f].fixed).sum();
        if self.surcharges.is_empty() {
            return fixed;
        }
        let (mut at, mut nth, mut extra) = (usize::MAX, 0, 0);
        for facility in (0..self.facilities.len()).filter(|f| open(*f)) {
            let candidate = self.facilities[facility].candidate;
            nth = if candidate == at { nth + 1 } else { 0 };
            at = candidate;
            let surcharge = self.surcharges[candidate].get(nth).copied().unwrap_or(IMPOSSIBLE);
            extra = (extra + surcharge).min(IMPOSSIBLE);
        }
        fixed + extra
    }

    /// Whether facilities limit each other.
    pub(super) fn has_limits(&self) -> bool {
        !self.surcharges.is_empty()
    }

    /// The arcs by item and facility.
    pub(super) fn table(&self) -> Vec<Vec<Option<Arc>>> {
        let row = |item: &Item| {
            let mut row = vec![None; self.facilities.len()];
            for arc in &item.arcs {
                row[arc.facility] = Some(*arc);
            }
            row
        };
        self.items.iter().map(row).collect()
    }

    /// Whether a cost is one that no real plan has.
    pub(super) fn is_impossible(cost: Micros) -> bool {
        cost >= IMPOSSIBLE
    }

    /// Each item's units by facility, the cheapest first: (wanted item, facility, units).
    pub(super) fn loads<'a>(&'a self, open: &'a [bool]) -> impl Iterator<Item = (usize, usize, Micros)> + 'a {
        self.items.iter().flat_map(move |item| {
            item.arcs.iter().filter(|arc| open[arc.facility]).scan(item.quantity, move |left, arc| {
                let taken = (*left).min(arc.units);
                *left -= taken;
                (taken > 0).then_some((item.wanted, arc.facility, taken))
            })
        })
    }

    /// How many arcs one evaluation looks at: the unit in which work is counted.
    pub(super) fn size(&self) -> u64 {
        let arcs: usize = self.items.iter().map(|item| item.arcs.len() + 1).sum();
        (arcs + self.facilities.len()) as u64
    }
}
