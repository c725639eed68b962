#![doc = include_str!("../README.md")]

mod admin;
mod command;
pub mod config;
pub mod grpc;
mod host;
mod listen;
pub mod operations;
mod panics;
mod peers;
mod program;
mod readiness;
mod remembered;
mod server;
mod service;
mod statistics;
mod worker;

/// Of every program that a service is part of; see the workspace's manifest.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub use command::{CommandError, query_failed};
pub use host::{Host, RunError, run};
pub use listen::{ListenError, listen};
pub use peers::Peers;
pub use program::{bus_answers, cancelled_by_signal, database_answers, main, open_database};
pub use qm_worker::{Rest, Stage, Turns, Worker, WorkerOutcome, with_causes};
pub use readiness::ReadinessCheck;
pub use remembered::Remembered;
pub use service::{Assembly, BuildError, Deps, ServiceDefinition};
pub use statistics::statistics;
pub use worker::WorkerEnded;
