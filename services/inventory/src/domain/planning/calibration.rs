//! What a level that is aimed at comes to.

/// So many outcomes must lie above a level before what they say of it is believed.
const BELIEVED_ABOVE: f64 = 20.0;
/// No quantile above this is ever asked for: there is no telling such tails from history.
const HIGHEST: f64 = 0.999_9;

/// Corrects the level that is aimed at by what was reached in the past.
///
/// A distribution that is a little too narrow, or a forecast that lags behind a growing season, makes 95 % come to 90 %.
/// Each outcome of the past has a rank within the distribution that was forecast for it ([`super::UnitsAsked::rank`]). If forecasts
/// were right, a share of `level` of the ranks would lie below `level`; so the level to aim at is the one below which that share
/// does lie (probability integral transform, Dawid 1984, randomised for counts; recalibration: Kuleshov, Fenner and Ermon 2018). All
/// series together have enough outcomes to say that of levels of which one series has none.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Calibration {
    /// Ascending.
    ranks: Vec<f64>,
}

impl Calibration {
    pub(super) fn of(mut ranks: Vec<f64>) -> Self {
        ranks.sort_by(f64::total_cmp);
        Self { ranks }
    }

    /// Whether nothing was seen.
    pub(super) fn is_empty(&self) -> bool {
        self.ranks.is_empty()
    }

    /// The level to aim at so that `level` is reached; `level` itself where too little was seen to say.
    pub(super) fn aim(&self, level: f64) -> f64 {
        let count = self.ranks.len() as f64;
        if !(0.0..1.0).contains(&level) || count * (1.0 - level) < BELIEVED_ABOVE {
            return level;
        }
        let aimed = self.ranks.get((count * level) as usize).copied().unwrap_or(level);
        aimed.min(HIGHEST)
    }
}
