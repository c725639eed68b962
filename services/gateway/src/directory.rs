//! Tenants and their API keys: who may call, and for whom.

use qm_clock::{SharedClock, SharedEntropy};
use qm_database::{Database, Error, TenantSet, Tx};
use qm_idempotency::{OnceKey, Seen};
use qm_ids::{ApiKeyId, IdGenerator, TenantId};
use qm_refusal::Refusal;
use qm_runtime::CommandError;

use crate::{
    domain::{self, Credential, Secret},
    store,
};

pub use crate::domain::{ApiKey, NewKey, Scope, Tenant};

/// Keys that a tenant may have, those that ended included.
const MAX_KEYS: usize = 1_000;
/// Tenants read at a time.
const PAGE: u64 = 500;

/// The gateway's books.
#[derive(Debug, Clone)]
pub struct Directory {
    database: Database,
    clock: SharedClock,
    ids: IdGenerator,
    entropy: SharedEntropy,
}

/// A key with its secret, which is shown this once.
#[derive(Debug, Clone)]
pub struct CreatedKey {
    /// The key.
    pub key: ApiKey,
    /// What its owner sends: `qm_…`.
    pub secret: String,
}

impl Directory {
    /// The books in this database, which is migrated.
    pub fn new(database: Database, clock: SharedClock, ids: IdGenerator, entropy: SharedEntropy) -> Self {
        Self { database, clock, ids, entropy }
    }

    /// Creates a tenant. Refused when the slug is taken.
    pub async fn create_tenant(&self, slug: &str, name: &str) -> Result<Tenant, CommandError> {
        domain::check_tenant(slug, name)?;
        let tenant = Tenant {
            id: self.ids.next(),
            slug: slug.to_owned(),
            name: name.trim().to_owned(),
            created_at: self.clock.now(),
        };
        let tx = self.database.begin(&TenantSet::one(tenant.id)).await?;
        match store::insert_tenant(&tx, &tenant).await {
            Err(Error::Duplicate(_)) => {
                let message = format!("there is a tenant {slug} already");
                return Err(Refusal::conflict("slug_taken", message).at("slug").into());
            }
            written => written?,
        }
        tx.commit().await?;
        Ok(tenant)
    }

    /// All tenants, by slug.
    pub async fn list_tenants(&self) -> Result<Vec<Tenant>, CommandError> {
        let mut tenants: Vec<Tenant> = Vec::new();
        loop {
            let after = tenants.last().map(|tenant| tenant.slug.clone()).unwrap_or_default();
            let page = store::list_tenants(&self.database, &after, PAGE).await?;
            let is_last = page.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
            tenants.extend(page);
            if is_last {
                return Ok(tenants);
            }
        }
    }

    /// The tenant with this slug.
    pub async fn find_tenant(&self, slug: &str) -> Result<Tenant, CommandError> {
        let found = self.tenant_by_slug(slug).await?;
        found.ok_or_else(|| Refusal::not_found("tenant").into())
    }

    /// The tenant with this id.
    pub async fn tenant(&self, id: TenantId) -> Result<Tenant, CommandError> {
        let found = self.tenant_by_id(id).await?;
        found.ok_or_else(|| Refusal::not_found("tenant").into())
    }

    /// The tenant with this slug, if there is one.
    pub(crate) async fn tenant_by_slug(&self, slug: &str) -> Result<Option<Tenant>, CommandError> {
        Ok(store::tenant_by_slug(&self.database, slug).await?)
    }

    /// The tenant with this id, if there is one.
    pub(crate) async fn tenant_by_id(&self, id: TenantId) -> Result<Option<Tenant>, CommandError> {
        Ok(store::tenant_by_id(&self.database, id).await?)
    }

    /// Creates a key.
    pub async fn create_key(&self, tenant: TenantId, new: &NewKey) -> Result<CreatedKey, CommandError> {
        self.create_key_once(tenant, new, None).await
    }

    /// Creates a key, once per idempotency key: since the secret is not kept, a repeat cannot be answered with it and is
    /// refused, naming the key that the first request created.
    pub async fn create_key_once(
        &self,
        tenant: TenantId,
        new: &NewKey,
        once: Option<&OnceKey>,
    ) -> Result<CreatedKey, CommandError> {
        let now = self.clock.now();
        let scopes = domain::check_new_key(new, now)?;
        let secret = Secret::generate(&*self.entropy);
        let key = ApiKey {
            id: self.ids.next(),
            tenant,
            name: new.name.trim().to_owned(),
            scopes,
            secret_hash: secret.hash(),
            expires_at: new.expires_at,
            created_at: now,
            last_used_at: None,
            revoked_at: None,
        };
        self.database
            .write(&TenantSet::one(tenant), |attempt| {
                let key = &key;
                Box::pin(async move { insert_key(attempt.tx(), key, once).await })
            })
            .await?;
        let secret = Credential::new(key.id, secret).text();
        Ok(CreatedKey { key, secret })
    }

    /// A tenant's keys, oldest first, those that ended included.
    pub async fn list_keys(&self, tenant: TenantId) -> Result<Vec<ApiKey>, CommandError> {
        Ok(store::list_keys(&self.database, tenant, None, MAX_KEYS as u64).await?)
    }

    /// Revokes a key for good. Revoking it again changes nothing.
    pub async fn revoke_key(&self, tenant: TenantId, id: ApiKeyId) -> Result<ApiKey, CommandError> {
        let now = self.clock.now();
        self.database
            .write(&TenantSet::one(tenant), |attempt| {
                Box::pin(async move {
                    let tx = attempt.tx();
                    let mut keys = store::lock_keys(tx, &[(tenant, id)]).await?;
                    let Some(key) = keys.first_mut() else {
                        return Err(CommandError::from(Refusal::not_found("api key")));
                    };
                    key.revoked_at.get_or_insert(now);
                    store::save_keys(tx, &keys).await?;
                    keys.pop().ok_or_else(|| Refusal::not_found("api key").into())
                })
            })
            .await
    }

    /// The key that a credential proves, if it may be used now.
    pub(crate) async fn authenticate(&self, credential: &Credential) -> Result<Option<ApiKey>, CommandError> {
        let key = store::key_by_id(&self.database, credential.id).await?;
        let now = self.clock.now();
        Ok(key.filter(|key| credential.proves(key) && key.is_valid_at(now)))
    }

    pub(crate) fn clock(&self) -> &SharedClock {
        &self.clock
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }
}

async fn insert_key(tx: &Tx, key: &ApiKey, once: Option<&OnceKey>) -> Result<(), CommandError> {
    if let Some(once) = once {
        match qm_idempotency::look_up(tx, std::slice::from_ref(once)).await?.pop() {
            Some(Seen::Answered(answer)) => {
                let id = String::from_utf8_lossy(&answer);
                let message =
                    format!("this request created {id} before; its secret was shown then, and is not kept");
                return Err(Refusal::conflict("key_already_created", message).into());
            }
            Some(Seen::OtherBody) => return Err(Refusal::idempotency_mismatch().into()),
            Some(Seen::New) | None => {}
        }
        let answer = key.id.to_string().into_bytes();
        qm_idempotency::store(tx, vec![(once.clone(), answer)], key.created_at).await?;
    }
    if count_keys(tx).await? >= MAX_KEYS {
        let message = format!("a tenant may have at most {MAX_KEYS} API keys");
        return Err(Refusal::conflict("too_many_keys", message).into());
    }
    Ok(store::insert_key(tx, key).await?)
}

async fn count_keys(tx: &Tx) -> Result<usize, CommandError> {
    let count = store::count_keys(tx).await?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}
