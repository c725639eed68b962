#![doc = include_str!("../README.md")]

mod batcher;
mod connect;
mod error;
mod retry;
pub mod schema;
mod scope;
#[cfg(test)]
mod tests;
mod transaction;
mod write;

pub use batcher::{Batcher, BatcherOptions, Overloaded};
pub use connect::{Database, DatabaseOptions, Pool};
pub use error::{CommitUnknown, Error};
pub use retry::{Attempt, MAX_TRIES, Retryable};
pub use scope::{TenantEntity, TenantSet};
pub use transaction::{Tx, keys};

/// What operations of this crate return.
pub type Result<T, E = Error> = std::result::Result<T, E>;
