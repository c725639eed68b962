//! The ways out: mail and HTTP.

pub mod http;
pub mod mail;
