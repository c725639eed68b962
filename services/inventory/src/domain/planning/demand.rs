//! What was asked for, period by period.

/// How long a period is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// A day.
    Day,
    /// A week.
    Week,
}

impl Period {
    /// Days in it.
    pub fn days(self) -> u32 {
        match self {
            Period::Day => 1,
            Period::Week => 7,
        }
    }
}

/// The demand for one item at one location, a number of base units for each period, oldest first.
///
/// A period in which the shelf was empty shows what was sold, not what was asked for: it is *censored*, and no method takes it
/// for demand.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Demand {
    /// Units; not a number where censored. Never negative, never infinite.
    units: Vec<f64>,
}

impl Demand {
    /// Of the units of each period, none where the period is censored.
    pub fn new(periods: impl IntoIterator<Item = Option<u64>>) -> Self {
        let units = |units: Option<u64>| units.map_or(f64::NAN, |units| units as f64);
        Self { units: periods.into_iter().map(units).collect() }
    }

    /// Of numbers that are units already, or not numbers.
    pub(super) fn of(units: Vec<f64>) -> Self {
        Self { units }
    }

    /// Periods, censored ones among them.
    pub fn len(&self) -> usize {
        self.units.len()
    }

    /// Periods of which the demand is known.
    pub fn seen(&self) -> usize {
        seen(&self.units).1
    }

    /// Whether there is no period.
    pub fn is_empty(&self) -> bool {
        self.units.is_empty()
    }

    /// The units of each period, not a number where censored.
    pub fn units(&self) -> &[f64] {
        &self.units
    }

    /// A period more, none where it is censored.
    pub(super) fn push(&mut self, units: Option<f64>) {
        self.units.push(units.unwrap_or(f64::NAN));
    }

    /// The first so many periods, or all if there are fewer.
    pub fn until(&self, periods: usize) -> Self {
        Self { units: self.units[..periods.min(self.units.len())].to_vec() }
    }

    /// From the first period on in which something was asked for: before it, the item was not on offer.
    pub fn since_first(&self) -> Self {
        let first = self.units.iter().position(|units| *units > 0.0).unwrap_or(self.units.len());
        Self { units: self.units[first..].to_vec() }
    }

    /// The same in weeks, the last of which ends where the days end; days before the first whole week are left out. A week of
    /// which some days are censored counts as if the others were all of it.
    pub fn in_weeks(&self) -> Self {
        let skipped = self.units.len() % 7;
        let week = |days: &[f64]| match seen(days) {
            (_, 0) => f64::NAN,
            (sum, counted) => sum * 7.0 / counted as f64,
        };
        Self { units: self.units[skipped..].chunks(7).map(week).collect() }
    }

    /// By the week, whatever the period.
    pub(super) fn by_week(&self, period: Period) -> Self {
        match period {
            Period::Day => self.in_weeks(),
            Period::Week => self.clone(),
        }
    }

    /// So many periods from `start` on, or as many as there are.
    pub fn after(&self, start: usize, periods: usize) -> Self {
        let end = start.saturating_add(periods).min(self.units.len());
        Self { units: self.units[start.min(end)..end].to_vec() }
    }

    /// Without what happens once: a period far above all others, and above both beside it, is cut to their height. What
    /// lasts for two periods may be the level from then on.
    ///
    /// The height is the median of the periods with demand and three times the distance between their quartiles, at least one
    /// unit, above it. (Tukey's fence for "far out" values, from the median; of fewer than five periods nothing is cut.)
    pub(super) fn without_outliers(&self) -> Self {
        let mut sorted: Vec<f64> = self.units.iter().copied().filter(|units| *units > 0.0).collect();
        if sorted.len() < 5 {
            return self.clone();
        }
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share) as usize];
        let height = at(0.5) + 3.0 * (at(0.75) - at(0.25)).max(1.0);
        let high = |n: Option<usize>| n.and_then(|n| self.units.get(n)).is_some_and(|units| *units > height);
        let cut = |(n, units): (usize, &f64)| {
            let alone = !high(n.checked_sub(1)) && !high(Some(n + 1));
            if *units > height && alone { height } else { *units }
        };
        Self { units: self.units.iter().enumerate().map(cut).collect() }
    }

    /// The mean of the periods that are not censored; 0 if there is none.
    pub fn mean(&self) -> f64 {
        let (sum, counted) = seen(&self.units);
        if counted == 0 { 0.0 } else { sum / counted as f64 }
    }

    /// The variance of the periods that are not censored, none of fewer than two.
    pub fn variance(&self) -> Option<f64> {
        let (_, counted) = seen(&self.units);
        if counted < 2 {
            return None;
        }
        let mean = self.mean();
        let squares = self.units.iter().filter(|units| !units.is_nan()).map(|units| (units - mean).powi(2));
        Some(squares.sum::<f64>() / (counted - 1) as f64)
    }
}

/// The sum and the number of those that are numbers.
pub(super) fn seen(units: &[f64]) -> (f64, usize) {
    let numbers = units.iter().filter(|units| !units.is_nan());
    numbers.fold((0.0, 0), |(sum, counted), units| (sum + units, counted + 1))
}
