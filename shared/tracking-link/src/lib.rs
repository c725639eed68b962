#![doc = include_str!("../README.md")]

#[cfg(any(test, fuzzing))]
pub mod hostile;

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use qm_ids::{OrderId, TenantId, Uuid};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

/// Keeps these signatures apart from any others made with the same secret, and from later versions.
const CONTEXT: &[u8] = b"tracking-link/v1";
const ID_BYTES: usize = 16;
/// Half of HMAC-SHA256's output: 128 bits cannot be guessed, and the link stays short enough for a text message.
const TAG_BYTES: usize = 16;
const TOKEN_BYTES: usize = 2 * ID_BYTES + TAG_BYTES;
/// Base64 writes three bytes as four characters, and a token is a whole number of threes.
const TOKEN_CHARS: usize = TOKEN_BYTES / 3 * 4;
const SHORTEST_SECRET: usize = 16;

/// Signs and opens tracking tokens.
#[derive(Clone)]
pub struct TrackingLinks {
    signing: Hmac<Sha256>,
    /// Secrets that no longer sign but whose links still open.
    retired: Vec<Hmac<Sha256>>,
}

/// The secret is shorter than 16 bytes, and so could be guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the tracking link secret has {0} bytes, at least {SHORTEST_SECRET} are needed")]
pub struct SecretTooShort(pub usize);

/// The token was not signed by us. It says no more, so that nobody can feel the way to a valid one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid tracking link")]
pub struct InvalidToken;

impl TrackingLinks {
    /// Signs and verifies with one secret of at least 16 random bytes.
    pub fn new(secret: &[u8]) -> Result<Self, SecretTooShort> {
        Ok(Self { signing: keyed(secret)?, retired: Vec::new() })
    }

    /// Opens links that were signed with `secret`, too, but signs none with it.
    pub fn and_retired(mut self, secret: &[u8]) -> Result<Self, SecretTooShort> {
        self.retired.push(keyed(secret)?);
        Ok(self)
    }

    /// The token that shows this order of this tenant: 64 characters that need no escaping in a URL.
    pub fn token(&self, tenant: TenantId, order: OrderId) -> String {
        let mut bytes = [0; TOKEN_BYTES];
        bytes[..ID_BYTES].copy_from_slice(order.as_uuid().as_bytes());
        bytes[ID_BYTES..2 * ID_BYTES].copy_from_slice(tenant.as_uuid().as_bytes());
        bytes[2 * ID_BYTES..].copy_from_slice(&tag(&self.signing, tenant, order));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The order that the token shows, if it was signed with one of our secrets.
    pub fn open(&self, token: &str) -> Result<(TenantId, OrderId), InvalidToken> {
        if token.len() != TOKEN_CHARS {
            return Err(InvalidToken);
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| InvalidToken)?;
        let (order, rest) = bytes.split_first_chunk::<ID_BYTES>().ok_or(InvalidToken)?;
        let (tenant, signed) = rest.split_first_chunk::<ID_BYTES>().ok_or(InvalidToken)?;
        let (tenant, order) =
            (TenantId::from_uuid(Uuid::from_bytes(*tenant)), OrderId::from_uuid(Uuid::from_bytes(*order)));

        // All secrets are tried, and each tag is compared whole, so that the time taken tells nothing about how close a
        // forged tag was.
        let valid = std::iter::once(&self.signing)
            .chain(&self.retired)
            .fold(Choice::from(0), |valid, key| valid | tag(key, tenant, order).ct_eq(signed));
        if bool::from(valid) { Ok((tenant, order)) } else { Err(InvalidToken) }
    }
}

impl fmt::Debug for TrackingLinks {
    /// Without the secrets, which would otherwise end up in a log with the configuration.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrackingLinks").field("retired", &self.retired.len()).finish_non_exhaustive()
    }
}

fn keyed(secret: &[u8]) -> Result<Hmac<Sha256>, SecretTooShort> {
    let too_short = SecretTooShort(secret.len());
    if secret.len() < SHORTEST_SECRET {
        return Err(too_short);
    }
    // HMAC takes keys of any length; the error exists only for other algorithms behind the same trait.
    Hmac::new_from_slice(secret).map_err(|_| too_short)
}

fn tag(key: &Hmac<Sha256>, tenant: TenantId, order: OrderId) -> [u8; TAG_BYTES] {
    let full = key
        .clone()
        .chain_update(CONTEXT)
        .chain_update(tenant.as_uuid().as_bytes())
        .chain_update(order.as_uuid().as_bytes())
        .finalize()
        .into_bytes();
    std::array::from_fn(|at| full[at])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: &[u8] = b"0123456789abcdef";
    const OTHER_SECRET: &[u8] = b"fedcba9876543210";

    fn ids(tenant: u128, order: u128) -> (TenantId, OrderId) {
        (TenantId::from_uuid(Uuid::from_u128(tenant)), OrderId::from_uuid(Uuid::from_u128(order)))
    }

    fn links(secret: &[u8]) -> TrackingLinks {
        TrackingLinks::new(secret).unwrap()
    }

    #[test]
    fn a_link_in_an_old_mail_still_opens() {
        let (tenant, order) = ids(1, 2);
        // Computed with Python's hmac module.
        assert_eq!(
            links(SECRET).token(tenant, order),
            "AAAAAAAAAAAAAAAAAAAAAgAAAAAAAAAAAAAAAAAAAAEe7zILK8M0lqqZOzvrTdg3"
        );
    }

    #[test]
    fn a_retired_secret_opens_but_no_longer_signs() {
        let (tenant, order) = ids(1, 2);
        let old = links(OTHER_SECRET).token(tenant, order);
        let rotated = links(SECRET).and_retired(OTHER_SECRET).unwrap();
        assert_eq!(rotated.open(&old), Ok((tenant, order)));
        assert_eq!(rotated.token(tenant, order), links(SECRET).token(tenant, order));
        assert_eq!(links(SECRET).open(&old), Err(InvalidToken));
    }

    #[test]
    fn a_short_secret_is_refused_as_the_first_and_as_a_retired_one() {
        assert_eq!(TrackingLinks::new(&SECRET[1..]).unwrap_err(), SecretTooShort(15));
        assert_eq!(links(SECRET).and_retired(b"").unwrap_err(), SecretTooShort(0));
    }

    #[test]
    fn what_is_printed_for_debugging_does_not_depend_on_the_secret() {
        assert_eq!(format!("{:?}", links(SECRET)), format!("{:?}", links(OTHER_SECRET)));
        assert_eq!(format!("{:?}", links(SECRET)), "TrackingLinks { retired: 0, .. }");
    }

    proptest! {
        #[test]
        fn a_token_opens_to_its_order_and_fits_a_url(tenant: u128, order: u128) {
            let (tenant, order) = ids(tenant, order);
            let token = links(SECRET).token(tenant, order);
            prop_assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
            prop_assert_eq!(links(SECRET).open(&token), Ok((tenant, order)));
        }

        #[test]
        fn a_token_changed_in_any_character_does_not_open(
            tenant: u128, order: u128, at in 0..TOKEN_CHARS, to in "[A-Za-z0-9_-]"
        ) {
            let (tenant, order) = ids(tenant, order);
            let token = links(SECRET).token(tenant, order);
            let mut changed = token.clone();
            changed.replace_range(at..=at, &to);
            prop_assume!(changed != token);
            prop_assert_eq!(links(SECRET).open(&changed), Err(InvalidToken));
        }

        #[test]
        fn no_text_opens_or_panics(text in "\\PC{0,80}|[A-Za-z0-9_-]{64}") {
            prop_assert_eq!(links(SECRET).open(&text), Err(InvalidToken));
        }
    }
}
