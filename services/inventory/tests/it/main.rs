//! The inventory service as a whole, on SQLite and the bus in this process, and on PostgreSQL and JetStream where the
//! environment names them. The test plays order, routing and shipping.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod calls;
mod locations;
mod saga;
mod texts;
mod world;
