//! What shipping consumes and what it emits.

pub mod consume;
pub mod emit;
pub mod remember;
