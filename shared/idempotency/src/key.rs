//! What a caller gives to make a request count once.

use qm_ids::TenantId;
use qm_ids::Uuid;
use qm_proto::types::v1::Idempotency;
use qm_refusal::Refusal;
use sha2::{Digest, Sha256};

/// Longest key accepted, in characters.
const MAX_KEY: usize = 255;
/// Bytes of a SHA-256.
const HASH: usize = 32;

/// A caller's idempotency key with the body that it was used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnceKey {
    pub(crate) tenant: TenantId,
    pub(crate) operation: &'static str,
    pub(crate) key: String,
    pub(crate) body_hash: Vec<u8>,
}

impl OnceKey {
    /// Checks what came with a request to `operation` (for example `orders.place`). `None` when the caller gave no key.
    ///
    /// Refused: a key of more than 255 characters or with others than visible ASCII, and a hash that is no SHA-256.
    pub fn new(
        tenant: TenantId,
        operation: &'static str,
        given: Option<&Idempotency>,
    ) -> Result<Option<Self>, Refusal> {
        let Some(given) = given.filter(|given| !given.key.is_empty()) else { return Ok(None) };
        if given.key.len() > MAX_KEY || !given.key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Refusal::invalid(
                "idempotency_key",
                "malformed_idempotency_key",
                "must be 1 to 255 visible ASCII characters",
            ));
        }
        if given.body_hash.len() != HASH {
            return Err(Refusal::invalid(
                "idempotency.body_hash",
                "malformed_body_hash",
                "must be the SHA-256 of the body, 32 bytes",
            ));
        }
        Ok(Some(Self { tenant, operation, key: given.key.clone(), body_hash: given.body_hash.clone() }))
    }

    /// The key of the `position`th part of a request that has several, such as the orders of a bulk request.
    #[must_use]
    pub fn part(&self, position: usize) -> Self {
        Self { key: format!("{}/{position}", self.key), ..self.clone() }
    }

    /// The key as the caller gave it.
    pub fn text(&self) -> &str {
        &self.key
    }

    /// Whose key it is.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// True when both are the same key of the same operation, whatever the body.
    pub fn is_same_key(&self, other: &Self) -> bool {
        (self.tenant, self.operation, &self.key) == (other.tenant, other.operation, &other.key)
    }

    /// Names the stored record: the first 16 bytes of SHA-256(operation ‖ 0 ‖ key). Unlike text it fits every index.
    pub(crate) fn record_id(&self) -> Uuid {
        let hash = Sha256::new()
            .chain_update(self.operation.as_bytes())
            .chain_update([0])
            .chain_update(self.key.as_bytes())
            .finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash[..16]);
        Uuid::from_bytes(bytes)
    }
}
