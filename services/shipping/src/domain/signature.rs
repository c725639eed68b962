//! Checking and making the signatures of carriers' messages, as the Standard Webhooks specification says
//! (<https://www.standardwebhooks.com>): HMAC-SHA256 over `id.timestamp.body`.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

const PREFIX: &str = "whsec_";
/// Shortest and longest secret, bytes; the specification says 24 to 64.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// How far a message's time may be from ours, as the specification suggests: older ones may be replays.
const TOLERANCE: TimeDelta = TimeDelta::minutes(5);

/// Why a message is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// `webhook-timestamp` is no number.
    #[error("webhook-timestamp must be seconds since 1970")]
    MalformedTimestamp,
    /// The message is older, or from further in the future, than five minutes.
    #[error("webhook-timestamp is more than five minutes from now")]
    Stale,
    /// No signature matches.
    #[error("no signature of version 1 matches")]
    Mismatch,
}

/// The secret that a carrier signs with.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookKey(Vec<u8>);

impl std::fmt::Debug for WebhookKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WebhookKey(hidden)")
    }
}

impl WebhookKey {
    /// Reads `whsec_` and base64; none if it is something else or not of 24 to 64 bytes.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64_STANDARD.decode(text.strip_prefix(PREFIX)?).ok()?;
        SECRET_BYTES.contains(&bytes.len()).then_some(Self(bytes))
    }

    /// The `webhook-signature` of a message.
    pub fn sign(&self, id: &str, timestamp: &str, body: &[u8]) -> Option<String> {
        let signature = self.mac(id, timestamp, body)?.finalize().into_bytes();
        Some(format!("v1,{}", BASE64_STANDARD.encode(signature)))
    }

    /// Believes a message that carries one good signature among those in the header, which are separated by spaces
    /// while a carrier changes its secret. Compares in constant time.
    pub fn verify(
        &self,
        id: &str,
        timestamp: &str,
        signatures: &str,
        body: &[u8],
        now: DateTime<Utc>,
    ) -> Result<(), SignatureError> {
        let sent_at = timestamp
            .parse()
            .ok()
            .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
            .ok_or(SignatureError::MalformedTimestamp)?;
        if now.signed_duration_since(sent_at).abs() > TOLERANCE {
            return Err(SignatureError::Stale);
        }
        let given = signatures.split_ascii_whitespace().filter_map(|signature| signature.strip_prefix("v1,"));
        for signature in given.filter_map(|text| BASE64_STANDARD.decode(text).ok()) {
            let mac = self.mac(id, timestamp, body).ok_or(SignatureError::Mismatch)?;
            if mac.verify_slice(&signature).is_ok() {
                return Ok(());
            }
        }
        Err(SignatureError::Mismatch)
    }

    fn mac(&self, id: &str, timestamp: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(id.as_bytes());
        mac.update(b".");
        mac.update(timestamp.as_bytes());
        mac.update(b".");
        mac.update(body);
        Some(mac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's reference libraries.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const TIME: &str = "1614265330";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn verify(id: &str, time: &str, signatures: &str, body: &[u8], late: i64) -> Result<(), SignatureError> {
        let now = DateTime::from_timestamp(1_614_265_330 + late, 0).unwrap();
        WebhookKey::parse(SECRET).unwrap().verify(id, time, signatures, body, now)
    }

    #[test]
    fn the_published_example_is_signed_and_believed() {
        assert_eq!(WebhookKey::parse(SECRET).unwrap().sign(ID, TIME, BODY).as_deref(), Some(SIGNATURE));
        assert_eq!(verify(ID, TIME, SIGNATURE, BODY, 0), Ok(()));
        assert_eq!(verify(ID, TIME, &format!("v1,AAAA v2,x {SIGNATURE}"), BODY, 299), Ok(()));
    }

    #[test]
    fn whatever_was_changed_is_not_believed() {
        assert_eq!(verify("msg_other", TIME, SIGNATURE, BODY, 0), Err(SignatureError::Mismatch));
        assert_eq!(verify(ID, "1614265331", SIGNATURE, BODY, 0), Err(SignatureError::Mismatch));
        assert_eq!(verify(ID, TIME, SIGNATURE, b"{}", 0), Err(SignatureError::Mismatch));
        for header in ["", "v1,", "v1", "v1,!", "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="] {
            assert_eq!(verify(ID, TIME, header, BODY, 0), Err(SignatureError::Mismatch), "{header}");
        }
        for late in [-301, 301] {
            assert_eq!(verify(ID, TIME, SIGNATURE, BODY, late), Err(SignatureError::Stale));
        }
        for time in ["", "now", "9223372036854775807"] {
            assert_eq!(verify(ID, time, SIGNATURE, BODY, 0), Err(SignatureError::MalformedTimestamp));
        }
    }

    #[test]
    fn a_secret_that_is_too_short_or_no_secret_is_refused() {
        for text in ["", "whsec_", "whsec_c2hvcnQ=", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
            assert_eq!(WebhookKey::parse(text), None, "{text}");
        }
    }
}
