//! How far off forecasts would have been, beside what is done without planning.

use std::time::{Duration, Instant};

use qm_inventory::planning::{Demand, Practice, scaled_error};
use serde::Serialize;

use super::history::History;

/// Mean root mean squared scaled errors over all series of which anything can be said: 1 is what taking each period for the next
/// comes to within the history.
#[derive(Debug, Default, Serialize)]
pub(super) struct Accuracy {
    /// Series that were judged.
    pub(super) series: usize,
    pub(super) planned: Option<f64>,
    /// The mean of the last four weeks, as a spreadsheet has it.
    pub(super) last_four_weeks: Option<f64>,
    /// The mean of all that was seen.
    pub(super) mean: Option<f64>,
    /// The last week again.
    pub(super) last_week: Option<f64>,
    /// That learning, and the outlooks of all series, took.
    pub(super) seconds: f64,
}

/// Weeks of history that a series must have to be judged.
const HISTORY: usize = 4;

impl Accuracy {
    /// Of forecasts of so many periods, `learning` having taken so long.
    pub(super) fn of(
        history: &History,
        before: &[Demand],
        practice: &Practice,
        periods: usize,
        learning: Duration,
    ) -> Self {
        let a_week = (7 / history.period.days()) as usize;
        let started = Instant::now();
        let planned: Vec<Vec<f64>> =
            before.iter().map(|before| practice.outlook(before, 0).periods(periods)).collect();
        let seconds = (learning + started.elapsed()).as_secs_f64();
        let mut errors: Vec<[f64; 4]> = Vec::new();
        for ((series, before), planned) in history.series.iter().zip(before).zip(&planned) {
            let came = Demand::new(series[before.len()..].iter().copied().take(periods));
            let seen = before.since_first();
            if seen.len() < HISTORY * a_week {
                continue;
            }
            let error = |forecast: &[f64]| scaled_error(&seen, &came, forecast);
            let flat = |demand: Demand| error(&vec![demand.mean(); periods]);
            let last = |weeks: usize| seen.after(seen.len() - weeks * a_week, weeks * a_week);
            let again: Vec<f64> = last(1).units().iter().copied().cycle().take(periods).collect();
            let all = (error(planned), flat(last(4)), flat(seen.clone()), error(&again));
            if let (Some(planned), Some(four), Some(mean), Some(again)) = all {
                errors.push([planned, four, mean, again]);
            }
        }
        let mean = |of: usize| {
            let sum: f64 = errors.iter().map(|errors| errors[of]).sum();
            (!errors.is_empty()).then(|| sum / errors.len() as f64)
        };
        Self {
            series: errors.len(),
            planned: mean(0),
            last_four_weeks: mean(1),
            mean: mean(2),
            last_week: mean(3),
            seconds,
        }
    }
}
