//! Telling fresh events from those that were applied before.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use qm_database::{Result, Tx};

use crate::{Received, table::inbox};

/// Records that `consumer` applies these events in `tx`, and returns those that it had not applied before.
///
/// A replica that applies the same event at this moment is waited for: its commit makes the event old here.
pub(crate) async fn fresh<P: Clone>(
    tx: &Tx,
    consumer: &str,
    events: &[Received<P>],
    now: DateTime<Utc>,
) -> Result<Vec<Received<P>>> {
    // Sorted, so that two replicas with overlapping batches wait for each other in one order.
    let mut rows: Vec<_> = events
        .iter()
        .map(|event| inbox::Model {
            tenant_id: event.tenant,
            consumer: consumer.to_owned(),
            event_id: event.event_id,
            applied_at: now,
        })
        .collect();
    rows.sort_by_key(|row| (row.tenant_id, row.event_id));
    rows.dedup_by_key(|row| (row.tenant_id, row.event_id));
    let mut fresh: HashSet<_> = tx.insert_new_many::<inbox::Entity>(rows).await?.into_iter().collect();
    // `remove`, so that an event that stands twice in the batch is applied once.
    Ok(events.iter().filter(|event| fresh.remove(&event.event_id.as_uuid())).cloned().collect())
}
