#![doc = include_str!("../README.md")]

#[cfg(any(test, fuzzing))]
pub mod hostile;
mod secret;
mod signature;

pub use secret::{MalformedSecret, WebhookSecret};
pub use signature::{Headers, VerifyError, sign, verify};
