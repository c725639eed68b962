#![doc = include_str!("../README.md")]

pub mod bus;
mod consumer;
mod consuming;
mod dead_letters;
mod envelope;
mod error;
mod event;
mod gauges;
mod handover;
#[cfg(any(test, fuzzing))]
pub mod hostile;
mod inbox;
mod maintenance;
mod messaging;
pub mod migrations;
mod outbox;
mod relay;
mod restoration;
mod table;
mod unpublished;

pub use consumer::{Handler, Payload, Raw};
pub use dead_letters::DeadLetter;
pub use envelope::{Envelope, MalformedEnvelope};
pub use error::HandleError;
pub use event::{NewEvent, Received};
pub use messaging::{Backlog, Messaging, MessagingBuilder, MessagingOptions};
pub use outbox::Outbox;
pub use restoration::Remember;
