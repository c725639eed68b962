//! One suite for both sides of the bus, and what rests on it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod bundling;
mod bus;
mod consuming;
mod in_process;
mod jetstream;
mod restored;
mod side;
mod upgrade;
