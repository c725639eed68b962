//! The decider of orders: what may happen to an order, and what follows. Pure: values in, values out.
//!
//! A verb takes an order and decides by emitting [`Event`]s on a [`Step`], which folds each into its copy of the order at
//! once, so that what is decided next sees it. The store saves the folded order; the emitted events become messages.

mod arrival;
mod broken;
mod cancel;
mod event;
mod evolve;
mod fulfilment;
mod hold;
mod money;
mod order;
mod piece;
mod place;
mod reserve;
mod shipment;
mod sourcing;
mod status;
mod step;
mod sweep;
#[cfg(test)]
mod tests;
mod unsourced;
mod wake;
mod work;

pub use arrival::{Arrivals, ArrivalsByItem, Spare};
pub use broken::record_broken;
pub use cancel::cancel;
pub use event::{Event, MAX_REJECTIONS, ReleaseReason, SourcingReason};
pub use fulfilment::{
    RejectReason, record_cancelled, record_opened, record_recall_refused,
    record_rejected as record_fulfilment_rejected,
};
pub use hold::{HoldKind, hold, release_hold};
pub use order::{
    Address, Attempt, AttemptState, Customer, Exclusion, Fee, Hold, Kind, Line, LineUnits, Order,
};
pub use piece::{Bucket, Piece, Source, UnitRange};
pub use place::{Item, NewLine, NewOrder, place};
pub use reserve::{Assignment, Reservation, record_reserved};
pub use shipment::{record_completed, record_issued, record_journey};
pub use step::{Decision, Entry, Step};
pub use sweep::sweep;
pub use unsourced::{look_again, record_rejected, record_unfillable};
pub use wake::wake;
pub use work::{Fate, Fulfilment, FulfilmentState, Journey, RecallIntent, Report, ReportKind, UnitsByLine};
