//! The built command line, run as a person runs it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

mod books;
mod dataset;
mod demo;
mod program;
mod serve;
