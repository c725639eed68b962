//! Events that one transaction wrote for one tenant, as they wait to be published.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use qm_ids::{EventId, TenantId};
use uuid::Uuid;

use crate::table::{history, outbox};

/// Events that one row of the outbox names at most, so that a large transaction is not published in one piece.
const MOST: usize = 512;

/// Events that are published together, and the key of the row that says that they are not published yet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Unpublished {
    pub(crate) tenant: TenantId,
    pub(crate) first: EventId,
    /// At least one, in order of their ids; without those that somebody took from the history.
    pub(crate) events: Vec<history::Model>,
}

impl Unpublished {
    /// What a transaction wrote, each tenant's events in the order given.
    pub(crate) fn of_transaction(events: Vec<history::Model>) -> Vec<Self> {
        let mut by_tenant: BTreeMap<TenantId, Vec<Self>> = BTreeMap::new();
        for event in events {
            let of_tenant = by_tenant.entry(event.tenant_id).or_default();
            match of_tenant.last_mut() {
                Some(last) if last.events.len() < MOST => last.events.push(event),
                _ => of_tenant.push(Self {
                    tenant: event.tenant_id,
                    first: event.event_id,
                    events: vec![event],
                }),
            }
        }
        by_tenant.into_values().flatten().collect()
    }

    /// Its row.
    pub(crate) fn row(&self, owner: Uuid, written_at: DateTime<Utc>) -> outbox::Model {
        let ids = self.events.iter().flat_map(|event| event.event_id.as_uuid().into_bytes());
        outbox::Model {
            tenant_id: self.tenant,
            event_id: self.first,
            event_ids: ids.collect(),
            event_count: i32::try_from(self.events.len()).unwrap_or(i32::MAX),
            owner,
            written_at,
        }
    }

    /// Its row's key.
    pub(crate) fn key(&self) -> (TenantId, Uuid) {
        (self.tenant, self.first.as_uuid())
    }
}

impl outbox::Model {
    /// The events that it names.
    pub(crate) fn events(&self) -> impl Iterator<Item = EventId> {
        self.event_ids.chunks_exact(16).filter_map(|id| Uuid::from_slice(id).ok()).map(EventId::from_uuid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(tenant: u128, id: u128) -> history::Model {
        history::Model {
            tenant_id: TenantId::from_uuid(Uuid::from_u128(tenant)),
            event_id: EventId::from_uuid(Uuid::from_u128(id)),
            event_type: "order.placed".to_owned(),
            aggregate_id: Uuid::nil(),
            occurred_at: DateTime::<Utc>::UNIX_EPOCH,
            trace: None,
            payload: Vec::new(),
            written_at: DateTime::<Utc>::UNIX_EPOCH,
        }
    }

    #[test]
    fn each_tenants_events_are_together_and_in_order() {
        let batches =
            Unpublished::of_transaction(vec![event(1, 10), event(2, 11), event(1, 12), event(1, 13)]);
        let ids = |batch: &Unpublished| -> Vec<u128> {
            batch.row(Uuid::nil(), DateTime::UNIX_EPOCH).events().map(|id| id.as_uuid().as_u128()).collect()
        };
        assert_eq!(batches.iter().map(ids).collect::<Vec<_>>(), [vec![10, 12, 13], vec![11]]);
    }

    #[test]
    fn a_large_transaction_is_several_rows_of_which_each_says_how_many_it_names() {
        let batches = Unpublished::of_transaction((0..MOST as u128 + 1).map(|id| event(1, id)).collect());
        let counts: Vec<(i32, usize)> = batches
            .iter()
            .map(|batch| batch.row(Uuid::nil(), DateTime::UNIX_EPOCH))
            .map(|row| (row.event_count, row.events().count()))
            .collect();
        assert_eq!(counts, [(MOST as i32, MOST), (1, 1)]);
    }
}
