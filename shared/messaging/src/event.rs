//! Events as services write and read them.

use chrono::{DateTime, Utc};
use qm_ids::{EventId, Id, TenantId};
use qm_proto::events::Event;
use uuid::Uuid;

/// An event to be told, once the transaction that it is written in stands.
#[derive(Debug, Clone)]
pub struct NewEvent {
    pub(crate) tenant: TenantId,
    pub(crate) event_type: String,
    pub(crate) aggregate: Uuid,
    pub(crate) occurred_at: DateTime<Utc>,
    pub(crate) trace: Option<String>,
    pub(crate) payload: Vec<u8>,
}

impl NewEvent {
    /// An event about `aggregate`, of its payload's own type.
    pub fn new<E: Event>(
        tenant: TenantId,
        aggregate: impl Id,
        payload: &E,
        occurred_at: DateTime<Utc>,
    ) -> Self {
        Self::typed(E::TYPE, tenant, aggregate, payload, occurred_at)
    }

    /// An event whose type its payload shares with others, such as `shipment.delivered`.
    pub fn typed<E: Event>(
        event_type: impl Into<String>,
        tenant: TenantId,
        aggregate: impl Id,
        payload: &E,
        occurred_at: DateTime<Utc>,
    ) -> Self {
        Self {
            tenant,
            event_type: event_type.into(),
            aggregate: aggregate.as_uuid(),
            occurred_at,
            trace: None,
            payload: payload.encode_to_vec(),
        }
    }

    /// Puts the event in the trace of what caused it. In a batch each event has a cause of its own, so the batch's
    /// current span will not do.
    #[must_use]
    pub fn traced(mut self, trace: Option<String>) -> Self {
        self.trace = trace;
        self
    }
}

/// An event as a handler gets it.
#[derive(Debug, Clone)]
pub struct Received<P> {
    /// Names the event; the same at every delivery.
    pub event_id: EventId,
    /// Whose it is.
    pub tenant: TenantId,
    /// For example `order.placed`.
    pub event_type: String,
    /// What it is about.
    pub aggregate: Uuid,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// W3C `traceparent` of this delivery; hand it to [`NewEvent::traced`] for what the event causes.
    pub trace: Option<String>,
    /// What happened.
    pub payload: P,
}
