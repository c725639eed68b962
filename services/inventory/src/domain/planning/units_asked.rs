//! How much may be asked for in a stretch of time.

use statrs::function::beta::checked_beta_reg;
use statrs::function::gamma::{checked_gamma_lr, checked_gamma_ur};

/// Means above which units are not counted any more: the gamma distribution, which the rate has, stands for the negative
/// binomial one then. A unit is nothing of so many.
const COUNTED: f64 = 2_000.0;
/// Sizes above which the negative binomial distribution is Poisson's: the variance is larger by a twentieth at most.
const NEARLY_POISSON: f64 = 100_000.0;
/// No quantile is larger: fractions cannot tell such numbers apart.
const LARGEST: u64 = 1 << 52;
/// No quantile of a higher level is told.
const HIGHEST: f64 = 0.999_999;

/// What may be asked for, in whole units, with a mean and a variance: negative binomial, and Poisson where the variance is not
/// larger than the mean.
///
/// Customers who come at random and take several units at a time, or whose number varies, spread demand more widely than
/// Poisson's distribution. The negative binomial is Poisson's with a rate that varies as a gamma distribution does
/// (Greenwood and Yule 1920); of simple distributions it fits demand for goods best (Agrawal and Smith 1996).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UnitsAsked {
    mean: f64,
    variance: f64,
}

impl UnitsAsked {
    /// With a mean and a variance, in units; each is taken for 0 if it is negative or not a finite number, and the variance
    /// for the mean if it is less.
    pub fn new(mean: f64, variance: f64) -> Self {
        let sound = |number: f64| if number.is_finite() && number > 0.0 { number } else { 0.0 };
        let mean = sound(mean);
        Self { mean, variance: sound(variance).max(mean) }
    }

    /// Units.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Squared units.
    pub fn variance(&self) -> f64 {
        self.variance
    }

    /// The fewest units that are enough with a probability of at least `level`. Levels outside 0..=0.999999 count as the
    /// nearest within.
    pub fn quantile(&self, level: f64) -> u64 {
        let level = level.clamp(0.0, HIGHEST);
        let (mut too_few, mut enough) = (None, (self.mean + self.variance.sqrt()).ceil() as u64);
        while self.enough(enough) < level && enough < LARGEST {
            too_few = Some(enough);
            enough = enough.saturating_mul(2).max(1);
        }
        loop {
            let next = too_few.map_or(0, |units| units + 1);
            if next >= enough {
                return enough;
            }
            let middle = next + (enough - next) / 2;
            if self.enough(middle) >= level {
                enough = middle;
            } else {
                too_few = Some(middle);
            }
        }
    }

    /// The probability that `units` are enough.
    pub fn enough(&self, units: u64) -> f64 {
        if self.mean == 0.0 { 1.0 } else { self.shape().at_most(units as f64) }
    }

    /// Where what came stands in the distribution, in 0..1: the probability of less, and a `share` of that of just as much. With
    /// random shares, ranks are spread evenly if the distribution is right, however few units there are.
    pub(super) fn rank(&self, came: f64, share: f64) -> f64 {
        let units = came.round() as u64;
        let less = if units == 0 { 0.0 } else { self.enough(units - 1) };
        less + share * (self.enough(units) - less)
    }

    /// How many units too few, on average, so many units are.
    pub fn expected_shortage(&self, units: u64) -> f64 {
        if self.mean == 0.0 {
            return 0.0;
        }
        let within = self.shape().share_within(units);
        (self.mean * (1.0 - within) - units as f64 * (1.0 - self.enough(units))).max(0.0)
    }

    fn shape(&self) -> Shape {
        let excess = self.variance - self.mean;
        let size = self.mean * self.mean / excess;
        if self.mean > COUNTED {
            Shape::Gamma { shape: self.mean * self.mean / self.variance, scale: self.variance / self.mean }
        } else if size < NEARLY_POISSON {
            Shape::NegativeBinomial { size, share: self.mean / self.variance }
        } else {
            Shape::Poisson { mean: self.mean }
        }
    }
}

/// A distribution of units.
#[derive(Clone, Copy)]
enum Shape {
    Poisson { mean: f64 },
    NegativeBinomial { size: f64, share: f64 },
    Gamma { shape: f64, scale: f64 },
}

impl Shape {
    /// The probability of at most `units`, 0 or more. The functions fail outside their domains only, which means and
    /// variances above 0 are in.
    fn at_most(self, units: f64) -> f64 {
        let probability = match self {
            Shape::Poisson { mean } => checked_gamma_ur(units + 1.0, mean).ok(),
            Shape::NegativeBinomial { size, share } => checked_beta_reg(size, units + 1.0, share).ok(),
            Shape::Gamma { shape, scale } => checked_gamma_lr(shape, (units + 0.5) / scale).ok(),
        };
        probability.unwrap_or(1.0)
    }

    /// The share of all units that is asked for when no more than `units` are: the sum of k · P(k) / mean up to there. It is the
    /// probability of less, or for the gamma distribution of no more, in the same distribution with a size larger by one.
    fn share_within(self, units: u64) -> f64 {
        match self {
            Shape::Gamma { shape, scale } => Shape::Gamma { shape: shape + 1.0, scale }.at_most(units as f64),
            _ if units == 0 => 0.0,
            Shape::Poisson { .. } => self.at_most(units as f64 - 1.0),
            Shape::NegativeBinomial { size, share } => {
                Shape::NegativeBinomial { size: size + 1.0, share }.at_most(units as f64 - 1.0)
            }
        }
    }
}
