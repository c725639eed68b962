//! Exponential smoothing, of which the methods are made. Periods that are not numbers are skipped.

/// Smoothing factors to choose from. Short series choose badly among more: what errs least over 27 weeks is then chance.
const FACTORS: std::ops::RangeInclusive<u32> = 10..=30;

/// Simple exponential smoothing: the last level, which began at the first period, with the factor in 0.10..=0.30 whose errors a
/// period ahead had the least squares (Brown 1959; the range is the one that Croston's method and its successors use).
pub(super) fn level(units: &[f64]) -> f64 {
    let factors = FACTORS.step_by(2).map(|percent| f64::from(percent) / 100.0);
    let smoothed = factors.map(|factor| smooth(units, factor));
    smoothed.min_by(|a, b| a.squares.total_cmp(&b.squares)).map_or(0.0, |best| best.level)
}

/// The same of any factor: for a line that was taken out of its trend.
pub(super) fn quick_level(units: &[f64]) -> f64 {
    let factors = (1..=24).map(|step| f64::from(step) / 25.0);
    let smoothed = factors.map(|factor| smooth(units, factor));
    smoothed.min_by(|a, b| a.squares.total_cmp(&b.squares)).map_or(0.0, |best| best.level)
}

struct Smoothed {
    level: f64,
    squares: f64,
}

fn smooth(units: &[f64], factor: f64) -> Smoothed {
    let mut numbers = units.iter().copied().filter(|units| !units.is_nan());
    let mut level = numbers.next().unwrap_or(0.0);
    let mut squares = 0.0;
    for units in numbers {
        let error = units - level;
        squares += error * error;
        level += factor * error;
    }
    Smoothed { level, squares }
}
