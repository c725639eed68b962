#![doc = include_str!("../README.md")]

mod outage;
mod rest;
mod worker;

pub use rest::Rest;
pub use worker::{Error, Stage, Turns, Worker, WorkerOutcome};
