//! The routing service as a whole, on SQLite and the bus in this process, and on PostgreSQL and JetStream where the
//! environment names them. The test plays order, shipping, and inventory with its stock.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod batches;
mod calls;
mod capacity;
mod fake_inventory;
mod plans;
mod world;
