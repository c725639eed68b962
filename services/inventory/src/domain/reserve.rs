//! Claiming the units of a plan: all, or nothing.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use qm_ids::{LocationId, OrderId, PlanId, TenantId};

use super::{
    book::{Book, Cause, Delta},
    event::{Event, Shortage},
    reservation::{Leg, LineUnits, Reservation, State, reservation_id},
    stock::{StockKey, stock_id},
};

/// Units that a plan gives to a location.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedUnits {
    /// Where.
    pub location: LocationId,
    /// The units.
    pub units: LineUnits,
    /// Local date by which they arrive; none when nothing is promised.
    pub promised: Option<NaiveDate>,
}

/// A plan that asks for its units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Whose.
    pub tenant: TenantId,
    /// The plan.
    pub id: PlanId,
    /// The order.
    pub order: OrderId,
    /// The attempt that it answers.
    pub attempt: i32,
    /// Of the order.
    pub priority: i32,
    /// True when it may draw on what is held for backordered units.
    pub for_backorder: bool,
    /// When it was made.
    pub planned_at: DateTime<Utc>,
    /// As announced, encoded.
    pub announced: Vec<u8>,
    /// The units, in the plan's order.
    pub units: Vec<PlannedUnits>,
}

/// Units that a plan wants of each stock row: one of its entries, and the sum.
pub(super) type Wanted = BTreeMap<StockKey, (PlannedUnits, i64)>;

impl Book {
    /// Claims all units of a plan, or nothing. A plan that comes again is answered again: with `Reserved` while
    /// something of it is claimed, and with a `Rejected` without shortages once nothing is.
    pub fn reserve(&mut self, plan: &Plan, cause: &Cause) {
        self.begin(plan.tenant, cause);
        let reservation = reservation_id(plan.id);
        let key = (plan.tenant, reservation);
        if let Some(known) = self.reservations().get(&key) {
            let announced = known.announced.clone();
            if self.is_live(key) {
                self.tell(Event::Reserved { reservation, order: plan.order, announced });
            } else {
                self.reject(plan, Vec::new());
            }
            return;
        }
        let wanted = self.wanted(plan);
        let shortages = self.shortages(plan, &wanted);
        if !shortages.is_empty() {
            let shortages = shortages.into_iter().map(|(_, shortage)| shortage).collect();
            self.reject(plan, shortages);
            return;
        }
        self.claim(plan, wanted, &mut BTreeMap::new());
        self.tell(Event::Reserved { reservation, order: plan.order, announced: plan.announced.clone() });
        self.settle();
    }

    /// What a plan wants of each stock row, with units that stand for it.
    pub(super) fn wanted(&self, plan: &Plan) -> Wanted {
        let mut wanted = Wanted::new();
        for units in plan.units.iter().filter(|units| self.is_stocked(plan.tenant, units)) {
            let key = (plan.tenant, stock_id(units.units.item, units.location));
            let sum = &mut wanted.entry(key).or_insert((*units, 0)).1;
            *sum = sum.saturating_add(units.units.quantity);
        }
        wanted
    }

    /// Stock rows that have less than is wanted of them.
    pub(super) fn shortages(&self, plan: &Plan, wanted: &Wanted) -> Vec<(StockKey, Shortage)> {
        let shortage = |(key, (units, requested)): (&StockKey, &(PlannedUnits, i64))| {
            let held =
                if plan.for_backorder { self.holds_at(*key).map(|hold| hold.quantity).sum() } else { 0 };
            let available = self.available(*key) + held;
            let shortage = || Shortage {
                location: units.location,
                item: units.units.item,
                requested: *requested,
                available,
            };
            (available < *requested).then(|| (*key, shortage()))
        };
        wanted.iter().filter_map(shortage).collect()
    }

    /// Makes the reservation of a plan. Units that `short` says are missing count as broken from the beginning, and are taken
    /// out of it.
    pub(super) fn claim(&mut self, plan: &Plan, wanted: Wanted, short: &mut BTreeMap<StockKey, i64>) {
        let reservation = reservation_id(plan.id);
        for (key, (_, requested)) in wanted {
            let claimed = requested - short.get(&key).copied().unwrap_or(0);
            let drawn = if plan.for_backorder { self.draw_holds(key, claimed) } else { 0 };
            let delta = Delta { allocated: claimed, soft_reserved: -drawn, sellable: 0 };
            if claimed > 0 {
                self.record(key, "allocate", delta, "reserved", &reservation.to_string());
            }
        }
        for (position, units) in (0..).zip(&plan.units) {
            let missing = short.get_mut(&(plan.tenant, stock_id(units.units.item, units.location)));
            let broken = missing.map_or(0, |missing| {
                let broken = units.units.quantity.min(*missing);
                *missing -= broken;
                broken
            });
            self.add_leg(Leg {
                tenant: plan.tenant,
                reservation,
                position,
                location: units.location,
                line: units.units.line,
                item: units.units.item,
                quantity: units.units.quantity,
                released: 0,
                issued: 0,
                broken,
                promised: units.promised,
                stocked: self.is_stocked(plan.tenant, units),
                picked: false,
            });
        }
        self.add_reservation(Reservation {
            tenant: plan.tenant,
            id: reservation,
            plan: plan.id,
            order: plan.order,
            attempt: plan.attempt,
            priority: plan.priority,
            state: State::Live,
            planned_at: plan.planned_at,
            announced: plan.announced.clone(),
        });
    }

    fn reject(&mut self, plan: &Plan, shortages: Vec<Shortage>) {
        let (order, attempt, plan) = (plan.order, plan.attempt, plan.id);
        self.tell(Event::Rejected { order, attempt, plan, shortages });
    }

    /// An item that we do not know has no stock, rather than needing none.
    fn is_stocked(&self, tenant: TenantId, units: &PlannedUnits) -> bool {
        self.item(tenant, units.units.item).is_none_or(|facts| facts.stocked)
    }
}
