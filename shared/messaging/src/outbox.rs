//! Writing events in the transaction of the change that they tell.

use std::{collections::BTreeMap, sync::Arc};

use qm_clock::SharedClock;
use qm_database::{Result, Tx};
use qm_ids::IdGenerator;
use qm_telemetry::metrics::Metrics;
use uuid::Uuid;

use crate::{
    NewEvent,
    handover::Handover,
    table::{history, outbox},
    unpublished::Unpublished,
};

/// Where a service leaves its events.
#[derive(Debug, Clone)]
pub struct Outbox {
    owner: Uuid,
    clock: SharedClock,
    ids: IdGenerator,
    handover: Arc<Handover>,
    metrics: Option<Metrics>,
}

impl Outbox {
    /// `owner` names this process among the replicas; `handover` leads to its relay.
    pub(crate) fn new(owner: Uuid, clock: SharedClock, ids: IdGenerator, handover: Arc<Handover>) -> Self {
        Self { owner, clock, ids, handover, metrics: None }
    }

    /// The same, counting what it takes.
    pub(crate) fn counting(self, metrics: Metrics) -> Self {
        Self { metrics: Some(metrics), ..self }
    }

    /// Writes events in `tx`. Once it commits, they are published at once.
    pub async fn append(&self, tx: &Tx, events: Vec<NewEvent>) -> Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        let written_at = self.clock.now();
        let current = qm_telemetry::propagation::current_traceparent();
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        if self.metrics.is_some() {
            for event in &events {
                *counts.entry(event.event_type.clone()).or_default() += 1;
            }
        }
        let events: Vec<history::Model> = events
            .into_iter()
            .map(|event| history::Model {
                tenant_id: event.tenant,
                event_id: self.ids.next(),
                event_type: event.event_type,
                aggregate_id: event.aggregate,
                occurred_at: event.occurred_at,
                trace: event.trace.or_else(|| current.clone()),
                payload: event.payload,
                written_at,
            })
            .collect();
        let unpublished = Unpublished::of_transaction(events.clone());
        let rows = unpublished.iter().map(|batch| batch.row(self.owner, written_at)).collect();
        tx.insert_many::<outbox::Entity>(rows).await?;
        tx.insert_many::<history::Entity>(events).await?;
        let (handover, metrics) = (self.handover.clone(), self.metrics.clone());
        tx.after_commit(move || {
            handover.give(unpublished);
            if let Some(metrics) = metrics {
                for (event_type, count) in counts {
                    metrics.count_events(event_type, "committed", count);
                }
            }
        });
        Ok(())
    }
}
