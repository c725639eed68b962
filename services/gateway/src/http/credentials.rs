//! What proves a caller: an API key of ours, or a token of an issuer that we trust.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use actix_web::http::header::{self, HeaderMap};
use chrono::{DateTime, TimeDelta, Utc};
use qm_ids::{ApiKeyId, TenantId};
use qm_refusal::Refusal;

use super::{ClientAddress, Guesses, Problem};
use crate::{
    directory::Directory,
    domain::{ApiKey, Credential, Principal},
    oidc::{Issuers, TokenError},
};

/// How long a key that was found is trusted: another replica's revocation takes effect within it.
const TRUSTED_FOR: TimeDelta = TimeDelta::seconds(5);
/// How exactly a key's last use is written down.
const USE_RESOLUTION: TimeDelta = TimeDelta::seconds(60);
/// Keys, and names of tenants, remembered at most; beyond that all are looked up anew.
const REMEMBERED: usize = 10_000;

/// Knows callers by what they send.
#[derive(Debug, Clone)]
pub struct Credentials {
    directory: Directory,
    issuers: Issuers,
    guesses: Guesses,
    known: Arc<Mutex<HashMap<[u8; 32], Known>>>,
    tenants: Arc<Mutex<Tenants>>,
    used: Arc<Mutex<LastUses>>,
}

/// By slug or id: the tenant, and until when that is trusted.
type Tenants = HashMap<String, (TenantId, DateTime<Utc>)>;

/// By key: whose it is, and when it was used.
type LastUses = HashMap<ApiKeyId, (TenantId, DateTime<Utc>)>;

#[derive(Debug, Clone)]
struct Known {
    key: Arc<ApiKey>,
    principal: Arc<Principal>,
    until: DateTime<Utc>,
}

fn missing() -> Problem {
    let message = "send an API key, or a token of a trusted issuer: Authorization: Bearer …";
    Refusal::unauthenticated("credential_missing", message).into()
}

fn invalid() -> Problem {
    let message = "this API key or token is not valid, has expired or was revoked";
    Refusal::unauthenticated("credential_invalid", message).into()
}

impl Credentials {
    /// Keys of this directory, and tokens of these issuers for its tenants.
    pub(crate) fn new(directory: Directory, issuers: Issuers, guesses: Guesses) -> Self {
        Self {
            directory,
            issuers,
            guesses,
            known: Arc::default(),
            tenants: Arc::default(),
            used: Arc::default(),
        }
    }

    /// Who sent a request. A client that sends wrong credentials over and over is refused for a while; one whose key was good
    /// before is not.
    pub(super) async fn identify(
        &self,
        headers: &HeaderMap,
        client: ClientAddress,
    ) -> Result<Arc<Principal>, Problem> {
        let value = headers.get(header::AUTHORIZATION).ok_or_else(missing)?;
        let text = value.to_str().map_err(|_| invalid())?;
        let (scheme, token) = text.split_once(' ').ok_or_else(invalid)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(missing());
        }
        let token = token.trim();
        match Credential::parse(token) {
            Ok(credential) => self.by_key(&credential, client).await,
            Err(_) => match self.by_token(token).await {
                Err(problem) if problem.is_unauthenticated() => Err(self.wrong(client).await),
                found => found,
            },
        }
    }

    /// Counts a wrong credential, and says so.
    async fn wrong(&self, client: ClientAddress) -> Problem {
        self.guesses.count(client).await.map_or_else(Problem::from, |()| invalid())
    }

    async fn by_key(
        &self,
        credential: &Credential,
        client: ClientAddress,
    ) -> Result<Arc<Principal>, Problem> {
        let now = self.directory.clock().now();
        // Never the secret itself: what is remembered may end up in a core dump.
        let fingerprint = credential.fingerprint();
        let known = lock(&self.known).get(&fingerprint).cloned();
        let is_guess = known.is_none();
        let known = match known.filter(|known| now < known.until) {
            Some(known) => known,
            None => {
                if is_guess {
                    self.guesses.look(client).await?;
                }
                let Some(key) = self.directory.authenticate(credential).await? else {
                    return Err(self.wrong(client).await);
                };
                self.remember(fingerprint, key, now)
            }
        };
        if known.key.is_valid_at(now) { Ok(known.principal) } else { Err(invalid()) }
    }

    fn remember(&self, fingerprint: [u8; 32], key: ApiKey, now: DateTime<Utc>) -> Known {
        if key.last_used_at.is_none_or(|at| now - at >= USE_RESOLUTION) {
            lock(&self.used).insert(key.id, (key.tenant, now));
        }
        let principal = Arc::new(Principal::of_key(&key));
        let known = Known { key: Arc::new(key), principal, until: now + TRUSTED_FOR };
        insert(&self.known, fingerprint, known.clone());
        known
    }

    async fn by_token(&self, token: &str) -> Result<Arc<Principal>, Problem> {
        let now = self.directory.clock().now();
        let (issuer, attested) = self.issuers.attest(token, now).await.map_err(|error| {
            tracing::debug!(%error, "a token was refused: {error}");
            match error {
                TokenError::Unavailable(retry_after) => {
                    let message = "the token's issuer cannot be asked for its keys at the moment";
                    Refusal::unavailable("issuer_unavailable", message).after(retry_after).into()
                }
                _ => invalid(),
            }
        })?;
        let tenant = self.tenant(&attested.tenant, now).await?.ok_or_else(|| {
            tracing::debug!(issuer, "a token of {issuer} was refused: its tenant does not exist");
            invalid()
        })?;
        Ok(Arc::new(Principal::of_token(issuer, attested, tenant)))
    }

    /// The tenant that an issuer calls by its slug or id.
    async fn tenant(&self, name: &str, now: DateTime<Utc>) -> Result<Option<TenantId>, Problem> {
        let known = lock(&self.tenants).get(name).copied();
        if let Some((tenant, _)) = known.filter(|(_, until)| now < *until) {
            return Ok(Some(tenant));
        }
        // No slug has an underscore, and every id has one.
        let found = match name.parse() {
            Ok(id) => self.directory.tenant_by_id(id).await?,
            Err(_) => self.directory.tenant_by_slug(name).await?,
        };
        let tenant = found.map(|tenant| tenant.id);
        if let Some(tenant) = tenant {
            insert(&self.tenants, name.to_owned(), (tenant, now + TRUSTED_FOR));
        }
        Ok(tenant)
    }

    /// Forgets a key, so that its revocation takes effect here at once.
    pub fn forget(&self, id: ApiKeyId) {
        lock(&self.known).retain(|_, known| known.key.id != id);
    }

    /// Takes what is to be written down: which keys were used, and when.
    pub fn take_used(&self) -> Vec<(TenantId, ApiKeyId, DateTime<Utc>)> {
        let used = std::mem::take(&mut *lock(&self.used));
        used.into_iter().map(|(id, (tenant, at))| (tenant, id, at)).collect()
    }
}

/// Remembers one more, in a map that is never larger than it may be.
fn insert<K: std::hash::Hash + Eq, V>(map: &Mutex<HashMap<K, V>>, key: K, value: V) {
    let mut map = lock(map);
    if map.len() >= REMEMBERED {
        map.clear();
    }
    map.insert(key, value);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
