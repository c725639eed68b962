//! What amounts and prices are read from.

use qm_hostile::{Parser, texts};

use crate::{Currency, Minor, UnitPrice};

/// The parsers.
pub const PARSERS: &[Parser] = &[
    Parser { name: "price", seeds: || texts(&["12.50", "0.000001", "9223372036854.775807"]), read: price },
    Parser { name: "amount", seeds: || texts(&["USD12.50", "JPY-7", "CLF0.0001"]), read: amount },
];

fn price(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(price) = UnitPrice::parse(&text) else { return };
    assert_eq!(UnitPrice::parse(&price.to_string()), Ok(price));
    // Whatever it is multiplied with, it is an amount or refused.
    for quantity in [0, 1, 1_000_000, i64::MAX, i64::MIN] {
        let _ = price.times(quantity, Currency::USD);
    }
}

fn amount(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Some((code, number)) = text.split_at_checked(3) else { return };
    let Ok(currency) = Currency::parse(code) else { return };
    assert_eq!(currency.to_string(), code);
    if let Ok(amount) = Minor::parse(number, currency) {
        assert_eq!(Minor::parse(&amount.format(currency), currency), Ok(amount));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_bytes_from_outside_make_a_parser_panic() {
        qm_hostile::withstand(super::PARSERS);
    }
}
