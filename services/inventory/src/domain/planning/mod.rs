//! How much stock to keep: what was asked for ([`Demand`]), what will be ([`Practice`], [`Outlook`]), how much may be asked for
//! while nothing arrives ([`UnitsAsked`]), when to buy how much ([`Levels`]), and what that would have come to in the past
//! ([`replay`]).
//!
//! Pure, and the same for the same arguments. Fractions are used here as nowhere else in the product: what is worked out is an
//! expectation, and whole units come out at the end.

mod accuracy;
mod calibration;
mod choice;
mod class;
mod demand;
mod levels;
mod methods;
mod outlook;
mod practice;
mod profile;
mod replay;
mod smoothing;
mod spread;

#[cfg(test)]
mod tests;
mod units_asked;

pub use accuracy::scaled_error;
pub use class::DemandClass;
pub use demand::{Demand, Period};
pub use levels::{LeadTime, Levels, OrderTerms, economic_quantity};
pub use methods::Method;
pub use outlook::Outlook;
pub use practice::Practice;
pub use replay::{FixedPoint, Outcome, Planned, Replenish, Shelf, Supply, replay};
pub use units_asked::UnitsAsked;
