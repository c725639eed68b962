//! What kind of series it is.

use super::demand::{Demand, seen};

/// How regularly something is asked for (Syntetos, Boylan and Croston 2005): by the mean number of periods from one with demand
/// to the next, apart at 1.32, and by the squared coefficient of variation of the units in such periods, apart at 0.49.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DemandClass {
    /// Often, and about as much each time.
    Smooth,
    /// Often, and now much, now little.
    Erratic,
    /// Seldom, and about as much each time.
    Intermittent,
    /// Seldom, and now much, now little.
    Lumpy,
}

impl DemandClass {
    /// All of them.
    pub const ALL: [DemandClass; 4] =
        [DemandClass::Smooth, DemandClass::Erratic, DemandClass::Intermittent, DemandClass::Lumpy];

    /// The class of a series; nothing that was ever asked for is [`DemandClass::Intermittent`].
    pub fn of(demand: &Demand) -> Self {
        let positive: Vec<f64> = demand.units().iter().copied().filter(|units| *units > 0.0).collect();
        let (_, periods) = seen(demand.units());
        if positive.is_empty() {
            return DemandClass::Intermittent;
        }
        let count = positive.len() as f64;
        let mean = positive.iter().sum::<f64>() / count;
        let variance = positive.iter().map(|units| (units - mean).powi(2)).sum::<f64>() / count;
        let seldom = periods as f64 / count >= 1.32;
        match (seldom, variance / (mean * mean) >= 0.49) {
            (false, false) => DemandClass::Smooth,
            (false, true) => DemandClass::Erratic,
            (true, false) => DemandClass::Intermittent,
            (true, true) => DemandClass::Lumpy,
        }
    }
}
