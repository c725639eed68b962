//! Who calls, however it was proven.

use std::collections::BTreeSet;

use qm_ids::{ApiKeyId, TenantId};
use sha2::{Digest as _, Sha256};

use super::Scope;

/// A subject longer than this is told by its hash, so that it fits where actors are written down.
const LONGEST_SUBJECT: usize = 120;

/// A caller that proved who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Whom it works for.
    pub tenant: TenantId,
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
    identity: Identity,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Identity {
    ApiKey(ApiKeyId),
    User { issuer: String, subject: String },
}

impl Principal {
    /// The holder of an API key.
    pub fn of_key(key: &super::ApiKey) -> Self {
        Self { tenant: key.tenant, scopes: key.scopes.clone(), identity: Identity::ApiKey(key.id) }
    }

    /// The subject of a token of `issuer`, which is named as in our configuration.
    pub fn of_token(issuer: &str, attested: super::Attested, tenant: TenantId) -> Self {
        let identity = Identity::User { issuer: issuer.to_owned(), subject: attested.subject };
        Self { tenant, scopes: attested.scopes, identity }
    }

    /// What kind of actor it is: `api_key` or `user`.
    pub fn kind(&self) -> &'static str {
        match self.identity {
            Identity::ApiKey(_) => "api_key",
            Identity::User { .. } => "user",
        }
    }

    /// Its id as an actor: that of the key, or issuer and subject, since a subject is unique at its issuer alone.
    pub fn id(&self) -> String {
        match &self.identity {
            Identity::ApiKey(id) => id.to_string(),
            Identity::User { issuer, subject } => format!("{issuer}:{}", bounded(subject)),
        }
    }

    /// The name of the bucket that its requests are paid from.
    pub fn bucket(&self) -> String {
        match &self.identity {
            Identity::ApiKey(id) => id.to_string(),
            // A subject is any text; hashed it is short, and cannot pass for another bucket.
            Identity::User { issuer, subject } => {
                let whole = Sha256::new()
                    .chain_update(self.tenant.as_uuid().as_bytes())
                    .chain_update(issuer)
                    .chain_update([0])
                    .chain_update(subject);
                format!("user:{}", hex::encode(whole.finalize()))
            }
        }
    }
}

/// The subject, or its hash when it is too long or no plain text.
fn bounded(subject: &str) -> String {
    if subject.len() <= LONGEST_SUBJECT && !subject.chars().any(char::is_control) {
        return subject.to_owned();
    }
    format!("sha256-{}", hex::encode(Sha256::digest(subject)))
}

#[cfg(test)]
mod tests {
    use qm_ids::Uuid;

    use super::*;

    fn user(tenant: u128, issuer: &str, subject: &str) -> Principal {
        let attested = super::super::Attested {
            subject: subject.to_owned(),
            tenant: String::new(),
            scopes: BTreeSet::new(),
        };
        Principal::of_token(issuer, attested, TenantId::from_uuid(Uuid::from_u128(tenant)))
    }

    #[test]
    fn each_subject_of_each_issuer_and_tenant_has_a_bucket_of_its_own() {
        let buckets = [
            user(1, "staff", "a").bucket(),
            user(2, "staff", "a").bucket(),
            user(1, "staff", "b").bucket(),
            user(1, "partners", "a").bucket(),
            user(1, "staffa", "").bucket(),
        ];
        assert_eq!(buckets.iter().collect::<BTreeSet<_>>().len(), buckets.len());
        assert_eq!(buckets[0], user(1, "staff", "a").bucket());
    }

    #[test]
    fn an_actor_fits_where_it_is_written_down_and_stays_distinct() {
        assert_eq!(user(1, "staff", "alice").id(), "staff:alice");
        let long = |last: &str| user(1, "staff", &format!("{}{last}", "x".repeat(5_000))).id();
        assert!(long("a").len() <= 200 && long("a") != long("b"));
        assert!(!user(1, "staff", "a\nb").id().contains('\n'));
    }
}
