//! What order consumes and what it emits.

pub mod consume;
pub mod emit;
mod read;
mod replicas;
