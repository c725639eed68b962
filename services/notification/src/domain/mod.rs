//! Who is told what, and how a failed try is followed by the next. Pure: no I/O, no clock.

pub mod address;
pub mod backoff;
pub mod problem;
pub mod rule;
pub mod subscription;
pub mod template;
