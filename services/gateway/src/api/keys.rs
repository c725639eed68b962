//! API keys.

use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path, ServiceConfig},
};
use chrono::{DateTime, SecondsFormat, Utc};
use qm_idempotency::OnceKey;
use qm_refusal::Refusal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    common::{List, OnceHeader},
    rules::ScopeWord,
};
use crate::{
    directory::{self, Directory},
    http::{Caller, Credentials, Posted, Problem, Problems, answer, may, resource},
};

type Answer = Result<HttpResponse, Problem>;

/// The routes.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(resource("/api-keys").get(list).post(create))
        .service(resource("/api-keys/{key_id}").delete(revoke));
}

/// A key to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApiKey {
    /// Name for people.
    #[schema(example = "Warehouse Berlin")]
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// What it allows.
    #[schema(example = json!(["fulfilments:read", "fulfilments:write"]))]
    #[schema(min_items = 1, value_type = Vec<ScopeWord>)]
    pub scopes: Vec<String>,
    /// From then on it is refused; never unless told.
    #[serde(default)]
    #[schema(example = "2027-12-31T00:00:00Z")]
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
}

/// A key.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApiKey {
    /// Id.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// What it allows.
    pub scopes: Vec<String>,
    /// From then on it is refused.
    pub expires_at: Option<String>,
    /// When it was created.
    pub created_at: String,
    /// When it was last used, to the minute.
    pub last_used_at: Option<String>,
    /// When it was revoked.
    pub revoked_at: Option<String>,
    /// The key itself; shown only when it is created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// Creates an API key. The key itself is shown this once and not kept.
///
/// A key cannot grant what the caller's own credential does not allow.
#[utoipa::path(post, path = "/v1/api-keys", tag = "keys", params(OnceHeader), request_body = NewApiKey,
    responses((status = 201, body = ApiKey), Problems))]
pub async fn create(
    caller: Caller<may::KeysManage>,
    directory: Data<Directory>,
    posted: Posted<NewApiKey>,
) -> Answer {
    let expires_at = posted.body.expires_at.as_deref().map(time).transpose()?;
    let new = directory::NewKey { name: posted.body.name, scopes: posted.body.scopes, expires_at };
    for (index, scope) in new.scopes.iter().enumerate() {
        if scope.parse().is_ok_and(|scope| !caller.has(scope)) {
            let message = format!("this credential lacks the scope {scope}, so it cannot grant it");
            return Err(Refusal::forbidden("scope_missing", message).at(format!("scopes[{index}]")).into());
        }
    }
    let once = OnceKey::new(caller.tenant, "api_keys.create", Some(&posted.idempotency))?;
    let created = directory.create_key_once(caller.tenant, &new, once.as_ref()).await?;
    answer(StatusCode::CREATED, &ApiKey { key: Some(created.secret), ..api_key(created.key) })
}

/// Lists API keys, oldest first, those that ended included.
#[utoipa::path(get, path = "/v1/api-keys", tag = "keys", responses((status = 200, body = List<ApiKey>), Problems))]
pub async fn list(caller: Caller<may::KeysManage>, directory: Data<Directory>) -> Answer {
    let keys = directory.list_keys(caller.tenant).await?;
    answer(StatusCode::OK, &List { data: keys.into_iter().map(api_key).collect::<Vec<_>>() })
}

/// Revokes an API key for good.
#[utoipa::path(delete, path = "/v1/api-keys/{key_id}", tag = "keys",
    params(("key_id" = String, Path, description = "The key.")),
    responses((status = 200, body = ApiKey), Problems))]
pub async fn revoke(
    caller: Caller<may::KeysManage>,
    directory: Data<Directory>,
    credentials: Data<Credentials>,
    key_id: Path<String>,
) -> Answer {
    let id = key_id.parse().map_err(|error: qm_ids::ParseIdError| {
        Refusal::invalid("key_id", "malformed_id", error.to_string())
    })?;
    let revoked = directory.revoke_key(caller.tenant, id).await?;
    credentials.forget(id);
    answer(StatusCode::OK, &api_key(revoked))
}

fn time(text: &str) -> Result<DateTime<Utc>, Refusal> {
    DateTime::parse_from_rfc3339(text).map(|time| time.to_utc()).map_err(|_| {
        Refusal::invalid("expires_at", "malformed_time", "must be RFC 3339, such as 2027-12-31T00:00:00Z")
    })
}

fn api_key(it: directory::ApiKey) -> ApiKey {
    let text = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Millis, true);
    ApiKey {
        id: it.id.to_string(),
        name: it.name,
        scopes: it.scopes.iter().map(|scope| scope.word().to_owned()).collect(),
        expires_at: it.expires_at.map(text),
        created_at: text(it.created_at),
        last_used_at: it.last_used_at.map(text),
        revoked_at: it.revoked_at.map(text),
        key: None,
    }
}
