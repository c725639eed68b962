//! The decider of orders: what may happen to an order, and what follows. Pure: values in, values out.
//!
//! A verb takes an order and decides by emitting [`Event`]s on a [`Step`], which folds each into its copy of the order at
//! once, so that what is decided next sees it. The store saves the folded order; the emitted events become messages.

mod cancel;
mod event;
mod fulfilment;
mod hold;
mod money;
mod order;
mod piece;
mod place;
mod sourcing;
mod status;
mod step;
mod sweep;
#[cfg(test)]
mod tests;
mod wake;

pub use cancel::cancel;
pub use event::{Event, ReleaseReason, SourcingReason};
pub use fulfilment::{
    RejectReason, record_cancelled, record_completed, record_delivered, record_issued, record_lost,
    record_opened, record_recall_refused, record_rejected as record_fulfilment_rejected, record_returning,
};
pub use hold::{HoldKind, hold, release_hold};
pub use order::{
    Address, Attempt, AttemptState, Customer, Exclusion, Fee, Fulfilment, FulfilmentState, Hold, Kind, Line,
    LineUnits, Order, RecallIntent,
};
pub use piece::{Bucket, Piece, Source, UnitRange};
pub use place::{Item, NewLine, NewOrder, place};
pub use sourcing::{
    Assignment, Reservation, record_broken, record_rejected, record_reserved, record_unfillable,
};
pub use step::{Decision, Entry, Step};
pub use sweep::sweep;
pub use wake::wake;
