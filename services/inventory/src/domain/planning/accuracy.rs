//! How far off a forecast was.

use super::demand::{Demand, seen};

/// The root mean squared scaled error: the root of what a forecast's errors squared are to those of taking each period for the
/// next, over the history that the forecast was made from (Hyndman and Koehler 2006; as the M5 competition has it). Periods
/// that are censored count nowhere.
///
/// None if the history never changed, so that there is nothing to compare with, or nothing was seen of what was forecast.
pub fn scaled_error(history: &Demand, came: &Demand, forecast: &[f64]) -> Option<f64> {
    let steps: Vec<f64> = history.units().windows(2).map(|pair| (pair[1] - pair[0]).powi(2)).collect();
    let (steps, counted) = seen(&steps);
    let errors: Vec<f64> = came.units().iter().zip(forecast).map(|(units, f)| (units - f).powi(2)).collect();
    let (errors, seen_of_it) = seen(&errors);
    if counted == 0 || steps <= 0.0 || seen_of_it == 0 {
        return None;
    }
    Some((errors / seen_of_it as f64 / (steps / counted as f64)).sqrt())
}
