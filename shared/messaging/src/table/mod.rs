//! The machinery's own tables.

pub(crate) mod dead_letter;
pub(crate) mod epoch;
pub(crate) mod history;
pub(crate) mod inbox;
pub(crate) mod outbox;
pub(crate) mod stream_memory;
