//! The exact price of one unit.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Currency, Error, Minor, decimal};

/// Decimals of a price. Six go far below a cent and still leave room for prices of nine trillion.
const DECIMALS: u32 = 6;

/// The price of one unit: an exact, non-negative count of millionths ("micros") of the currency's **major** unit.
///
/// Its text and JSON are a plain decimal without needless zeros, `0.0125`, never a floating-point number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UnitPrice {
    micros: i64,
}

impl UnitPrice {
    /// Free of charge.
    pub const ZERO: Self = Self { micros: 0 };

    /// The price of this many millionths of the major unit.
    pub const fn from_micros(micros: i64) -> Result<Self, Error> {
        if micros < 0 { Err(Error::NegativePrice) } else { Ok(Self { micros }) }
    }

    /// Millionths of the major unit.
    pub const fn micros(self) -> i64 {
        self.micros
    }

    /// Reads a plain decimal with at most six digits after the point.
    pub fn parse(text: &str) -> Result<Self, Error> {
        // Judged by the sign as written: "-0" is no way to write a price either.
        match decimal::parse(text, DECIMALS)? {
            _ if text.starts_with('-') => Err(Error::NegativePrice),
            micros => Self::from_micros(micros),
        }
    }

    /// The price of `quantity` units as an amount, computed exactly and rounded once: to the nearest minor unit, a half
    /// away from zero (so 0.5 cents make 1 cent, and a negative quantity mirrors the positive one).
    pub fn times(self, quantity: i64, currency: Currency) -> Result<Minor, Error> {
        let micros = i128::from(self.micros) * i128::from(quantity);
        // Every currency has at most four decimals, so a minor unit is a whole number of micros.
        let micros_per_minor = DECIMALS
            .checked_sub(currency.exponent())
            .map(|power| 10_i128.pow(power))
            .ok_or(Error::Overflow)?;
        let away_from_zero = micros.signum() * (micros_per_minor / 2);
        Minor::narrowed((micros + away_from_zero) / micros_per_minor)
    }
}

impl fmt::Display for UnitPrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        decimal::write(&mut text, self.micros, DECIMALS)?;
        f.pad(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl fmt::Debug for UnitPrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for UnitPrice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl TryFrom<String> for UnitPrice {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(&text)
    }
}

impl From<UnitPrice> for String {
    fn from(price: UnitPrice) -> Self {
        price.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn price(text: &str) -> UnitPrice {
        text.parse().unwrap()
    }

    #[test]
    fn prices_print_without_needless_zeros() {
        for text in ["0", "12", "12.5", "0.000001", "100", "9223372036854.775807"] {
            assert_eq!(price(text).to_string(), text);
        }
        assert_eq!(price("12.500").to_string(), "12.5");
        assert_eq!(serde_json::to_string(&price("0.0125")).unwrap(), "\"0.0125\"");
        assert!(serde_json::from_str::<UnitPrice>("0.0125").is_err(), "a JSON number may have been a float");
    }

    #[test]
    fn what_is_not_an_exact_price_is_refused() {
        for (text, why) in [
            ("1e3", Error::NotDecimal),
            ("NaN", Error::NotDecimal),
            ("", Error::NotDecimal),
            ("-1", Error::NegativePrice),
            ("-0", Error::NegativePrice),
            ("0.0000001", Error::TooManyDecimals { allowed: 6 }),
            ("9223372036854.775808", Error::Overflow),
        ] {
            assert_eq!(UnitPrice::parse(text), Err(why), "{text:?}");
        }
        assert_eq!(UnitPrice::from_micros(-1), Err(Error::NegativePrice));
    }

    #[test]
    fn a_half_is_rounded_away_from_zero_and_only_once() {
        let times = |text, quantity| price(text).times(quantity, Currency::USD).map(Minor::get);
        assert_eq!(times("0.005", 1), Ok(1));
        assert_eq!(times("0.005", -1), Ok(-1));
        assert_eq!(times("0.004999", 1), Ok(0));
        assert_eq!(times("0.0125", 1000), Ok(1250), "not 1000 times a rounded cent");
        assert_eq!(price("0.5").times(3, Currency::JPY), Ok(Minor(2)));
        assert_eq!(price("0.0005").times(1, Currency::parse("KWD").unwrap()), Ok(Minor(1)));
    }

    #[test]
    fn too_large_an_amount_is_an_error() {
        let most = UnitPrice::from_micros(i64::MAX).unwrap();
        assert_eq!(most.times(i64::MAX, Currency::USD), Err(Error::Overflow));
        assert_eq!(most.times(i64::MIN, Currency::parse("CLF").unwrap()), Err(Error::Overflow));
        assert!(most.times(1, Currency::USD).is_ok());
    }

    proptest! {
        #[test]
        fn every_price_prints_to_what_reads_back(micros in 0..=i64::MAX) {
            let price = UnitPrice::from_micros(micros).unwrap();
            prop_assert_eq!(UnitPrice::parse(&price.to_string()), Ok(price));
        }

        #[test]
        fn an_amount_is_within_half_a_minor_unit_of_the_exact_price(
            micros in 0..=i64::MAX / 4, quantity in -1_000_i64..1_000, pick in 0..Currency::all().count()
        ) {
            let currency = Currency::all().nth(pick).unwrap();
            let scale = 10_i128.pow(6 - currency.exponent());
            if let Ok(amount) = UnitPrice::from_micros(micros).unwrap().times(quantity, currency) {
                let exact = i128::from(micros) * i128::from(quantity);
                prop_assert!((i128::from(amount.get()) * scale - exact).abs() * 2 <= scale);
            }
        }
    }
}
