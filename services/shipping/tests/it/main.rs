//! The shipping service as a whole, on SQLite and the bus in this process, and on PostgreSQL and JetStream where the
//! environment names them. The test plays order, inventory, people at a location, and carriers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod life;
mod lists;
mod races;
mod texts;
mod tracking;
mod world;
