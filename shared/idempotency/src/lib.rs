#![doc = include_str!("../README.md")]

mod key;
pub mod migrations;
mod record;
mod store;
#[cfg(test)]
mod tests;

pub use key::OnceKey;
pub use store::{Seen, look_up, store};
