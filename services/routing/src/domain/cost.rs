//! Costs: what a plan costs, in parts, and the exact scale that plans are compared on.

use std::ops::{Add, AddAssign};

use qm_money::Minor;
use serde::{Deserialize, Serialize};

/// Millionths of a minor unit: the scale that plans are compared on, so that rounding never decides between two.
pub type Micros = i128;

const MICROS_PER_MINOR: Micros = 1_000_000;

/// The highest price of a unit or a parcel that is told apart: 10^12 minor units. It keeps every sum in range.
pub(super) const MAX_PRICE: Micros = MICROS_PER_MINOR * 1_000_000_000_000;

/// The parts of a cost, each in minor units of the tenant's routing currency.
///
/// Transport and handling are spent; the penalties are what the policy counts against a plan. Each part of each
/// shipment is rounded half up on its own, so a total is within half a minor unit per shipment of the exact cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CostParts {
    /// What the carrier asks.
    #[serde(rename = "transport_minor")]
    pub transport: Minor,
    /// What the locations' work costs.
    #[serde(rename = "handling_minor")]
    pub handling: Minor,
    /// Counted for each shipment after the first.
    #[serde(rename = "split_penalty_minor", default, skip_serializing_if = "is_zero")]
    pub split_penalty: Minor,
    /// Counted for each shipment that arrives after the promise.
    #[serde(rename = "late_penalty_minor", default, skip_serializing_if = "is_zero")]
    pub late_penalty: Minor,
    /// Counted for each unit that nobody fills.
    #[serde(rename = "unfilled_penalty_minor", default, skip_serializing_if = "is_zero")]
    pub unfilled_penalty: Minor,
}

impl CostParts {
    /// What the policy minimises: money spent and penalties.
    pub fn total(&self) -> Minor {
        let penalties =
            self.split_penalty.0.saturating_add(self.late_penalty.0).saturating_add(self.unfilled_penalty.0);
        Minor(self.spent().0.saturating_add(penalties))
    }

    /// Money that changes hands: transport and handling.
    pub fn spent(&self) -> Minor {
        Minor(self.transport.0.saturating_add(self.handling.0))
    }
}

impl Add for CostParts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let sum = |a: Minor, b: Minor| Minor(a.0.saturating_add(b.0));
        Self {
            transport: sum(self.transport, other.transport),
            handling: sum(self.handling, other.handling),
            split_penalty: sum(self.split_penalty, other.split_penalty),
            late_penalty: sum(self.late_penalty, other.late_penalty),
            unfilled_penalty: sum(self.unfilled_penalty, other.unfilled_penalty),
        }
    }
}

impl AddAssign for CostParts {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

fn is_zero(amount: &Minor) -> bool {
    amount.0 == 0
}

/// A price on the exact scale, from nothing to [`MAX_PRICE`].
pub(super) fn micros(price: Minor) -> Micros {
    (Micros::from(price.0) * MICROS_PER_MINOR).clamp(0, MAX_PRICE)
}

/// Rounds half up to minor units; what exceeds their range saturates.
pub(super) fn to_minor(exact: Micros) -> Minor {
    let rounded = (exact + MICROS_PER_MINOR / 2).div_euclid(MICROS_PER_MINOR);
    Minor(i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN } else { i64::MAX }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_round_up_and_what_is_too_large_saturates() {
        assert_eq!(to_minor(1_499_999), Minor(1));
        assert_eq!(to_minor(1_500_000), Minor(2));
        assert_eq!(to_minor(Micros::from(i64::MAX) * 2_000_000), Minor(i64::MAX));
        assert_eq!(to_minor(micros(Minor(7))), Minor(7));
    }
}
