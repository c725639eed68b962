//! How widely demand spreads around its mean.

use super::demand::Demand;

/// Series without which nothing is learnt.
const SERIES: usize = 30;
/// Weeks that a series must have to be learnt from.
const HISTORY: usize = 6;
/// Weeks from which the spread of one series is believed as much as what all have in common.
const AS_MUCH: f64 = 12.0;

/// How widely demand of a given size spreads: variance = a · meanᵇ (Taylor 1961), by least squares of the logarithms over all
/// series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    ln_a: f64,
    b: f64,
}

impl Spread {
    pub(super) fn of(weekly: &[Demand]) -> Self {
        let point = |demand: &Demand| {
            let history = demand.since_first();
            let (mean, variance) = (history.mean(), history.variance()?);
            (history.seen() >= HISTORY && mean > 0.0 && variance > 0.0).then(|| (mean.ln(), variance.ln()))
        };
        let points: Vec<(f64, f64)> = weekly.iter().filter_map(point).collect();
        let count = points.len() as f64;
        let centre = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
        let (x, y) = (centre(|p| p.0), centre(|p| p.1));
        let width: f64 = points.iter().map(|p| (p.0 - x).powi(2)).sum();
        if points.len() < SERIES || width <= 0.0 {
            // Poisson's: nothing is known that says otherwise.
            return Self { ln_a: 0.0, b: 1.0 };
        }
        let b = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum::<f64>() / width;
        Self { ln_a: y - b * x, b }
    }

    /// The variance of a series of which `mean` is expected: its own, for that mean, and that of its size, by how much there is of
    /// its own.
    pub(super) fn variance(&self, history: &Demand, mean: f64) -> f64 {
        if mean <= 0.0 {
            return history.variance().unwrap_or(0.0);
        }
        let usual = (self.ln_a + self.b * mean.ln()).exp();
        let Some(own) = history.variance().filter(|_| history.mean() > 0.0) else { return usual };
        let own = own * (mean / history.mean()).powf(self.b);
        let count = history.seen() as f64;
        (count * own + AS_MUCH * usual) / (count + AS_MUCH)
    }
}
