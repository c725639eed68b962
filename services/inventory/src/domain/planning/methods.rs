//! The ways to forecast a series. Each answers the units of each period to come, none negative.

use super::demand::{Demand, seen};
use super::profile::Profile;
use super::smoothing;

/// Periods that [`Method::Steady`] adds up at most.
const WIDEST: usize = 4;

/// A way to forecast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// What was asked for in one, two, three and four periods together, each smoothed, and the mean of them: slow to change
    /// and hard to mislead by chance (Kourentzes, Petropoulos and Trapero 2014; for intermittent demand: Petropoulos and
    /// Kourentzes 2015).
    Steady,
    /// Simple exponential smoothing: follows a level that moves.
    Level,
    /// The mean of [`Method::Level`] and the theta method (Assimakopoulos and Nikolopoulos 2000), which carries half of the
    /// trend on.
    Moving,
    /// Smoothes how often something is asked for apart from how much, and lets both decay while nothing is (Teunter,
    /// Syntetos and Babai 2011).
    Rare,
}

impl Method {
    /// All of them, the one to take when nothing speaks for another first.
    pub const ALL: [Method; 4] = [Method::Steady, Method::Level, Method::Moving, Method::Rare];

    /// Where it stands in [`Method::ALL`].
    pub(super) fn index(self) -> usize {
        self as usize
    }

    /// The units of each of the next `horizon` periods, without regard to what happened once. Where a year has a profile, which
    /// begins after the history, the method sees an even year, and the profile is put back.
    pub(super) fn forecast(self, history: &Demand, horizon: usize, year: Option<&Profile>) -> Vec<f64> {
        let Some(year) = year else { return self.plain(&history.without_outliers(), horizon) };
        let even = self.plain(&year.taken_out_of(history).without_outliers(), horizon);
        even.into_iter().enumerate().map(|(n, units)| units * year.share(n)).collect()
    }

    fn plain(self, history: &Demand, horizon: usize) -> Vec<f64> {
        let units = history.units();
        let forecast = match self {
            Method::Steady => vec![steady(units); horizon],
            Method::Level => vec![smoothing::level(units); horizon],
            Method::Moving => moving(units, horizon),
            Method::Rare => vec![rare(units); horizon],
        };
        forecast.into_iter().map(|units| units.max(0.0)).collect()
    }
}

fn steady(units: &[f64]) -> f64 {
    let widest = WIDEST.min(units.len() / 2).max(1);
    let of_width = |width: usize| smoothing::level(&added_up(units, width)) / width as f64;
    (1..=widest).map(of_width).sum::<f64>() / widest as f64
}

/// So many periods together; of the first ones those are left out that do not make a whole. One of which some periods are
/// censored counts as if the others were all of it.
fn added_up(units: &[f64], width: usize) -> Vec<f64> {
    let whole = |part: &[f64]| match seen(part) {
        (_, 0) => f64::NAN,
        (sum, counted) => sum * width as f64 / counted as f64,
    };
    units[units.len() % width..].chunks(width).map(whole).collect()
}

fn moving(units: &[f64], horizon: usize) -> Vec<f64> {
    let level = smoothing::level(units);
    let Some((at_start, slope)) = line(units) else { return vec![level; horizon] };
    let trend = |period: usize| at_start + slope * period as f64;
    // The theta line of 2: twice as far from the trend as the series itself.
    let theta: Vec<f64> = units.iter().enumerate().map(|(n, units)| 2.0 * units - trend(n)).collect();
    let theta = smoothing::quick_level(&theta);
    (0..horizon).map(|n| (level + (theta + trend(units.len() + n)) / 2.0) / 2.0).collect()
}

/// Least squares: the line's height at the first period, and its slope. None of fewer than three periods.
fn line(units: &[f64]) -> Option<(f64, f64)> {
    let numbers =
        || units.iter().enumerate().filter(|(_, units)| !units.is_nan()).map(|(n, units)| (n as f64, *units));
    let count = numbers().count();
    if count < 3 {
        return None;
    }
    let mean = |of: fn((f64, f64)) -> f64| numbers().map(of).sum::<f64>() / count as f64;
    let (middle, height) = (mean(|(n, _)| n), mean(|(_, units)| units));
    let spread: f64 = numbers().map(|(n, _)| (n - middle).powi(2)).sum();
    let slope = numbers().map(|(n, units)| (n - middle) * (units - height)).sum::<f64>() / spread;
    Some((height - slope * middle, slope))
}

fn rare(units: &[f64]) -> f64 {
    const FACTOR: f64 = 0.1;
    let mut numbers = units.iter().copied().filter(|units| !units.is_nan());
    let Some(first) = numbers.next() else { return 0.0 };
    let mut often = if first > 0.0 { 1.0 } else { 0.0 };
    let mut much = units.iter().copied().find(|units| *units > 0.0).unwrap_or(0.0);
    for units in numbers {
        if units > 0.0 {
            often += FACTOR * (1.0 - often);
            much += FACTOR * (units - much);
        } else {
            often -= FACTOR * often;
        }
    }
    often * much
}
