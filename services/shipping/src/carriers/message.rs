//! Tracking messages as carriers send them: signed by the Standard Webhooks scheme, a JSON body with events.

use std::time::Duration;

use chrono::{DateTime, Datelike as _, SecondsFormat, Utc};
use qm_clock::truncate_to_micros;
use qm_refusal::Refusal;
use qm_standard_webhooks::{Headers, VerifyError, WebhookSecret, verify};
use serde::{Deserialize, Serialize};

use crate::domain::{ShipmentStatus, TrackingEvent};

/// Largest body, bytes.
const MAX_BODY: usize = 1 << 20;
/// Most events of one message.
const MAX_EVENTS: usize = 1_000;
const MAX_ID: usize = 100;
const MAX_TEXT: usize = 500;
/// How far a message's time may be from ours, as the specification suggests: older ones may be replays.
const TOLERANCE: Duration = Duration::from_secs(300);

/// A carrier's message as it came.
#[derive(Debug, Clone, Copy)]
pub struct SignedMessage<'m> {
    /// `webhook-id`.
    pub id: &'m str,
    /// `webhook-timestamp`.
    pub timestamp: &'m str,
    /// `webhook-signature`.
    pub signature: &'m str,
    /// The body, untouched.
    pub body: &'m [u8],
}

/// Something that a carrier reported about a parcel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackingUpdate {
    /// The carrier's number.
    pub tracking_number: String,
    /// What happened.
    pub event: TrackingEvent,
}

#[derive(Deserialize)]
struct Body {
    events: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    id: String,
    tracking_number: String,
    status: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    place: String,
    occurred_at: DateTime<Utc>,
}

/// The body that tells of these updates.
pub fn encode(updates: &[TrackingUpdate]) -> Result<Vec<u8>, serde_json::Error> {
    /// What is written keeps the same form whatever the times hold.
    #[derive(Serialize)]
    struct Written<'u> {
        id: &'u str,
        tracking_number: &'u str,
        status: &'u str,
        description: &'u str,
        place: &'u str,
        occurred_at: String,
    }
    let events: Vec<_> = updates
        .iter()
        .map(|update| Written {
            id: &update.event.id,
            tracking_number: &update.tracking_number,
            status: update.event.status.word(),
            description: &update.event.description,
            place: &update.event.place,
            occurred_at: update.event.occurred_at.to_rfc3339_opts(SecondsFormat::Micros, true),
        })
        .collect();
    serde_json::to_vec(&serde_json::json!({ "events": events }))
}

/// Believes a message that was signed with one of `secrets`, and reads it.
pub fn read(
    secrets: &[WebhookSecret],
    message: &SignedMessage<'_>,
    now: DateTime<Utc>,
) -> Result<Vec<TrackingUpdate>, Refusal> {
    if message.body.len() > MAX_BODY {
        return Err(Refusal::too_large("body_too_large", format!("must be at most {MAX_BODY} bytes")));
    }
    let headers = Headers { id: message.id, timestamp: message.timestamp, signature: message.signature };
    verify(secrets, &headers, message.body, now.timestamp(), TOLERANCE).map_err(|error| {
        let (code, field) = match error {
            VerifyError::MalformedTimestamp => ("malformed_timestamp", "webhook-timestamp"),
            VerifyError::Stale => ("stale_message", "webhook-timestamp"),
            VerifyError::Mismatch => ("bad_signature", "webhook-signature"),
        };
        Refusal::unauthenticated(code, error.to_string()).at(field)
    })?;
    let body: Body = serde_json::from_slice(message.body)
        .map_err(|error| Refusal::invalid("body", "malformed_body", error.to_string()))?;
    if body.events.len() > MAX_EVENTS {
        return Err(Refusal::invalid("events", "too_many", format!("must be at most {MAX_EVENTS}")));
    }
    let update = |(index, entry)| {
        update(entry).map_err(|refusal: Refusal| refusal.within(&format!("events[{index}]")))
    };
    body.events.into_iter().enumerate().map(update).collect()
}

fn update(entry: Entry) -> Result<TrackingUpdate, Refusal> {
    let status = ShipmentStatus::from_word(&entry.status).filter(|status| *status != ShipmentStatus::Voided);
    let status = status.ok_or_else(|| {
        let message = "must be a shipment status that a carrier can report, such as in_transit";
        Refusal::invalid("status", "unknown_status", message)
    })?;
    name("id", &entry.id)?;
    name("tracking_number", &entry.tracking_number)?;
    if !(1..=9_999).contains(&entry.occurred_at.year()) {
        // Others are written with a sign, and sort before all times that there are.
        return Err(Refusal::invalid("occurred_at", "out_of_range", "must be in a year from 1 to 9999"));
    }
    for (field, text) in [("description", &entry.description), ("place", &entry.place)] {
        // Neither database can hold a NUL in a text, and nobody means the others.
        if text.chars().count() > MAX_TEXT || text.chars().any(char::is_control) {
            let message = format!("must be at most {MAX_TEXT} characters without control characters");
            return Err(Refusal::invalid(field, "malformed_text", message));
        }
    }
    Ok(TrackingUpdate {
        tracking_number: entry.tracking_number,
        event: TrackingEvent {
            id: entry.id,
            status,
            description: entry.description,
            place: entry.place,
            occurred_at: truncate_to_micros(entry.occurred_at),
        },
    })
}

fn name(field: &str, text: &str) -> Result<(), Refusal> {
    if (1..=MAX_ID).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    let message = format!("must be 1 to {MAX_ID} visible ASCII characters");
    Err(Refusal::invalid(field, "malformed_name", message))
}

#[cfg(test)]
mod tests {
    use qm_standard_webhooks::sign;

    use super::*;

    #[test]
    fn a_time_that_no_database_sorts_is_refused() {
        let secrets = [WebhookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap()];
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let read_at = |occurred_at: &str| {
            let event = serde_json::json!({ "id": "1", "tracking_number": "N1", "status": "delivered", "occurred_at": occurred_at });
            let body = serde_json::json!({ "events": [event] }).to_string();
            let signature = sign(&secrets, "id", now.timestamp(), body.as_bytes());
            let body = body.as_bytes();
            let message = SignedMessage { id: "id", timestamp: "1800000000", signature: &signature, body };
            read(&secrets, &message, now).map(|updates| updates.len()).map_err(|refusal| refusal.field)
        };
        assert_eq!(read_at("2026-11-28T05:46:36Z"), Ok(1));
        for far in ["+12345-01-01T00:00:00Z", "-0001-01-01T00:00:00Z", "0000-01-01T00:00:00Z"] {
            assert_eq!(read_at(far), Err(Some("events[0].occurred_at".to_owned())), "{far}");
        }
    }
}
