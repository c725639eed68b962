#![doc = include_str!("../README.md")]

mod derived;
mod generator;
#[cfg(any(test, fuzzing))]
pub mod hostile;
mod id;
mod kinds;
mod text;

pub use derived::derive;
pub use generator::IdGenerator;
pub use id::Id;
pub use kinds::*;
pub use text::{ParseIdError, Problem};
pub use uuid::Uuid;
