//! Configuration, channels and the life of a host, tested from outside.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot set up its world fails"
)]

mod channel;
mod config;
mod host;
mod hostile;
mod operations;
mod world;
