//! Verbs on plans: load what a batch needs, decide one after another in memory, write each table once.

mod end;
mod plan;
mod put_tariff;
mod remember;

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;
use qm_clock::SharedClock;
use qm_messaging::Outbox;
use qm_telemetry::metrics::{CounterFamily, Metrics};

pub use end::{Change, Verb, change};
pub use plan::{Asked, plan};
pub use put_tariff::put_tariff;
pub use remember::{Told, remember};

use crate::{
    domain::{LeastCost, Outcome},
    store::Known,
};

/// What verbs need besides a transaction.
#[derive(Debug, Clone)]
pub struct Context {
    /// Time.
    pub clock: SharedClock,
    /// Where messages are left.
    pub outbox: Outbox,
    /// Decides.
    pub policy: Arc<LeastCost>,
    /// What was just read of locations, tariffs and items.
    pub known: Known,
    /// Days on the road for tenants without a tariff.
    pub untariffed_transit_days: u16,
    /// What was decided.
    pub plans: PlanCounter,
}

/// Counts plans by outcome.
#[derive(Debug, Clone)]
pub struct PlanCounter(CounterFamily<OutcomeLabel>);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

impl PlanCounter {
    /// The counter among the service's metrics.
    pub fn register(metrics: &Metrics) -> Self {
        Self(metrics.counters("plans", "Plans by outcome"))
    }

    fn count(&self, outcome: Outcome) {
        self.0.get_or_create(&OutcomeLabel { outcome: outcome.word() }).inc();
    }
}
