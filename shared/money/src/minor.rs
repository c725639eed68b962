//! Amounts.

use serde::{Deserialize, Serialize};

use crate::{Currency, Error, decimal};

/// An amount as a count of its currency's minor unit; which currency, the owner of the amount knows.
///
/// It may be negative (a correction, a refund). There are no operators: adding amounts of two currencies, or past 64
/// bits, must be thought about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Minor(pub i64);

impl Minor {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The count of minor units.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The sum of both.
    pub fn checked_add(self, other: Self) -> Result<Self, Error> {
        self.0.checked_add(other.0).map(Self).ok_or(Error::Overflow)
    }

    /// What is left after `other` is taken away.
    pub fn checked_sub(self, other: Self) -> Result<Self, Error> {
        self.0.checked_sub(other.0).map(Self).ok_or(Error::Overflow)
    }

    /// The amount `times` times.
    pub fn checked_mul(self, times: i64) -> Result<Self, Error> {
        self.0.checked_mul(times).map(Self).ok_or(Error::Overflow)
    }

    /// The sum of all, or an error if **it** does not fit; the order does not matter.
    pub fn sum(amounts: impl IntoIterator<Item = Self>) -> Result<Self, Error> {
        // 128 bits hold the sum of 2^64 amounts, more than memory does.
        Self::narrowed(amounts.into_iter().map(|amount| i128::from(amount.0)).sum())
    }

    /// Reads a decimal amount of the major unit, such as `12.34`, exactly.
    ///
    /// Refused: more decimals than the currency has, and anything but digits, one point and a leading minus.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, Error> {
        decimal::parse(text, currency.exponent()).map(Self)
    }

    /// The amount in the major unit with all the currency's decimals, such as `12.30`; the reverse of `parse`.
    pub fn format(self, currency: Currency) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = decimal::write(&mut text, self.0, currency.exponent());
        text
    }

    pub(crate) fn narrowed(wide: i128) -> Result<Self, Error> {
        i64::try_from(wide).map(Self).map_err(|_| Error::Overflow)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_read_and_print_with_their_currencys_decimals() {
        let kwd = Currency::parse("KWD").unwrap();
        for (text, currency, count) in [
            ("12.34", Currency::USD, 1234),
            ("-0.05", Currency::EUR, -5),
            ("0.00", Currency::EUR, 0),
            ("1500", Currency::JPY, 1500),
            ("1.005", kwd, 1005),
            ("-92233720368547758.08", Currency::USD, i64::MIN),
        ] {
            assert_eq!(Minor::parse(text, currency), Ok(Minor(count)));
            assert_eq!(Minor(count).format(currency), text);
        }
        assert_eq!(Minor::parse("12", Currency::USD), Ok(Minor(1200)));
        assert_eq!(Minor::parse("12.3", Currency::USD), Ok(Minor(1230)));
    }

    #[test]
    fn what_is_not_a_plain_amount_of_the_currency_is_refused() {
        for text in
            ["", "-", ".", "1.", ".5", "+1", "1e3", "NaN", "inf", " 1", "1,5", "1.2.3", "--1", "٣", "0x1"]
        {
            assert_eq!(Minor::parse(text, Currency::USD), Err(Error::NotDecimal), "{text:?}");
        }
        assert_eq!(Minor::parse("1.230", Currency::USD), Err(Error::TooManyDecimals { allowed: 2 }));
        assert_eq!(Minor::parse("1.0", Currency::JPY), Err(Error::TooManyDecimals { allowed: 0 }));
        assert_eq!(Minor::parse("92233720368547758.08", Currency::USD), Err(Error::Overflow));
    }

    #[test]
    fn overflow_is_an_error_and_only_of_the_result() {
        let (most, least) = (Minor(i64::MAX), Minor(i64::MIN));
        assert_eq!(most.checked_add(Minor(1)), Err(Error::Overflow));
        assert_eq!(least.checked_sub(Minor(1)), Err(Error::Overflow));
        assert_eq!(least.checked_mul(-1), Err(Error::Overflow));
        assert_eq!(Minor::sum([most, Minor(1)]), Err(Error::Overflow));
        assert_eq!(Minor::sum([most, most, least, least, Minor(2)]), Ok(Minor::ZERO));
    }

    proptest! {
        #[test]
        fn every_amount_prints_to_what_reads_back(count: i64, pick in 0..Currency::all().count()) {
            let currency = Currency::all().nth(pick).unwrap();
            prop_assert_eq!(Minor::parse(&Minor(count).format(currency), currency), Ok(Minor(count)));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}|-?[0-9]{0,30}\\.?[0-9]{0,9}") {
            let _ = Minor::parse(&text, Currency::USD);
        }
    }
}
