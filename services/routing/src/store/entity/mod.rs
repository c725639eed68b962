//! Rows.

pub mod announcement;
pub mod capacity_claim;
pub mod item;
pub mod location;
pub mod plan;
pub mod tariff;
