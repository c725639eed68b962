//! Rows.

pub mod backorder_wait;
pub mod item;
pub mod location;
pub mod movement;
pub mod reservation;
pub mod reservation_leg;
pub mod stock;
pub mod stock_hold;
pub mod stock_review;
pub mod wait_look;
