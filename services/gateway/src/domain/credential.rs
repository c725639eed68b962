//! API keys. A key reads `qm_<id>_<secret>`: the id finds it, the secret proves it. Only the secret's hash is kept.

use std::{collections::BTreeSet, fmt};

use chrono::{DateTime, Utc};
use qm_clock::Entropy;
use qm_ids::{ApiKeyId, TenantId, Uuid};
use qm_refusal::Refusal;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::{Scope, tenant::check_name};

const PREFIX: &str = "qm";
const SECRET_BYTES: usize = 32;

/// The secret half of a key: 256 random bits.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; SECRET_BYTES]);

/// What a caller sends: which key, and the proof.
#[derive(Debug, Clone)]
pub struct Credential {
    /// The key.
    pub id: ApiKeyId,
    secret: Secret,
}

/// A text that is no API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an API key")]
pub struct MalformedKey;

/// A key without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Id.
    pub id: ApiKeyId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Name for people.
    pub name: String,
    /// What it allows.
    pub scopes: BTreeSet<Scope>,
    /// SHA-256 of the secret. It needs no salt and no slow hash: nobody guesses 256 random bits.
    pub secret_hash: [u8; 32],
    /// From then on it is refused.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// A key to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// Name for people.
    pub name: String,
    /// What it allows, as words.
    pub scopes: Vec<String>,
    /// From then on it is refused.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Refuses a key that could never be used; gives its scopes.
pub fn check_new_key(new: &NewKey, now: DateTime<Utc>) -> Result<BTreeSet<Scope>, Refusal> {
    check_name(&new.name)?;
    if new.scopes.is_empty() {
        return Err(Refusal::invalid("scopes", "required", "must name at least one scope"));
    }
    if new.expires_at.is_some_and(|at| at <= now) {
        return Err(Refusal::invalid("expires_at", "out_of_range", "must be in the future"));
    }
    let scope = |(index, word): (usize, &String)| {
        word.parse::<Scope>().map_err(|_| {
            let known: Vec<_> = Scope::ALL.iter().map(|scope| scope.word()).collect();
            let message = format!("must be one of {}", known.join(", "));
            Refusal::invalid(format!("scopes[{index}]"), "unknown_scope", message)
        })
    };
    new.scopes.iter().enumerate().map(scope).collect()
}

impl Secret {
    /// A fresh one.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; SECRET_BYTES];
        entropy.fill(&mut bytes);
        Self(bytes)
    }

    /// What is kept of it.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Credential {
    /// A key with its secret.
    pub fn new(id: ApiKeyId, secret: Secret) -> Self {
        Self { id, secret }
    }

    /// Reads a key as [`text`](Self::text) writes it.
    pub fn parse(text: &str) -> Result<Self, MalformedKey> {
        let mut parts = text.splitn(3, '_');
        let (Some(PREFIX), Some(id), Some(secret)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(MalformedKey);
        };
        let mut bytes = [0; 16];
        hex::decode_to_slice(id, &mut bytes).map_err(|_| MalformedKey)?;
        let mut secret_bytes = [0; SECRET_BYTES];
        hex::decode_to_slice(secret, &mut secret_bytes).map_err(|_| MalformedKey)?;
        Ok(Self { id: ApiKeyId::from_uuid(Uuid::from_bytes(bytes)), secret: Secret(secret_bytes) })
    }

    /// The key as its owner keeps it.
    pub fn text(&self) -> String {
        let id = hex::encode(self.id.as_uuid().as_bytes());
        format!("{PREFIX}_{id}_{}", hex::encode(self.secret.0))
    }

    /// Names the credential without giving it away.
    pub fn fingerprint(&self) -> [u8; 32] {
        Sha256::new().chain_update(self.id.as_uuid().as_bytes()).chain_update(self.secret.0).finalize().into()
    }

    /// Whether it proves this key. The time taken tells nothing about how close it was.
    pub fn proves(&self, key: &ApiKey) -> bool {
        self.id == key.id && bool::from(self.secret.hash().ct_eq(&key.secret_hash))
    }
}

impl ApiKey {
    /// Whether it may be used at that moment.
    pub fn is_valid_at(&self, now: DateTime<Utc>) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|at| now < at)
    }
}

#[cfg(test)]
mod tests {
    use qm_clock::SeededEntropy;

    use super::*;

    fn key(credential: &Credential, hash: [u8; 32]) -> ApiKey {
        ApiKey {
            id: credential.id,
            tenant: TenantId::from_uuid(Uuid::from_u128(1)),
            name: "test".into(),
            scopes: BTreeSet::new(),
            secret_hash: hash,
            expires_at: None,
            created_at: DateTime::UNIX_EPOCH,
            last_used_at: None,
            revoked_at: None,
        }
    }

    #[test]
    fn a_key_reads_back_and_proves_only_itself() {
        let entropy = SeededEntropy::new(1);
        let (secret, other) = (Secret::generate(&entropy), Secret::generate(&entropy));
        let id = ApiKeyId::from_uuid(Uuid::from_u128(7));
        let credential = Credential::new(id, secret.clone());
        let read = Credential::parse(&credential.text()).unwrap();
        assert!(read.proves(&key(&credential, secret.hash())));
        assert!(!read.proves(&key(&credential, other.hash())));
        assert!(!format!("{read:?}").contains(&hex::encode(secret.0)));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let good = Credential::new(
            ApiKeyId::from_uuid(Uuid::from_u128(7)),
            Secret::generate(&SeededEntropy::new(1)),
        )
        .text();
        let cut = &good[..good.len() - 1];
        for bad in [
            "",
            "qm",
            "qm_",
            "qm_1_2",
            "xx_1_2",
            cut,
            &format!("{good}0"),
            &good.replace("qm_", "qx_"),
            "qm_é_é",
        ] {
            assert_eq!(Credential::parse(bad).err(), Some(MalformedKey), "{bad}");
        }
    }

    #[test]
    fn a_key_ends_at_its_expiry_and_with_its_revocation() {
        let credential = Credential::new(
            ApiKeyId::from_uuid(Uuid::from_u128(7)),
            Secret::generate(&SeededEntropy::new(1)),
        );
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        let mut key = key(&credential, [0; 32]);
        key.expires_at = Some(at(100));
        assert!(key.is_valid_at(at(99)) && !key.is_valid_at(at(100)));
        key.revoked_at = Some(at(10));
        assert!(!key.is_valid_at(at(20)));
    }

    #[test]
    fn a_new_key_names_what_is_wrong_with_it() {
        let now = DateTime::from_timestamp(1_000, 0).unwrap();
        let new = |name: &str, scopes: &[&str], expires: Option<i64>| NewKey {
            name: name.into(),
            scopes: scopes.iter().map(|word| (*word).to_owned()).collect(),
            expires_at: expires.and_then(|at| DateTime::from_timestamp(at, 0)),
        };
        let field = |new: NewKey| check_new_key(&new, now).unwrap_err().field.unwrap();
        assert_eq!(field(new("", &["orders:read"], None)), "name");
        assert_eq!(field(new("a", &[], None)), "scopes");
        assert_eq!(field(new("a", &["orders:read", "nope"], None)), "scopes[1]");
        assert_eq!(field(new("a", &["orders:read"], Some(1_000))), "expires_at");
        assert_eq!(check_new_key(&new("a", &["orders:read"], Some(1_001)), now).unwrap().len(), 1);
    }
}
