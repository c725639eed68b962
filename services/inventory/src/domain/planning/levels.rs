//! When to buy, and how much.

use super::outlook::Outlook;
use super::practice::Practice;

/// How long goods take from the order to the shelf.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LeadTime {
    days: f64,
    deviation: f64,
}

impl LeadTime {
    /// Always so many days.
    pub fn fixed(days: u32) -> Self {
        Self { days: f64::from(days), deviation: 0.0 }
    }

    /// Of the days that past orders took; none if there are none.
    pub fn of(days: &[u32]) -> Option<Self> {
        let count = days.len() as f64;
        let mean = days.iter().map(|days| f64::from(*days)).sum::<f64>() / count;
        let squares = days.iter().map(|days| (f64::from(*days) - mean).powi(2)).sum::<f64>();
        let deviation = if days.len() > 1 { (squares / (count - 1.0)).sqrt() } else { 0.0 };
        (!days.is_empty()).then_some(Self { days: mean, deviation })
    }

    /// The mean, days.
    pub fn days(&self) -> f64 {
        self.days
    }

    /// Days.
    pub fn deviation(&self) -> f64 {
        self.deviation
    }
}

/// What a supplier asks of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderTerms {
    /// Units come in packs of so many; at least 1.
    pub pack: u64,
    /// The fewest units.
    pub minimum: u64,
}

impl OrderTerms {
    /// The least order that the terms allow and that has `units`; nothing for nothing.
    pub fn at_least(&self, units: u64) -> u64 {
        if units == 0 {
            return 0;
        }
        let pack = self.pack.max(1);
        units.max(self.minimum).div_ceil(pack).saturating_mul(pack)
    }
}

/// The two levels of an (s, S) policy: below the first an order brings stock, with what is on its way, up to the second
/// (Arrow, Harris and Marschak 1951; Scarf 1960: of least cost where an order has a cost of its own).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Levels {
    /// s: what has to last until goods come that are ordered at the next look, with the probability asked for.
    pub reorder_point: u64,
    /// S: never below s.
    pub order_up_to: u64,
}

impl Levels {
    /// For an outlook: to last in a share `service` of the times between two deliveries, looked at every `review_days` days,
    /// ordering about `quantity` units at a time.
    ///
    /// An order comes when stock has fallen below s, by half of what a review's time sells on average; so that much of the
    /// quantity is in the shortfall already, and is not added to s again.
    pub fn of(
        outlook: &Outlook,
        practice: &Practice,
        service: f64,
        lead: LeadTime,
        review_days: f64,
        quantity: f64,
    ) -> Self {
        let asked = outlook.until_replenished(lead, review_days);
        let reorder_point = asked.quantile(practice.aim(service, lead.days() + review_days));
        let shortfall = outlook.weekly() / 7.0 * review_days / 2.0;
        let more = (quantity - shortfall).max(0.0).round() as u64;
        Self { reorder_point, order_up_to: reorder_point.saturating_add(more) }
    }

    /// How much to order with so many units in stock and on their way, less those that are promised.
    pub fn order(&self, position: u64, terms: OrderTerms) -> u64 {
        if position >= self.reorder_point { 0 } else { terms.at_least(self.order_up_to - position) }
    }
}

/// The quantity at which an order's own cost and the cost of holding what it brings are least together: √(2 · K · D / h)
/// (Harris 1913), for `per_order` of money an order, `daily` units a day, and `holding` of the same money a unit and day; 2³² units
/// at most. None if holding costs nothing.
pub fn economic_quantity(per_order: f64, daily: f64, holding: f64) -> Option<f64> {
    let quantity = (2.0 * per_order * daily.max(0.0) / holding).sqrt();
    (holding > 0.0 && quantity.is_finite()).then(|| quantity.min(f64::from(u32::MAX)))
}
