//! Rows.

pub mod arrival;
pub mod attempt;
pub mod fulfilment;
pub mod hold;
pub mod item;
pub mod line;
pub mod location;
pub mod order;
pub mod order_number;
pub mod piece;
pub mod progress;
pub mod timeline;
