//! The same weeks under a planned policy, and under a reorder point that was set once.

use qm_inventory::planning::{
    Demand, FixedPoint, LeadTime, Outcome, Planned, Practice, Replenish, Supply, economic_quantity, replay,
};
use serde::Serialize;

use super::history::History;

/// Money.
#[derive(Clone, Copy)]
pub(super) struct Costs {
    /// An order, whatever it brings.
    pub(super) per_order: f64,
    /// A unit.
    pub(super) unit: f64,
    /// A unit and day in stock.
    pub(super) holding: f64,
}

/// What became of stock, under both policies.
#[derive(Debug, Serialize)]
pub(super) struct Stock {
    pub(super) planned: Figures,
    /// At the same share of units sold, or the highest that was found.
    pub(super) fixed: Figures,
    /// What the fixed point keeps beyond a mean lead time's demand, in deviations of it.
    pub(super) fixed_safety_factor: f64,
    /// Whether the fixed point sells as large a share as planning does.
    pub(super) fixed_sells_as_much: bool,
}

/// Of all series together.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    /// Share of the units asked for that were sold.
    pub(super) fill_rate: f64,
    /// Share of the times between two deliveries in which stock lasted.
    pub(super) service: f64,
    /// Share of the periods, of all series, in which somebody asked in vain.
    pub(super) stockouts: f64,
    /// Units.
    pub(super) average_stock: f64,
    pub(super) average_stock_value: f64,
    /// Times a year that the stock is sold.
    pub(super) turns: f64,
    pub(super) orders: u64,
    pub(super) ordering_cost: f64,
    pub(super) holding_cost: f64,
    /// Units asked for in vain.
    pub(super) not_sold: u64,
}

/// Safety factors between which the fixed point is looked for.
const FACTORS: (f64, f64) = (-5.0, 60.0);
/// Halvings of that: to a thousandth.
const STEPS: usize = 16;

impl Stock {
    pub(super) fn of(
        history: &History,
        before: &[Demand],
        practice: &Practice,
        supply: &Supply,
        lead: LeadTime,
        service: f64,
        costs: Costs,
    ) -> Self {
        let planned = sum(history, before, supply, |_| Planned {
            practice,
            learnt: before.first().map_or(0, Demand::len),
            service,
            lead,
            review_days: supply.review_days,
            terms: supply.terms,
            per_order: costs.per_order,
            holding: costs.holding,
        });
        let fixed = |factor: f64| {
            sum(history, before, supply, |before| fixed_point(history, before, supply, lead, factor, costs))
        };
        let (mut low, mut high) = FACTORS;
        for _ in 0..STEPS {
            let middle = (low + high) / 2.0;
            if fixed(middle).fill_rate() < planned.fill_rate() {
                low = middle;
            } else {
                high = middle;
            }
        }
        let enough = fixed(high);
        Self {
            planned: Figures::of(&planned, history, costs),
            fixed: Figures::of(&enough, history, costs),
            fixed_safety_factor: high,
            fixed_sells_as_much: enough.fill_rate() >= planned.fill_rate(),
        }
    }
}

/// The textbook's reorder point: the mean demand of lead and review time, and so many of its deviations more; the economic
/// quantity at each order. Both from what was seen before the replay.
fn fixed_point(
    history: &History,
    before: &Demand,
    supply: &Supply,
    lead: LeadTime,
    factor: f64,
    costs: Costs,
) -> FixedPoint {
    let seen = before.since_first();
    let periods = (lead.days() + f64::from(supply.review_days)) / f64::from(history.period.days());
    let deviation = (seen.variance().unwrap_or(0.0) * periods).sqrt();
    let point = (seen.mean() * periods + factor * deviation).ceil().max(0.0);
    let daily = seen.mean() / f64::from(history.period.days());
    let quantity = economic_quantity(costs.per_order, daily, costs.holding).unwrap_or(0.0).ceil();
    FixedPoint { point: point as u64, quantity: supply.terms.at_least(quantity as u64) }
}

fn sum<P: Replenish>(
    history: &History,
    before: &[Demand],
    supply: &Supply,
    policy: impl Fn(&Demand) -> P,
) -> Outcome {
    let mut sum = Outcome::default();
    for (series, before) in history.series.iter().zip(before) {
        sum += replay(series, history.period, before.len(), supply, &mut policy(before));
    }
    sum
}

impl Figures {
    fn of(outcome: &Outcome, history: &History, costs: Costs) -> Self {
        let series = history.series.len().max(1) as f64;
        // Periods of one series: all have the same.
        let periods = (outcome.periods as f64 / series).max(1.0);
        let days = periods * f64::from(history.period.days());
        let average_stock = outcome.held as f64 / periods;
        let sold_a_year = outcome.sold as f64 / days * 365.0;
        Self {
            fill_rate: outcome.fill_rate(),
            service: outcome.service(),
            stockouts: outcome.stockouts as f64 / outcome.periods.max(1) as f64,
            average_stock,
            average_stock_value: average_stock * costs.unit,
            turns: if average_stock > 0.0 { sold_a_year / average_stock } else { 0.0 },
            orders: outcome.orders,
            ordering_cost: outcome.orders as f64 * costs.per_order,
            holding_cost: average_stock * days * costs.holding,
            not_sold: outcome.asked - outcome.sold,
        }
    }
}
