#![doc = include_str!("../README.md")]

mod causes;
mod outage;
mod rest;
mod worker;

pub use causes::with_causes;
pub use rest::Rest;
pub use worker::{Error, Stage, Turns, Worker, WorkerOutcome};
