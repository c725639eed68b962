//! The gateway over HTTP, with its peers away: what it decides itself, it decides before it asks anybody.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

mod abuse;
mod callers;
mod described;
mod issuer;
mod requests;
mod shown;
mod tokens;
mod world;
