#![doc = include_str!("../README.md")]

mod kind;
mod refusal;
mod status;

pub use kind::Kind;
pub use refusal::Refusal;
