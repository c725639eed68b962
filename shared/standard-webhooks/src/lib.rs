#![doc = include_str!("../README.md")]

mod secret;
mod signature;

pub use secret::{MalformedSecret, WebhookSecret};
pub use signature::{Headers, VerifyError, sign, verify};
