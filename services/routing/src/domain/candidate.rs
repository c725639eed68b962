//! What each location could do for an order: which units, at what price, on which days, or why not. The rules of
//! eligibility are here and nowhere else.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, NaiveDate, Utc};
use qm_ids::{ItemId, LocationId};

use super::World;
use super::calendar::{days_after, first_ship_date, free_slots};
use super::cost::{Micros, micros};
use super::demand::{Demand, DemandLine, FulfilmentKind, StorageClass};
use super::explain::Reason;
use super::location::{Location, LocationKind};
use super::settings::PolicySettings;
use super::tariff::{Lane, TariffRow, unit_weight_cost};

/// The demand with lines of one item taken together, and the groups that its parcels fall into.
pub(super) struct Wanted<'a> {
    pub(super) demand: &'a Demand,
    pub(super) items: Vec<WantedItem<'a>>,
    /// How many groups of units may not travel together: one for each storage class, or one for a collection.
    pub(super) groups: usize,
}

/// All units of one item.
pub(super) struct WantedItem<'a> {
    pub(super) facts: &'a DemandLine,
    pub(super) quantity: u64,
    pub(super) group: usize,
    /// Indices of its lines, ascending.
    pub(super) lines: Vec<usize>,
    stock: Option<&'a BTreeMap<LocationId, u32>>,
}

/// A location and what it could do.
pub(super) struct Candidate<'a> {
    pub(super) location: &'a Location,
    /// Unknown when the location or the destination has no point.
    pub(super) miles: Option<u32>,
    /// Absent if it can do nothing at all.
    pub(super) offer: Option<Offer>,
    /// What limits it, each reason once.
    pub(super) reasons: Vec<Reason>,
}

/// What a location could do, and its prices on the exact scale.
pub(super) struct Offer {
    /// What it could fill, one entry per wanted item.
    pub(super) stock: Vec<Stock>,
    /// Price of a parcel before its weight.
    pub(super) base: Micros,
    pub(super) handling_order: Micros,
    /// Dates of its next free shipments, at least one, at most one per group.
    pub(super) slots: Vec<NaiveDate>,
    pub(super) transit_days: u16,
}

/// Units of one item at one location.
#[derive(Clone, Copy, Default)]
pub(super) struct Stock {
    /// Usable units, at most those wanted.
    pub(super) units: u64,
    pub(super) unit_transport: Micros,
    pub(super) unit_handling: Micros,
}

impl Stock {
    pub(super) fn unit_cost(&self) -> Micros {
        self.unit_transport + self.unit_handling
    }
}

impl Offer {
    /// When the `n`th shipment from here arrives; the last slot's date beyond them.
    pub(super) fn promised(&self, n: usize) -> NaiveDate {
        let ship_date = self.slots.get(n).or(self.slots.last()).copied().unwrap_or(NaiveDate::MAX);
        days_after(ship_date, self.transit_days.into())
    }
}

impl<'a> Wanted<'a> {
    pub(super) fn new(demand: &'a Demand, world: &World<'a>) -> Self {
        let classes: Vec<StorageClass> = match demand.kind {
            FulfilmentKind::Pickup { .. } => Vec::new(),
            FulfilmentKind::Ship => {
                let mut classes: Vec<_> =
                    demand.lines.iter().filter(|l| l.quantity > 0).map(|l| l.storage).collect();
                classes.sort_unstable();
                classes.dedup();
                classes
            }
        };
        let mut items: Vec<WantedItem<'a>> = Vec::with_capacity(demand.lines.len());
        let mut position: HashMap<ItemId, usize> = HashMap::with_capacity(demand.lines.len());
        for (index, line) in demand.lines.iter().enumerate().filter(|(_, line)| line.quantity > 0) {
            let at = *position.entry(line.item).or_insert_with(|| {
                let group = classes.iter().position(|class| *class == line.storage).unwrap_or(0);
                let stock = world.availability.of(line.item);
                items.push(WantedItem { facts: line, quantity: 0, group, lines: Vec::new(), stock });
                items.len() - 1
            });
            items[at].quantity += u64::from(line.quantity);
            items[at].lines.push(index);
        }
        Self { demand, items, groups: classes.len().max(1) }
    }

    pub(super) fn units(&self) -> u64 {
        self.items.iter().map(|item| item.quantity).sum()
    }
}

impl WantedItem<'_> {
    fn available(&self, location: LocationId) -> u64 {
        self.stock.and_then(|units| units.get(&location)).copied().unwrap_or(0).into()
    }

    /// What keeps a location from filling any unit of the item, stock apart.
    fn barrier(&self, location: &Location, demand: &Demand) -> Option<Reason> {
        let excluded = |e: &&super::Exclusion| e.location == location.id && e.item == Some(self.facts.item);
        if demand.exclusions.iter().any(|e| excluded(&e)) {
            return Some(Reason::ItemExcluded);
        }
        if !location.storage.contains(&self.facts.storage) {
            return Some(Reason::CannotStore { class: self.facts.storage });
        }
        if let Some(class) = &self.facts.restricted
            && !location.compliance.contains(class)
        {
            return Some(Reason::NotLicensed { class: class.clone() });
        }
        (location.kind == LocationKind::Supplier && !self.facts.drop_ship).then_some(Reason::NotDropShip)
    }
}

/// Judges every location that the order may look at, in the order of their ids.
pub(super) fn screen<'a>(
    wanted: &Wanted<'_>,
    world: &World<'a>,
    settings: &PolicySettings,
) -> Vec<Candidate<'a>> {
    let demand = wanted.demand;
    let mut locations: Vec<&Location> = match demand.kind {
        FulfilmentKind::Ship => world.locations.iter().collect(),
        FulfilmentKind::Pickup { location } => world.locations.iter().filter(|l| l.id == location).collect(),
    };
    locations.sort_unstable_by_key(|location| location.id);
    locations.dedup_by_key(|location| location.id);
    let lane = world.tariff.lane(&demand.service_level, &demand.destination);
    let screening = Screening { wanted, world, settings, lane, start: world.now.max(demand.placed_at) };
    locations.into_iter().map(|location| screening.judge(location)).collect()
}

/// The location with most stock of an item among those that may not fill it, and what keeps it from doing so.
pub(super) fn barrier_of_most_stock(
    wanted: &Wanted<'_>,
    item: usize,
    candidates: &[Candidate<'_>],
) -> Option<Reason> {
    let wanted_item = &wanted.items[item];
    let holders = candidates.iter().filter(|c| wanted_item.available(c.location.id) > 0);
    let most = holders.reduce(|best, c| {
        if wanted_item.available(c.location.id) > wanted_item.available(best.location.id) { c } else { best }
    })?;
    location_barrier(most.location, wanted.demand)
        .or_else(|| wanted_item.barrier(most.location, wanted.demand))
        .or_else(|| most.reasons.last().cloned())
}

/// What keeps a location from filling anything of the order, whatever it holds.
fn location_barrier(location: &Location, demand: &Demand) -> Option<Reason> {
    if !location.active {
        return Some(Reason::Inactive);
    }
    match demand.kind {
        FulfilmentKind::Ship if !location.can_ship => return Some(Reason::CannotShip),
        FulfilmentKind::Pickup { .. } if !location.can_pickup => return Some(Reason::CannotPickUp),
        FulfilmentKind::Ship | FulfilmentKind::Pickup { .. } => {}
    }
    let excluded = demand.exclusions.iter().any(|e| e.location == location.id && e.item.is_none());
    excluded.then_some(Reason::Excluded)
}

struct Screening<'s, 'a> {
    wanted: &'s Wanted<'s>,
    world: &'s World<'a>,
    settings: &'s PolicySettings,
    lane: Lane<'a>,
    start: DateTime<Utc>,
}

impl Screening<'_, '_> {
    fn judge<'a>(&self, location: &'a Location) -> Candidate<'a> {
        let (from, to) = (location.point, self.wanted.demand.destination.point);
        let miles = from.zip(to).map(|(from, to)| from.miles_to(to));
        let mut reasons = Vec::new();
        let offer = self.offer(location, miles, &mut reasons);
        Candidate { location, miles, offer, reasons }
    }

    /// Cheap questions first: most locations fail for want of stock, before dates and prices are looked at.
    fn offer(&self, location: &Location, miles: Option<u32>, reasons: &mut Vec<Reason>) -> Option<Offer> {
        let demand = self.wanted.demand;
        if let Some(reason) = location_barrier(location, demand) {
            reasons.push(reason);
            return None;
        }
        let units = self.usable_units(location, reasons)?;
        let (base, transit_days, per_pound) = match demand.kind {
            FulfilmentKind::Pickup { .. } => (0, 0, 0),
            FulfilmentKind::Ship => match self.lane.rate(miles) {
                Some(TariffRow { base, transit_days, per_pound, .. }) => {
                    (micros(*base), *transit_days, *per_pound)
                }
                None => {
                    reasons.push(Reason::NoTariff);
                    return None;
                }
            },
        };
        let lookahead = self.settings.capacity_lookahead_days;
        let slots = free_slots(location, self.start, self.world.capacity, lookahead, self.wanted.groups);
        if slots.is_empty() {
            let until = days_after(first_ship_date(location, self.start), lookahead.into());
            reasons.push(Reason::CapacityExhausted { until });
            return None;
        }
        let unit_handling = micros(location.handling_unit);
        let price = |(units, item): (u64, &WantedItem<'_>)| match units {
            0 => Stock::default(),
            _ => Stock {
                units,
                unit_transport: unit_weight_cost(per_pound, item.facts.weight_grams),
                unit_handling,
            },
        };
        let stock = units.into_iter().zip(&self.wanted.items).map(price).collect();
        Some(Offer { stock, base, handling_order: micros(location.handling_order), slots, transit_days })
    }

    /// Units it could fill of each item, or `None` if nothing of any.
    fn usable_units(&self, location: &Location, reasons: &mut Vec<Reason>) -> Option<Vec<u64>> {
        let mut note = |reason: Reason| {
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        };
        let usable = |item: &WantedItem<'_>| {
            let available = item.available(location.id);
            if let Some(reason) = item.barrier(location, self.wanted.demand) {
                note(reason);
                return 0;
            }
            match available {
                0 => note(Reason::NoStock),
                some if some < item.quantity => note(Reason::NotEnoughStock),
                _ => {}
            }
            available.min(item.quantity)
        };
        let units: Vec<u64> = self.wanted.items.iter().map(usable).collect();
        units.iter().any(|units| *units > 0).then_some(units)
    }
}
