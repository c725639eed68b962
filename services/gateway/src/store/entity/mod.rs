//! The tables.

pub mod api_key;
pub mod tenant;
