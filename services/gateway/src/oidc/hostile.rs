//! Reads tokens and issuers' keys.

use chrono::{DateTime, TimeDelta};
use jsonwebtoken::Algorithm;

use super::{KeySet, Parts};
use crate::domain::{Expected, check_claims};

/// Reads a token as if its issuer had signed it.
pub fn token(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Some(parts) = Parts::read(&text) else { return };
    let _ = parts.is_supported();
    let expected = Expected {
        issuer: "i".to_owned(),
        audience: "a".to_owned(),
        leeway: TimeDelta::seconds(30),
        tenant_claim: "tenant".to_owned(),
        scopes_claim: "scope".to_owned(),
    };
    let _ = check_claims(&parts.claims, &expected, DateTime::UNIX_EPOCH);
}

/// Reads an issuer's keys, and has each try to prove something.
pub fn key_set(bytes: &[u8]) {
    let Ok(keys) = KeySet::parse(bytes) else { return };
    for id in ["k", "r"] {
        for algorithm in [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA] {
            assert!(!keys.proves(id, algorithm, b"message", b"no signature"));
        }
    }
}
