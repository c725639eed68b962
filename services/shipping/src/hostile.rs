//! What carriers' messages are read from.

use chrono::{DateTime, Datelike as _};
use qm_hostile::{Parser, texts};
use qm_standard_webhooks::{WebhookSecret, sign};

use crate::carriers::{SignedMessage, read};

/// The parsers.
pub const PARSERS: &[Parser] = &[Parser {
    name: "carrier-message",
    seeds: || {
        texts(&[
            r#"{"events":[{"id":"1","tracking_number":"SIM1","status":"in_transit","description":"d","place":"p","occurred_at":"2026-11-28T05:46:36Z"}]}"#,
        ])
    },
    read: body,
}];

/// Signed as by the carrier itself: a carrier that was taken over must not harm either.
fn body(bytes: &[u8]) {
    let Ok(secret) = WebhookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw") else { return };
    let secrets = [secret];
    let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap_or_default();
    let signature = sign(&secrets, "id", now.timestamp(), bytes);
    let message = SignedMessage { id: "id", timestamp: "1800000000", signature: &signature, body: bytes };
    for update in read(&secrets, &message, now).unwrap_or_default() {
        assert!(!update.tracking_number.is_empty());
        assert!((1..=9_999).contains(&update.event.occurred_at.year()));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_bytes_from_outside_make_a_parser_panic() {
        qm_hostile::withstand(super::PARSERS);
    }
}
