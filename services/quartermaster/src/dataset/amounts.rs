//! Exact amounts from decimal text, and the rule that makes a line's price, quantity, discount and total agree. The
//! arithmetic is `qm-money`'s, so it is the one that orders are judged by. A refusal is a sentence for
//! [`super::Error::Field`].

use qm_money::{Currency, Minor, UnitPrice};

/// Millionths of a dollar in a cent.
const MICROS_PER_MINOR: i128 = 10_000;

/// A price in dollars of at least 0, with at most six places.
pub(super) fn price(text: &str) -> Result<UnitPrice, String> {
    UnitPrice::parse(text).map_err(|error| refusal(text, &error))
}

/// Dollars per unit as millionths.
pub(super) fn micros(text: &str) -> Result<i64, String> {
    price(text).map(UnitPrice::micros)
}

/// Dollars of at least 0, as cents.
pub(super) fn minor(text: &str) -> Result<i64, String> {
    match Minor::parse(text, Currency::USD) {
        Ok(amount) if amount >= Minor::ZERO => Ok(amount.get()),
        Ok(_) => Err(format!("must be at least 0, not {text:?}")),
        Err(error) => Err(refusal(text, &error)),
    }
}

/// Kilograms as grams, none lost.
pub(super) fn grams(text: &str) -> Result<i64, String> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    // `{:0<3}` fills up with zeros on the right, so that the digits read as thousandths.
    let read = || format!("{whole}{fraction:0<3}").parse().ok();
    (digits(whole) && digits(fraction) && fraction.len() <= 3)
        .then(read)
        .flatten()
        .ok_or_else(|| format!("must be kilograms with at most three decimals, not {text:?}"))
}

fn refusal(text: &str, error: &qm_money::Error) -> String {
    format!("must be a plain amount of dollars, not {text:?}: {error}")
}

/// What makes a line's figures agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settled {
    pub(super) unit_price: String,
    pub(super) discount_minor: i64,
    pub(super) price_adjusted: bool,
}

/// Finds the discount that takes `quantity × unit_price` to the total that the shop took.
///
/// The total is the authority, and rounding the gross to the cent goes into the discount. A gross below the total
/// would need a negative discount: then the price is raised to the total over the quantity, to the nearest millionth,
/// which leaves no discount. The rounding stays under half a cent because a line has fewer than 10,000 units.
pub(super) fn settle(unit_price: &str, quantity: i64, line_total_minor: i64) -> Result<Settled, String> {
    let gross =
        price(unit_price)?.times(quantity, Currency::USD).map_err(|error| refusal(unit_price, &error))?;
    if gross.get() >= line_total_minor {
        return Ok(Settled {
            unit_price: unit_price.to_owned(),
            discount_minor: gross.get() - line_total_minor,
            price_adjusted: false,
        });
    }
    let total = i128::from(line_total_minor) * MICROS_PER_MINOR;
    let count = i128::from(quantity);
    let raised = i64::try_from((2 * total + count) / (2 * count))
        .ok()
        .and_then(|micros| UnitPrice::from_micros(micros).ok())
        .ok_or_else(|| format!("cannot be raised to a total of {line_total_minor} cents"))?;
    Ok(Settled { unit_price: raised.to_string(), discount_minor: 0, price_adjusted: true })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn decimal_text_is_read_exactly_or_refused() {
        assert_eq!(micros("5.99"), Ok(5_990_000));
        assert_eq!(micros("0.3333"), Ok(333_300));
        assert_eq!(minor("7.1"), Ok(710));
        assert_eq!(grams("2.0"), Ok(2_000));
        for bad in
            ["", ".", "5.", ".5", "-1", "+1", "1e3", "1.2.3", "0.1234567", "٣", "99999999999999999999", " 1"]
        {
            assert!(micros(bad).is_err(), "{bad:?} was taken as a price");
            assert!(minor(bad).is_err(), "{bad:?} was taken as an amount");
            assert!(grams(bad).is_err(), "{bad:?} was taken as a weight");
        }
        assert!(minor("0.005").is_err());
    }

    #[test]
    fn a_gross_below_the_total_raises_the_price_and_says_so() {
        let settled = settle("3.33", 3, 1_000).unwrap();
        let expected = Settled { unit_price: "3.333333".to_owned(), discount_minor: 0, price_adjusted: true };
        assert_eq!(settled, expected);
        assert_eq!(settle("1.0", 2, 250).unwrap().unit_price, "1.25");
    }

    #[test]
    fn half_a_cent_rounds_away_from_zero_into_the_discount() {
        let settled = settle("0.3325", 2, 66).unwrap();
        assert_eq!((settled.discount_minor, settled.price_adjusted), (1, false));
    }

    proptest! {
        #[test]
        fn gross_less_discount_is_the_total_for_any_line(
            price in 0_i64..100_000_000_000, quantity in 1_i64..=9_999, total in 0_i64..10_000_000_000,
        ) {
            let published = UnitPrice::from_micros(price).unwrap().to_string();
            let settled = settle(&published, quantity, total).unwrap();
            let gross = super::price(&settled.unit_price).unwrap().times(quantity, Currency::USD).unwrap();
            prop_assert_eq!(gross.get() - settled.discount_minor, total);
            prop_assert!(settled.discount_minor >= 0);
            prop_assert_eq!(settled.price_adjusted, settled.unit_price != published);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,40}") {
            let _ = (micros(&text), minor(&text), grams(&text));
        }
    }
}
