//! What routing consumes and what it emits.

pub mod consume;
pub mod emit;
#[cfg(test)]
mod example;
mod read;
pub mod remember;
