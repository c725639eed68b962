//! Recording public events, and making mails and deliveries of them.

use chrono::{DateTime, Utc};
use qm_database::{Result, TenantSet, Tx};
use qm_ids::{EventId, OrderId, TenantId, derive};
use serde_json::Value;

use crate::{
    domain::{rule, subscription},
    store::{self, Change, Delivery, Endpoint, Message},
};

/// A public event.
#[derive(Debug, Clone)]
pub struct PublicEvent {
    /// Names it.
    pub event_id: EventId,
    /// Whose it is.
    pub tenant: TenantId,
    /// For example `order.placed`.
    pub event_type: String,
    /// The order that it is about, if it is about one.
    pub order: Option<OrderId>,
    /// Public fields, a JSON object.
    pub data: Value,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// `traceparent` of its handling.
    pub trace: Option<String>,
}

/// Whether there is something to send now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// Mails were made.
    pub mails: bool,
    /// Deliveries to endpoints were made.
    pub deliveries: bool,
}

/// Records events in one transaction: a change each, a mail where a rule says so, a delivery per endpoint that wants it.
pub async fn record_changes(tx: &Tx, events: &[PublicEvent], now: DateTime<Utc>) -> Result<Made> {
    let tenants = TenantSet::of(events.iter().map(|event| event.tenant));
    let mut positions = store::changes::lock_positions(tx, &tenants).await?;
    let endpoints = store::endpoints::enabled(tx).await?;
    let (mut changes, mut messages, mut deliveries) = (Vec::new(), Vec::new(), Vec::new());
    for event in events {
        let last = positions.entry(event.tenant).or_default();
        *last += 1;
        let change = change(event, *last, now);
        messages.extend(message(event, &change.data, now));
        let wanting = endpoints.iter().filter(|endpoint| wants(endpoint, event));
        deliveries.extend(wanting.map(|endpoint| delivery(endpoint, &change, event.trace.clone(), now)));
        changes.push(change);
    }
    let made = Made { mails: !messages.is_empty(), deliveries: !deliveries.is_empty() };
    store::changes::add(tx, changes).await?;
    store::changes::save_positions(tx, positions).await?;
    store::messages::add(tx, messages).await?;
    store::endpoints::add_deliveries(tx, deliveries).await?;
    Ok(made)
}

fn change(event: &PublicEvent, position: i64, now: DateTime<Utc>) -> Change {
    Change {
        tenant_id: event.tenant,
        position,
        event_id: event.event_id,
        event_type: event.event_type.clone(),
        order_id: event.order,
        data: event.data.to_string(),
        occurred_at: event.occurred_at,
        recorded_at: now,
    }
}

fn message(event: &PublicEvent, data: &str, now: DateTime<Utc>) -> Option<Message> {
    let template = rule::mail_for(&event.event_type)?;
    Some(Message {
        tenant_id: event.tenant,
        // The same event makes the same mail.
        message_id: derive(event.event_id.as_uuid(), template, 0),
        order_id: event.order?,
        template: template.to_owned(),
        data: data.to_owned(),
        status: "pending".to_owned(),
        attempts: 0,
        last_error: String::new(),
        due_at: Some(now),
        is_claimed: false,
        trace: event.trace.clone(),
        created_at: now,
        sent_at: None,
    })
}

fn wants(endpoint: &Endpoint, event: &PublicEvent) -> bool {
    let wanted: Vec<String> = endpoint.event_types.split_whitespace().map(str::to_owned).collect();
    endpoint.tenant_id == event.tenant && subscription::wants(&wanted, &event.event_type)
}

fn delivery(endpoint: &Endpoint, change: &Change, trace: Option<String>, now: DateTime<Utc>) -> Delivery {
    Delivery {
        tenant_id: change.tenant_id,
        delivery_id: derive(change.event_id.as_uuid(), &endpoint.endpoint_id.to_string(), 0),
        endpoint_id: endpoint.endpoint_id,
        position: change.position,
        event_id: change.event_id,
        event_type: change.event_type.clone(),
        status: "pending".to_owned(),
        attempts: 0,
        last_status: 0,
        last_error: String::new(),
        due_at: Some(now),
        is_claimed: false,
        trace,
        created_at: now,
    }
}
