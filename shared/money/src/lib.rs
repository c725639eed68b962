#![doc = include_str!("../README.md")]

mod currency;
mod decimal;
mod divide;
#[cfg(any(test, fuzzing))]
pub mod hostile;
mod minor;
mod price;

pub use currency::Currency;
pub use divide::{apportion, share};
pub use minor::Minor;
pub use price::UnitPrice;

/// Why a text is no money, or a calculation has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The code (its beginning, if it is long) is not in the ISO 4217 table.
    #[error("unknown currency {0:?}, expected an ISO 4217 code such as \"EUR\"")]
    UnknownCurrency(String),
    /// The result does not fit 64 bits.
    #[error("the amount is too large")]
    Overflow,
    /// The text is not digits with at most one decimal point between them.
    #[error("not a plain decimal number such as \"12.34\"")]
    NotDecimal,
    /// The text has more digits after the point than can be kept exactly.
    #[error("more than {allowed} digits after the decimal point")]
    TooManyDecimals {
        /// How many the currency or the price can hold.
        allowed: u32,
    },
    /// A price is below zero.
    #[error("a price cannot be negative")]
    NegativePrice,
    /// Units `start..end` were asked for, and there are not that many.
    #[error("units {start}..{end} are not within 0..{parts}")]
    UnitsOutOfRange {
        /// The first unit asked for.
        start: i64,
        /// The unit after the last asked for.
        end: i64,
        /// How many units there are.
        parts: i64,
    },
    /// A weight is negative, or none is positive although there is something to apportion.
    #[error("nothing to apportion by: weights must not be negative and at least one must be positive")]
    Weights,
}
