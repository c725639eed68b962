//! The order service.

mod domain;
