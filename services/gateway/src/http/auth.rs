//! Who calls: API keys, what they allow, and how often they may ask.

use std::{
    collections::HashMap,
    future::{Ready, ready},
    marker::PhantomData,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use actix_web::{
    Error, FromRequest, HttpMessage as _, HttpRequest, ResponseError as _,
    body::MessageBody,
    dev::{Payload, ServiceRequest, ServiceResponse},
    http::header::{self, HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    web::Data,
};
use chrono::{DateTime, TimeDelta, Utc};
use qm_cache::{Decision, RateLimiter, TokenBucket};
use qm_ids::{ApiKeyId, TenantId};
use qm_proto::types::v1::Actor;
use qm_refusal::Refusal;
use tracing::Span;

use super::Problem;
use crate::{
    directory::Directory,
    domain::{ApiKey, Credential, Scope},
};

/// How long a key that was found is trusted: another replica's revocation takes effect within it.
const TRUSTED_FOR: TimeDelta = TimeDelta::seconds(5);
/// How exactly a key's last use is written down.
const USE_RESOLUTION: TimeDelta = TimeDelta::seconds(60);
/// Keys remembered at most; beyond that all are looked up anew.
const REMEMBERED: usize = 10_000;

/// Knows callers by their keys.
#[derive(Debug, Clone)]
pub struct Credentials {
    directory: Directory,
    limiter: RateLimiter,
    bucket: TokenBucket,
    known: Arc<Mutex<HashMap<[u8; 32], Known>>>,
    used: Arc<Mutex<LastUses>>,
}

/// By key: whose it is, and when it was used.
type LastUses = HashMap<ApiKeyId, (TenantId, DateTime<Utc>)>;

#[derive(Debug, Clone)]
struct Known {
    key: Arc<ApiKey>,
    until: DateTime<Utc>,
}

impl Credentials {
    /// Keys of this directory, each held to `bucket`.
    pub fn new(directory: Directory, limiter: RateLimiter, bucket: TokenBucket) -> Self {
        Self { directory, limiter, bucket, known: Arc::default(), used: Arc::default() }
    }

    /// The key of a request.
    async fn identify(&self, headers: &HeaderMap) -> Result<Arc<ApiKey>, Problem> {
        let missing = || {
            let message = "send an API key: Authorization: Bearer qm_…";
            Problem::from(Refusal::unauthenticated("credential_missing", message))
        };
        let invalid = || {
            let message = "this API key is not valid, has expired or was revoked";
            Problem::from(Refusal::unauthenticated("credential_invalid", message))
        };
        let value = headers.get(header::AUTHORIZATION).ok_or_else(missing)?;
        let text = value.to_str().map_err(|_| invalid())?;
        let (scheme, token) = text.split_once(' ').ok_or_else(invalid)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(missing());
        }
        let credential = Credential::parse(token.trim()).map_err(|_| invalid())?;
        let now = self.directory.clock().now();
        // Never the secret itself: what is remembered may end up in a core dump.
        let fingerprint = credential.fingerprint();
        let known = self.lock_known().get(&fingerprint).filter(|known| now < known.until).cloned();
        let key = match known {
            Some(known) => known.key,
            None => {
                let key = Arc::new(self.directory.authenticate(&credential).await?.ok_or_else(invalid)?);
                self.remember(fingerprint, &key, now);
                key
            }
        };
        if key.is_valid_at(now) { Ok(key) } else { Err(invalid()) }
    }

    fn remember(&self, fingerprint: [u8; 32], key: &Arc<ApiKey>, now: DateTime<Utc>) {
        let mut known = self.lock_known();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(fingerprint, Known { key: Arc::clone(key), until: now + TRUSTED_FOR });
        drop(known);
        if key.last_used_at.is_none_or(|at| now - at >= USE_RESOLUTION) {
            let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            used.insert(key.id, (key.tenant, now));
        }
    }

    /// Forgets a key, so that its revocation takes effect here at once.
    pub fn forget(&self, id: ApiKeyId) {
        self.lock_known().retain(|_, known| known.key.id != id);
    }

    /// Takes what is to be written down: which keys were used, and when.
    pub fn take_used(&self) -> Vec<(TenantId, ApiKeyId, DateTime<Utc>)> {
        let used = std::mem::take(&mut *self.used.lock().unwrap_or_else(PoisonError::into_inner));
        used.into_iter().map(|(id, (tenant, at))| (tenant, id, at)).collect()
    }

    fn lock_known(&self) -> std::sync::MutexGuard<'_, HashMap<[u8; 32], Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The middleware of everything that needs a key: identifies the caller before a byte of the body is read.
pub async fn authenticate(
    credentials: Data<Credentials>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let key = match credentials.identify(request.headers()).await {
        Ok(key) => key,
        Err(problem) => {
            return Ok(request.into_response(problem.error_response()).map_into_right_body());
        }
    };
    Span::current().record("tenant", tracing::field::display(key.tenant));
    let decision = credentials.limiter.check(&key.id.to_string(), &credentials.bucket, 1).await;
    if !decision.allowed {
        let message = "this API key asks too often";
        let refusal = Refusal::too_many("rate_limited", message, decision.retry_after);
        let mut response = request.into_response(Problem::from(refusal).error_response());
        tell_limit(response.headers_mut(), &decision);
        return Ok(response.map_into_right_body());
    }
    request.extensions_mut().insert(key);
    let mut response = next.call(request).await?.map_into_left_body();
    tell_limit(response.headers_mut(), &decision);
    Ok(response)
}

/// The fields of draft-ietf-httpapi-ratelimit-headers: the policy, what is left of it, and until when.
fn tell_limit(headers: &mut HeaderMap, decision: &Decision) {
    let seconds = |time: Duration| time.as_secs_f64().ceil();
    let policy = format!("\"key\";q={}", decision.limit);
    let state = format!("\"key\";r={};t={}", decision.remaining, seconds(decision.reset_after));
    for (name, value) in [("ratelimit-policy", policy), ("ratelimit", state)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}

/// A permission as a type, so that a handler says in its signature what it needs.
pub trait Permission: 'static {
    /// The scope.
    const SCOPE: Scope;
}

/// Permissions.
pub mod may {
    use super::{Permission, Scope};

    macro_rules! permissions {
        ($($name:ident)+) => {
            $(
                /// See [`Scope`].
                #[derive(Debug)]
                pub struct $name;

                impl Permission for $name {
                    const SCOPE: Scope = Scope::$name;
                }
            )+
        };
    }

    permissions! {
        OrdersRead OrdersWrite InventoryRead InventoryWrite RoutingRead RoutingWrite FulfilmentsRead FulfilmentsWrite
        NotificationsRead NotificationsWrite KeysManage
    }
}

/// A caller whose key allows `P`. The first argument of every handler of `/v1`: without it there is no tenant to work for.
#[derive(Debug, Clone)]
pub struct Caller<P> {
    /// Whose key it is.
    pub tenant: TenantId,
    key: Arc<ApiKey>,
    permission: PhantomData<P>,
}

impl<P> Caller<P> {
    /// The caller as the services write it down.
    pub fn actor(&self) -> Actor {
        Actor { kind: "api_key".to_owned(), id: self.key.id.to_string() }
    }

    /// Whether the caller's key allows this, too.
    pub fn has(&self, scope: Scope) -> bool {
        self.key.scopes.contains(&scope)
    }

    /// A call to a peer in the caller's name.
    pub fn ask<T>(&self, message: T) -> tonic::Request<T> {
        qm_runtime::grpc::with_tenant(tonic::Request::new(message), self.tenant)
    }
}

impl<P: Permission> FromRequest for Caller<P> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let extensions = request.extensions();
        ready(match extensions.get::<Arc<ApiKey>>() {
            Some(key) if key.scopes.contains(&P::SCOPE) => {
                Ok(Self { tenant: key.tenant, key: Arc::clone(key), permission: PhantomData })
            }
            Some(_) => {
                let message = format!("this API key lacks the scope {}", P::SCOPE);
                Err(Refusal::forbidden("scope_missing", message).into())
            }
            None => Err(Refusal::unauthenticated("credential_missing", "an API key is needed").into()),
        })
    }
}
