//! Given, when, then; and random lives of orders in a world that answers late, twice and in any order.

mod lives;
mod others;
mod races;
mod reports;
mod stock;
mod wakes;
mod world;
