//! ISO 4217: the alphabetic codes in use and the decimals of each.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::Error;

/// The codes by the number of decimals of their amounts, each list sorted.
///
/// Source: ISO 4217, list one (currencies and funds), as of January 2026. Left out are the codes that name no money with
/// a minor unit: metals, bond-market units, SDR, testing. Six codes withdrawn lately are kept (ANG, BGN, CUC, HRK, SLL,
/// ZWL), since imported orders of past years carry them.
#[rustfmt::skip]
const BY_DECIMALS: [(u8, &[&str]); 4] = [
    (0, &["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"]),
    (2, &[
        "AED", "AFN", "ALL", "AMD", "ANG", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BGN", "BMD", "BND",
        "BOB", "BOV", "BRL", "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF", "CHE", "CHF", "CHW", "CNY", "COP", "COU",
        "CRC", "CUC", "CUP", "CVE", "CZK", "DKK", "DOP", "DZD", "EGP", "ERN", "ETB", "EUR", "FJD", "FKP", "GBP", "GEL",
        "GHS", "GIP", "GMD", "GTQ", "GYD", "HKD", "HNL", "HRK", "HTG", "HUF", "IDR", "ILS", "INR", "IRR", "JMD", "KES",
        "KGS", "KHR", "KPW", "KYD", "KZT", "LAK", "LBP", "LKR", "LRD", "LSL", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT",
        "MOP", "MRU", "MUR", "MVR", "MWK", "MXN", "MXV", "MYR", "MZN", "NAD", "NGN", "NIO", "NOK", "NPR", "NZD", "PAB",
        "PEN", "PGK", "PHP", "PKR", "PLN", "QAR", "RON", "RSD", "RUB", "SAR", "SBD", "SCR", "SDG", "SEK", "SGD", "SHP",
        "SLE", "SLL", "SOS", "SRD", "SSP", "STN", "SVC", "SYP", "SZL", "THB", "TJS", "TMT", "TOP", "TRY", "TTD", "TWD",
        "TZS", "UAH", "USD", "USN", "UYU", "UZS", "VED", "VES", "WST", "XAD", "XCD", "XCG", "YER", "ZAR", "ZMW", "ZWG",
        "ZWL",
    ]),
    (3, &["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"]),
    (4, &["CLF", "UYW"]),
];

/// How much of an unknown code an error repeats: enough to recognise it, too little to flood a log.
const ECHOED_CHARS: usize = 12;

/// A currency of ISO 4217. Its text is the three-letter code in upper case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency {
    code: &'static str,
    decimals: u8,
}

impl Currency {
    /// The euro.
    pub const EUR: Self = Self { code: "EUR", decimals: 2 };
    /// The pound sterling.
    pub const GBP: Self = Self { code: "GBP", decimals: 2 };
    /// The yen, which has no minor unit: its amounts count whole yen.
    pub const JPY: Self = Self { code: "JPY", decimals: 0 };
    /// The US dollar.
    pub const USD: Self = Self { code: "USD", decimals: 2 };

    /// The currency with this alphabetic code, which must be in upper case.
    pub fn parse(code: &str) -> Result<Self, Error> {
        BY_DECIMALS
            .iter()
            .find_map(|(decimals, codes)| {
                let at = codes.binary_search(&code).ok()?;
                Some(Self { code: codes[at], decimals: *decimals })
            })
            .ok_or_else(|| Error::UnknownCurrency(code.chars().take(ECHOED_CHARS).collect()))
    }

    /// The alphabetic code.
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// How many decimals an amount has: the minor unit is 10^-exponent of the major unit.
    pub const fn exponent(&self) -> u32 {
        self.decimals as u32
    }

    /// Every currency, in no particular order.
    pub fn all() -> impl Iterator<Item = Self> {
        BY_DECIMALS
            .iter()
            .flat_map(|(decimals, codes)| codes.iter().map(|code| Self { code, decimals: *decimals }))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code)
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code)
    }
}

impl FromStr for Currency {
    type Err = Error;

    fn from_str(code: &str) -> Result<Self, Error> {
        Self::parse(code)
    }
}

impl TryFrom<String> for Currency {
    type Error = Error;

    fn try_from(code: String) -> Result<Self, Error> {
        Self::parse(&code)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_three_capitals_listed_once_and_found_again() {
        let mut codes: Vec<_> = Currency::all().map(|currency| currency.code()).collect();
        for currency in Currency::all() {
            assert!(currency.code().len() == 3 && currency.code().bytes().all(|b| b.is_ascii_uppercase()));
            assert_eq!(Currency::parse(currency.code()), Ok(currency));
        }
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Currency::all().count());
    }

    #[test]
    fn the_named_currencies_are_those_of_the_table() {
        for named in [Currency::EUR, Currency::GBP, Currency::JPY, Currency::USD] {
            assert_eq!(Currency::parse(named.code()), Ok(named));
        }
        assert_eq!(Currency::parse("KWD").unwrap().exponent(), 3);
        assert_eq!(Currency::parse("CLF").unwrap().exponent(), 4);
    }

    #[test]
    fn an_unknown_code_is_named_but_not_at_length() {
        assert_eq!(Currency::parse("usd"), Err(Error::UnknownCurrency("usd".into())));
        assert_eq!(Currency::parse("XXX"), Err(Error::UnknownCurrency("XXX".into())));
        assert_eq!(
            Currency::parse(&"é".repeat(9_999)),
            Err(Error::UnknownCurrency("é".repeat(ECHOED_CHARS)))
        );
    }

    #[test]
    fn its_json_is_the_code() {
        assert_eq!(serde_json::to_string(&Currency::EUR).unwrap(), "\"EUR\"");
        assert_eq!(serde_json::from_str::<Currency>("\"EUR\"").unwrap(), Currency::EUR);
        let refused = serde_json::from_str::<Currency>("\"EURO\"").unwrap_err().to_string();
        assert!(refused.contains("unknown currency \"EURO\""), "{refused}");
    }
}
