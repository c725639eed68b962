//! An event on the bus: CloudEvents 1.0 in binary mode, the tenant, and W3C trace context, as headers.

use chrono::{DateTime, SecondsFormat, Utc};
use qm_ids::{EventId, TenantId};
use uuid::Uuid;

use crate::bus::Message;

const ID: &str = "ce-id";
const SPEC_VERSION: &str = "ce-specversion";
const SOURCE: &str = "ce-source";
const TYPE: &str = "ce-type";
const SUBJECT: &str = "ce-subject";
const TIME: &str = "ce-time";
const CONTENT_TYPE: &str = "content-type";
const TENANT: &str = "qm-tenant";
const TRACE_PARENT: &str = "traceparent";

/// Everything about an event but the meaning of its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Names the event.
    pub event_id: EventId,
    /// Whose it is.
    pub tenant: TenantId,
    /// For example `order.placed`.
    pub event_type: String,
    /// The service that tells it.
    pub source: String,
    /// What it is about.
    pub aggregate: Uuid,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// W3C `traceparent`, when the change was traced.
    pub trace: Option<String>,
    /// The encoded payload.
    pub payload: Vec<u8>,
}

/// A message that is no event of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("header {header}: {problem}")]
pub struct MalformedEnvelope {
    /// The header at fault.
    pub header: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

impl Envelope {
    /// The bus's subject for an event type or pattern.
    pub fn subject(event_type: &str) -> String {
        format!("qm.{event_type}")
    }

    /// The event as a message.
    pub fn into_message(self) -> Message {
        let header = |name: &str, value: String| (name.to_owned(), value);
        let mut headers = vec![
            header(SPEC_VERSION, "1.0".to_owned()),
            header(ID, self.event_id.to_string()),
            header(SOURCE, format!("/quartermaster/{}", self.source)),
            header(TYPE, self.event_type.clone()),
            header(SUBJECT, self.aggregate.to_string()),
            header(TIME, self.occurred_at.to_rfc3339_opts(SecondsFormat::Micros, true)),
            header(CONTENT_TYPE, "application/protobuf".to_owned()),
            header(TENANT, self.tenant.to_string()),
        ];
        headers.extend(self.trace.map(|trace| header(TRACE_PARENT, trace)));
        Message {
            subject: Self::subject(&self.event_type),
            id: self.event_id.to_string(),
            headers,
            payload: self.payload,
        }
    }

    /// Reads a message; refuses what lacks a header or has a malformed one.
    pub fn from_message(message: &Message) -> Result<Self, MalformedEnvelope> {
        let source = required(message, SOURCE)?;
        Ok(Self {
            event_id: parsed(message, ID)?,
            tenant: parsed(message, TENANT)?,
            event_type: required(message, TYPE)?.to_owned(),
            source: source.strip_prefix("/quartermaster/").unwrap_or(source).to_owned(),
            aggregate: parsed(message, SUBJECT)?,
            occurred_at: parsed::<DateTime<Utc>>(message, TIME)?,
            trace: find(message, TRACE_PARENT).map(str::to_owned),
            payload: message.payload.clone(),
        })
    }
}

fn find<'m>(message: &'m Message, header: &str) -> Option<&'m str> {
    message.headers.iter().find(|(name, _)| name == header).map(|(_, value)| value.as_str())
}

fn required<'m>(message: &'m Message, header: &'static str) -> Result<&'m str, MalformedEnvelope> {
    find(message, header).ok_or_else(|| MalformedEnvelope { header, problem: "is missing".to_owned() })
}

fn parsed<T>(message: &Message, header: &'static str) -> Result<T, MalformedEnvelope>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    required(message, header)?
        .parse()
        .map_err(|error: T::Err| MalformedEnvelope { header, problem: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope() -> Envelope {
        Envelope {
            event_id: EventId::from_uuid(Uuid::from_u128(7)),
            tenant: TenantId::from_uuid(Uuid::from_u128(8)),
            event_type: "order.placed".to_owned(),
            source: "order".to_owned(),
            aggregate: Uuid::from_u128(9),
            occurred_at: DateTime::from_timestamp(1_700_000_000, 123_456_000).unwrap(),
            trace: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
            payload: vec![1, 2, 3],
        }
    }

    #[test]
    fn an_event_survives_the_bus() {
        let message = envelope().into_message();
        assert_eq!(message.subject, "qm.order.placed");
        assert_eq!(Envelope::from_message(&message), Ok(envelope()));
    }

    #[test]
    fn a_missing_or_malformed_header_is_named() {
        let mut message = envelope().into_message();
        message.headers.retain(|(name, _)| name != TENANT);
        assert_eq!(Envelope::from_message(&message).unwrap_err().header, TENANT);
        message.headers.push((TENANT.to_owned(), "order_x".to_owned()));
        assert_eq!(Envelope::from_message(&message).unwrap_err().header, TENANT);
    }
}
