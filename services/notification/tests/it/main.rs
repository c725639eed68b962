//! The notification service as a whole, on SQLite and the bus in this process, and on PostgreSQL and JetStream where the
//! environment names them: events in, mails and webhooks out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod receiver;
mod telling;
mod texts;
mod world;
