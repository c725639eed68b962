//! Rows.

pub mod change;
pub mod change_counter;
pub mod delivery;
pub mod endpoint;
pub mod message;
pub mod template;
