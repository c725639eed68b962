//! What returns: the days of a week, the weeks of a year.

use super::demand::Demand;

/// How much of an average period's demand each period of a cycle has. The first is that of the period after the history.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Profile {
    shares: Vec<f64>,
}

impl Profile {
    /// Of all series together, over their last whole cycles, `cycles` at most; none where they do not reach over `at_least`, or
    /// nothing was asked for. All series end with the same period. With `smooth`, each share is the mean of itself and its
    /// neighbours: what a single period of a long cycle shows is half chance.
    pub(super) fn of(
        series: &[Demand],
        length: usize,
        at_least: usize,
        cycles: usize,
        smooth: bool,
    ) -> Option<Self> {
        let longest = series.iter().map(Demand::len).max()?;
        let whole = (longest / length).min(cycles);
        if whole < at_least.max(1) {
            return None;
        }
        let mut sums = vec![(0.0, 0_u32); length];
        for demand in series {
            for (back, units) in demand.units().iter().rev().take(whole * length).enumerate() {
                if !units.is_nan() {
                    let (sum, counted) = &mut sums[length - 1 - back % length];
                    *sum += units;
                    *counted += 1;
                }
            }
        }
        let known = sums.iter().filter(|(_, counted)| *counted > 0);
        let shares: Vec<f64> = known.map(|(sum, counted)| sum / f64::from(*counted)).collect();
        let sum: f64 = shares.iter().sum();
        // A place in the cycle of which nothing is known spoils the others.
        if shares.len() < length || sum <= 0.0 {
            return None;
        }
        let average = sum / length as f64;
        let share = |n: usize| shares[n % length] / average;
        let smoothed = |n: usize| (share(n + length - 1) + share(n) + share(n + 1)) / 3.0;
        Some(Self { shares: (0..length).map(|n| if smooth { smoothed(n) } else { share(n) }).collect() })
    }

    /// Of the `n`th period after the history.
    pub(super) fn share(&self, n: usize) -> f64 {
        self.shares[n % self.shares.len()]
    }

    /// Of so many periods from the `from`th after the history on, as periods: what an even demand has is their number.
    pub(super) fn periods(&self, from: usize, periods: f64) -> f64 {
        let whole = periods.floor() as usize;
        let rest = (periods - periods.floor()) * self.share(from + whole);
        (from..from + whole).map(|n| self.share(n)).sum::<f64>() + rest
    }

    /// The same for a history that ends so many periods earlier.
    pub(super) fn earlier(&self, periods: usize) -> Self {
        let mut shares = self.shares.clone();
        shares.rotate_right(periods % self.shares.len());
        Self { shares }
    }

    /// The same for a history that ends so many periods later.
    pub(super) fn later(&self, periods: usize) -> Self {
        let mut shares = self.shares.clone();
        shares.rotate_left(periods % self.shares.len());
        Self { shares }
    }

    /// A history as it would have been without the profile. Periods that hardly have a share say nothing.
    pub(super) fn taken_out_of(&self, demand: &Demand) -> Demand {
        let length = self.shares.len();
        let count = demand.len();
        let even = |(n, units): (usize, &f64)| {
            let share = self.shares[(length - (count - n) % length) % length];
            if share < 0.05 { f64::NAN } else { units / share }
        };
        Demand::of(demand.units().iter().enumerate().map(even).collect())
    }
}
