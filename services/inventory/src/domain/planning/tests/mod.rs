//! What planning promises, on made-up demand.

mod forecasts;
mod levels;
mod practice;
mod replays;
mod units_asked;

use super::Demand;

/// Numbers that look random and are the same in every run (xorshift64*, Vigna 2016).
struct Chance(u64);

impl Chance {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// In 0..1.
    fn share(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Poisson's, by counting how long random waits last (Knuth).
    fn units(&mut self, mean: f64) -> u64 {
        let (end, mut product, mut count) = ((-mean).exp(), self.share(), 0);
        while product > end {
            product *= self.share();
            count += 1;
        }
        count
    }
}

fn demand(units: impl IntoIterator<Item = u64>) -> Demand {
    Demand::new(units.into_iter().map(Some))
}
