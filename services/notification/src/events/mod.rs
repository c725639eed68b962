//! What notification consumes. It emits nothing.

pub mod consume;
mod public;
