//! Verbs on orders: load what a batch needs, decide one after another in memory, write each table once.

mod change;
mod place;
mod sweep;
mod unsourced;
mod wake;

use chrono::TimeDelta;
use qm_clock::SharedClock;
use qm_ids::{EventId, IdGenerator, OrderId, TenantId};
use qm_messaging::Outbox;

use crate::store::Recent;

pub use change::{Change, Verb, change};
pub use place::{Placed, Placement, place};
pub use sweep::sweep;
pub use unsourced::{Answer, Failure, fall_short};
pub use wake::{Arrival, wake, wake_more};

/// What verbs need besides a transaction.
#[derive(Debug, Clone)]
pub struct Context {
    /// Time.
    pub clock: SharedClock,
    /// Fresh ids.
    pub ids: IdGenerator,
    /// Where messages are left.
    pub outbox: Outbox,
    /// Orders at hand.
    pub recent: Recent,
    /// The pause before an unanswered question is asked again.
    pub patience: TimeDelta,
}

/// Who asked, and because of what.
#[derive(Debug, Clone, Default)]
pub struct Cause {
    /// The event; none for a direct command.
    pub event: Option<EventId>,
    /// The trace that the command belongs to.
    pub trace: Option<String>,
    /// Kind and id.
    pub actor: (String, String),
}

/// An order of a tenant.
pub type Key = (TenantId, OrderId);
