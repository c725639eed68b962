//! Given, when, then; and random lives of orders in a world that answers late, twice and in any order.

mod lives;
mod races;
mod world;
