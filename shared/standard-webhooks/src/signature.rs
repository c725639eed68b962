//! Signing and believing.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::WebhookSecret;

/// What every signature of a shared secret begins with.
const VERSION: &str = "v1,";
/// Signatures of a header that are looked at. A secret that is being replaced needs two; more only cost time.
const MAX_SIGNATURES: usize = 16;

/// The headers of a message, as they came.
#[derive(Debug, Clone, Copy)]
pub struct Headers<'m> {
    /// `webhook-id`: the same at every try.
    pub id: &'m str,
    /// `webhook-timestamp`: when this try was made, seconds since 1970.
    pub timestamp: &'m str,
    /// `webhook-signature`: one signature, or several with spaces between them.
    pub signature: &'m str,
}

/// Why a message is not believed. It does not say how near it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The timestamp is no number.
    #[error("webhook-timestamp must be seconds since 1970")]
    MalformedTimestamp,
    /// It is older, or from further in the future, than is tolerated: it may be a replay.
    #[error("webhook-timestamp is too far from now")]
    Stale,
    /// No signature was made of this message with one of the secrets.
    #[error("no signature of version 1 matches")]
    Mismatch,
}

/// The `webhook-signature` of a message: one signature for each secret, in that order. `timestamp` is in seconds since
/// 1970. Empty without a secret.
pub fn sign(secrets: &[WebhookSecret], id: &str, timestamp: i64, body: &[u8]) -> String {
    let timestamp = timestamp.to_string();
    let sign = |secret: &WebhookSecret| {
        let tag = tagged(secret, id, &timestamp, body).finalize().into_bytes();
        format!("{VERSION}{}", BASE64_STANDARD.encode(tag))
    };
    secrets.iter().map(sign).collect::<Vec<_>>().join(" ")
}

/// Believes a message when one of the signatures in its header was made with one of the secrets, and its time is within
/// `tolerance` of `now` (seconds since 1970). The specification suggests five minutes. Compares in constant time.
pub fn verify(
    secrets: &[WebhookSecret],
    headers: &Headers<'_>,
    body: &[u8],
    now: i64,
    tolerance: Duration,
) -> Result<(), VerifyError> {
    let sent_at: i64 = headers.timestamp.parse().map_err(|_| VerifyError::MalformedTimestamp)?;
    if now.abs_diff(sent_at) > tolerance.as_secs() {
        return Err(VerifyError::Stale);
    }
    let given: Vec<Vec<u8>> = headers
        .signature
        .split_ascii_whitespace()
        .take(MAX_SIGNATURES)
        .filter_map(|signature| BASE64_STANDARD.decode(signature.strip_prefix(VERSION)?).ok())
        .collect();
    for secret in secrets {
        let tagged = tagged(secret, headers.id, headers.timestamp, body);
        if given.iter().any(|signature| tagged.clone().verify_slice(signature).is_ok()) {
            return Ok(());
        }
    }
    Err(VerifyError::Mismatch)
}

fn tagged(secret: &WebhookSecret, id: &str, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
    let mut mac = secret.keyed.clone();
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    mac
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The example of the specification's reference libraries.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const TIME: i64 = 1_614_265_330;
    const TIMESTAMP: &str = "1614265330";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const TOLERANCE: Duration = Duration::from_secs(300);

    fn secrets() -> [WebhookSecret; 1] {
        [WebhookSecret::parse(SECRET).unwrap()]
    }

    fn check(headers: &Headers<'_>, body: &[u8], late: i64) -> Result<(), VerifyError> {
        verify(&secrets(), headers, body, TIME + late, TOLERANCE)
    }

    const GOOD: Headers<'_> = Headers { id: ID, timestamp: TIMESTAMP, signature: SIGNATURE };

    #[test]
    fn the_published_example_is_signed_and_believed() {
        assert_eq!(sign(&secrets(), ID, TIME, BODY), SIGNATURE);
        assert_eq!(check(&GOOD, BODY, 0), Ok(()));
    }

    #[test]
    fn whatever_was_changed_is_not_believed() {
        let mismatch = Err(VerifyError::Mismatch);
        assert_eq!(check(&Headers { id: "msg_other", ..GOOD }, BODY, 0), mismatch);
        assert_eq!(check(&Headers { timestamp: "1614265331", ..GOOD }, BODY, 0), mismatch);
        assert_eq!(check(&GOOD, b"{}", 0), mismatch);
        let other_version = SIGNATURE.replace("v1,", "v2,");
        for signature in ["", "v1,", "v1", "v1,!", "v1,AAAA", &other_version, &SIGNATURE[3..]] {
            assert_eq!(check(&Headers { signature, ..GOOD }, BODY, 0), mismatch, "{signature}");
        }
        assert_eq!(
            verify(&[], &GOOD, BODY, TIME, TOLERANCE),
            mismatch,
            "without a secret nobody is believed"
        );
    }

    #[test]
    fn a_message_of_another_time_is_not_believed() {
        for (late, believed) in [(300, true), (-300, true), (301, false), (-301, false)] {
            assert_eq!(check(&GOOD, BODY, late).is_ok(), believed, "{late}");
        }
        assert_eq!(verify(&secrets(), &GOOD, BODY, TIME + 1, Duration::ZERO), Err(VerifyError::Stale));
        assert_eq!(verify(&secrets(), &GOOD, BODY, i64::MIN, TOLERANCE), Err(VerifyError::Stale));
        for timestamp in ["", "now", "1614265330.0", "9223372036854775808"] {
            let headers = Headers { timestamp, ..GOOD };
            assert_eq!(check(&headers, BODY, 0), Err(VerifyError::MalformedTimestamp), "{timestamp}");
        }
    }

    #[test]
    fn while_a_secret_is_replaced_either_side_may_be_first() {
        let (old, new) = (secrets()[0].clone(), WebhookSecret::from_bytes(&[7; 32]).unwrap());
        let both = sign(&[old.clone(), new.clone()], ID, TIME, BODY);
        assert!(both.starts_with(SIGNATURE) && both.split(' ').count() == 2, "{both}");
        for known in [&old, &new] {
            let headers = Headers { signature: &both, ..GOOD };
            assert_eq!(verify(std::slice::from_ref(known), &headers, BODY, TIME, TOLERANCE), Ok(()));
        }
        assert_eq!(verify(&[new.clone(), old], &GOOD, BODY, TIME, TOLERANCE), Ok(()));
        assert_eq!(verify(&[new], &GOOD, BODY, TIME, TOLERANCE), Err(VerifyError::Mismatch));
        let noise = format!("v1a,x v1,AAAA {SIGNATURE}");
        assert_eq!(check(&Headers { signature: &noise, ..GOOD }, BODY, 0), Ok(()));
    }

    proptest! {
        #[test]
        fn what_is_signed_is_believed(
            key in proptest::collection::vec(any::<u8>(), 24..=64), id in ".*", body in any::<Vec<u8>>(), at in any::<i64>()
        ) {
            let secrets = [WebhookSecret::from_bytes(&key).unwrap()];
            let (signature, timestamp) = (sign(&secrets, &id, at, &body), at.to_string());
            let headers = Headers { id: &id, timestamp: &timestamp, signature: &signature };
            prop_assert_eq!(verify(&secrets, &headers, &body, at, Duration::ZERO), Ok(()));
        }

        #[test]
        fn no_header_makes_it_panic(id in ".*", timestamp in ".*", signature in "(v1,)?.*", now in any::<i64>()) {
            let headers = Headers { id: &id, timestamp: &timestamp, signature: &signature };
            prop_assert!(verify(&secrets(), &headers, BODY, now, TOLERANCE).is_err());
        }
    }
}
