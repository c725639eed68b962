//! The order service as a whole, on SQLite and the bus in this process, and on PostgreSQL and JetStream where the
//! environment names them. The test plays routing, inventory and shipping.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod life;
mod metrics;
mod placing;
mod repeats;
mod replicas;
mod reports;
mod restored;
mod texts;
mod wakes;
mod world;
