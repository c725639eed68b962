//! What both sides know.

use std::{fmt, ops::RangeInclusive};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

const PREFIX: &str = "whsec_";
/// Shortest and longest secret, bytes, as the specification says.
const BYTES: RangeInclusive<usize> = 24..=64;

/// A secret that messages are signed with. What it is shows in [`text`](Self::text) alone, never in `Debug`.
#[derive(Clone)]
pub struct WebhookSecret {
    bytes: Vec<u8>,
    pub(crate) keyed: Hmac<Sha256>,
}

/// The text is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected whsec_ and the base64 of 24 to 64 bytes")]
pub struct MalformedSecret;

impl WebhookSecret {
    /// A secret of these bytes, which should be random. Refused unless they are 24 to 64.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MalformedSecret> {
        if !BYTES.contains(&bytes.len()) {
            return Err(MalformedSecret);
        }
        let keyed = Hmac::new_from_slice(bytes).map_err(|_| MalformedSecret)?;
        Ok(Self { bytes: bytes.to_vec(), keyed })
    }

    /// Reads `whsec_` and the base64 of 24 to 64 bytes.
    pub fn parse(text: &str) -> Result<Self, MalformedSecret> {
        let encoded = text.strip_prefix(PREFIX).ok_or(MalformedSecret)?;
        Self::from_bytes(&BASE64_STANDARD.decode(encoded).map_err(|_| MalformedSecret)?)
    }

    /// The secret as its owners see it.
    pub fn text(&self) -> String {
        format!("{PREFIX}{}", BASE64_STANDARD.encode(&self.bytes))
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_as_it_was_written() {
        for length in [24, 32, 64] {
            let text = WebhookSecret::from_bytes(&vec![7; length]).unwrap().text();
            assert_eq!(WebhookSecret::parse(&text).unwrap().text(), text);
        }
    }

    #[test]
    fn what_is_too_short_too_long_or_no_secret_is_refused() {
        for length in [0, 23, 65] {
            assert_eq!(WebhookSecret::from_bytes(&vec![7; length]).unwrap_err(), MalformedSecret, "{length}");
        }
        for text in ["", "whsec_", "whsec_c2hvcnQ=", "whsec_***", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
            assert_eq!(WebhookSecret::parse(text).unwrap_err(), MalformedSecret, "{text}");
        }
    }

    #[test]
    fn a_log_does_not_show_it() {
        assert_eq!(format!("{:?}", WebhookSecret::from_bytes(&[7; 32]).unwrap()), "WebhookSecret(hidden)");
    }
}
