//! Verbs on fulfilments: load what a batch needs, decide one after another in memory, write each table once.

mod batch;
mod change;
mod label;
mod recall;
mod receive_tracking;
mod remember;
mod request;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use qm_clock::SharedClock;
use qm_database::Database;
use qm_ids::EventId;
use qm_messaging::Outbox;

pub use change::{Change, Verb, change};
pub use label::{claim_labels, finish_labels, pursue_labels};
pub use recall::{Recall, recall};
pub use receive_tracking::receive_tracking;
pub use remember::{Remembered, remember};
pub use request::{Ask, request};

use crate::{carriers::Carriers, wake::Wake};

/// What verbs need besides a transaction.
#[derive(Debug, Clone)]
pub struct Context {
    /// For verbs that ask carriers between two transactions.
    pub database: Database,
    /// Time.
    pub clock: SharedClock,
    /// Where messages are left.
    pub outbox: Outbox,
    /// Who takes parcels.
    pub carriers: Carriers,
    /// How long a carrier may take to answer, in real time.
    pub carrier_timeout: Duration,
    /// Woken when there is something to do.
    pub wake: Arc<Wake>,
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
