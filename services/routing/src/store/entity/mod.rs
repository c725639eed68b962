//! Rows.

pub mod announcement;
pub mod capacity_claim;
pub mod capacity_day;
pub mod item;
pub mod location;
pub mod plan;
pub mod planner;
pub mod tariff;
