//! What a policy would have come to: history replayed period by period.

use std::collections::BTreeMap;

use super::demand::{Demand, Period};
use super::levels::{LeadTime, Levels, OrderTerms, economic_quantity};
use super::practice::Practice;

/// How goods come.
#[derive(Clone, Debug, PartialEq)]
pub struct Supply {
    /// Days from order to shelf of the first order, the second, … and from the first again.
    pub lead_days: Vec<u32>,
    /// Stock is looked at every so many days.
    pub review_days: u32,
    /// What the supplier asks of an order.
    pub terms: OrderTerms,
}

/// What a policy sees when it looks.
#[derive(Clone, Copy, Debug)]
pub struct Shelf<'a> {
    /// Sales of each period up to now. One at whose end nothing was left is censored, unless as much was sold in it as in others:
    /// it shows that so much was asked for at least.
    pub sold: &'a Demand,
    /// Units in stock and on their way.
    pub position: u64,
}

/// Decides how much to order.
pub trait Replenish {
    /// The stock to begin with, having seen the history before.
    fn opening(&mut self, before: &Demand) -> u64;
    /// Units to order now.
    fn order(&mut self, shelf: Shelf<'_>) -> u64;
}

/// What came of a replay. Sums of several items are the outcome of all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Periods.
    pub periods: u64,
    /// Periods in which somebody asked in vain.
    pub stockouts: u64,
    /// Units asked for, as far as it is known.
    pub asked: u64,
    /// Units sold: what is not there is not sold later.
    pub sold: u64,
    /// Units in stock at the end of each period, added up.
    pub held: u64,
    /// Orders.
    pub orders: u64,
    /// Deliveries.
    pub deliveries: u64,
    /// Deliveries before which, since the one before, somebody asked in vain.
    pub late_deliveries: u64,
    /// Units that came.
    pub received: u64,
    /// Units in stock before the first period.
    pub opening: u64,
    /// Units in stock after the last period.
    pub closing: u64,
}

impl Outcome {
    /// The share of the times between two deliveries in which stock lasted: the service. 1 if there was no delivery.
    pub fn service(&self) -> f64 {
        if self.deliveries == 0 { 1.0 } else { 1.0 - self.late_deliveries as f64 / self.deliveries as f64 }
    }

    /// The share of units asked for that were sold; 1 if none was.
    pub fn fill_rate(&self) -> f64 {
        if self.asked == 0 { 1.0 } else { self.sold as f64 / self.asked as f64 }
    }
}

impl std::ops::AddAssign for Outcome {
    fn add_assign(&mut self, other: Self) {
        for (sum, other) in [
            (&mut self.periods, other.periods),
            (&mut self.stockouts, other.stockouts),
            (&mut self.asked, other.asked),
            (&mut self.sold, other.sold),
            (&mut self.held, other.held),
            (&mut self.orders, other.orders),
            (&mut self.deliveries, other.deliveries),
            (&mut self.late_deliveries, other.late_deliveries),
            (&mut self.received, other.received),
            (&mut self.opening, other.opening),
            (&mut self.closing, other.closing),
        ] {
            *sum = sum.saturating_add(other);
        }
    }
}

/// Replays what was asked for from the period `from` on; what is not known was nothing, and no policy takes it for demand. First
/// goods arrive, then customers come; at the end of a period in which it is due, stock is looked at, and what is ordered arrives
/// when its lead time has passed. The policy sees sales only. Days count as the next whole number of periods.
pub fn replay(
    asked: &[Option<u64>],
    period: Period,
    from: usize,
    supply: &Supply,
    policy: &mut impl Replenish,
) -> Outcome {
    let periods = |days: u32| days.div_ceil(period.days()) as usize;
    let from = from.min(asked.len());
    let mut sold = Sales::of(&asked[..from]);
    let mut stock = policy.opening(&sold.demand);
    let mut outcome = Outcome { opening: stock, ..Outcome::default() };
    let mut coming: BTreeMap<usize, u64> = BTreeMap::new();
    let mut leads = supply.lead_days.iter().cycle();
    let mut in_vain = false;
    for (now, wanted) in asked.iter().enumerate().skip(from) {
        if let Some(arrived) = coming.remove(&now) {
            stock = stock.saturating_add(arrived);
            outcome.received = outcome.received.saturating_add(arrived);
            outcome.deliveries += 1;
            outcome.late_deliveries += u64::from(std::mem::take(&mut in_vain));
        }
        let units = wanted.unwrap_or(0);
        let taken = stock.min(units);
        stock -= taken;
        in_vain |= taken < units;
        sold.add(taken, wanted.is_some(), stock == 0);
        outcome.periods += 1;
        outcome.stockouts += u64::from(taken < units);
        outcome.asked = outcome.asked.saturating_add(units);
        outcome.sold += taken;
        outcome.held = outcome.held.saturating_add(stock);
        if (now - from + 1).is_multiple_of(periods(supply.review_days).max(1)) {
            let on_its_way = coming.values().fold(0_u64, |sum, units| sum.saturating_add(*units));
            let position = stock.saturating_add(on_its_way);
            let units = policy.order(Shelf { sold: &sold.demand, position });
            if units > 0 {
                let lead = periods(leads.next().copied().unwrap_or(0));
                let arriving = coming.entry(now + 1 + lead).or_default();
                *arriving = arriving.saturating_add(units);
                outcome.orders += 1;
            }
        }
    }
    outcome.closing = stock;
    outcome
}

/// Sales as they come, with what is needed to tell whether an emptied shelf hides demand.
struct Sales {
    demand: Demand,
    sum: f64,
    seen: f64,
}

impl Sales {
    fn of(asked: &[Option<u64>]) -> Self {
        let demand = Demand::new(asked.iter().copied());
        let seen = demand.seen() as f64;
        Self { sum: demand.mean() * seen, seen, demand }
    }

    fn add(&mut self, taken: u64, is_known: bool, is_empty: bool) {
        let taken = taken as f64;
        let is_told =
            is_known && (!is_empty || taken * self.seen.max(1.0) >= self.sum.max(f64::MIN_POSITIVE));
        if is_told {
            self.sum += taken;
            self.seen += 1.0;
        }
        self.demand.push(is_told.then_some(taken));
    }
}

/// Plans anew at each look: an outlook from what was sold, levels from it.
#[derive(Clone, Debug)]
pub struct Planned<'a> {
    /// Learnt from what was known before the replay.
    pub practice: &'a Practice,
    /// Periods of that.
    pub learnt: usize,
    /// Share of the times between two deliveries in which stock shall last.
    pub service: f64,
    /// What is known of lead times.
    pub lead: LeadTime,
    /// Days.
    pub review_days: u32,
    /// Of an order.
    pub terms: OrderTerms,
    /// Money an order, whatever it brings.
    pub per_order: f64,
    /// Money a unit and day.
    pub holding: f64,
}

impl Planned<'_> {
    fn levels(&self, seen: &Demand) -> Levels {
        let outlook = self.practice.outlook(seen, seen.len().saturating_sub(self.learnt));
        let quantity = economic_quantity(self.per_order, outlook.weekly() / 7.0, self.holding).unwrap_or(0.0);
        Levels::of(&outlook, self.practice, self.service, self.lead, self.review_days.into(), quantity)
    }
}

impl Replenish for Planned<'_> {
    fn opening(&mut self, before: &Demand) -> u64 {
        self.levels(before).order_up_to
    }

    fn order(&mut self, shelf: Shelf<'_>) -> u64 {
        self.levels(shelf.sold).order(shelf.position, self.terms)
    }
}

/// Orders a fixed quantity below a fixed point, several times where one does not reach it; both set once: what is done without
/// planning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixedPoint {
    /// Below it, an order is made.
    pub point: u64,
    /// Units of an order.
    pub quantity: u64,
}

impl Replenish for FixedPoint {
    fn opening(&mut self, _: &Demand) -> u64 {
        self.point.saturating_add(self.quantity)
    }

    fn order(&mut self, shelf: Shelf<'_>) -> u64 {
        let missing = self.point.saturating_sub(shelf.position);
        if self.quantity == 0 {
            missing
        } else {
            missing.div_ceil(self.quantity).saturating_mul(self.quantity)
        }
    }
}
