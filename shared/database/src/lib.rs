#![doc = include_str!("../README.md")]

mod arrays;
mod batcher;
mod changes;
mod connect;
mod deferred;
mod error;
mod faults;
mod keys;
mod retry;
pub mod schema;
mod scope;
mod silence;
mod statistics;
#[cfg(test)]
mod tests;
mod transaction;
mod write;

pub use batcher::{Batcher, BatcherOptions, Overloaded};
pub use changes::Changes;
pub use connect::{Database, DatabaseOptions, Pool};
pub use error::{CommitUnknown, Error};
pub use faults::{CommitFault, Faults, SharedFaults};
pub use keys::{comes_after, comes_from, keys};
pub use retry::{Attempt, MAX_TRIES, Retryable};
pub use scope::{TenantEntity, TenantSet};
pub use transaction::Tx;

/// What operations of this crate return.
pub type Result<T, E = Error> = std::result::Result<T, E>;
