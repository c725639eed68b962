//! What order consumes and what it emits.

pub mod consume;
pub mod emit;
#[cfg(any(test, fuzzing))]
pub(crate) mod hostile;
mod read;
pub mod remember;
mod replicas;
