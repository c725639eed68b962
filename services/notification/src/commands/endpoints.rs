//! Registering, switching and removing webhook endpoints.

use chrono::{DateTime, Utc};
use qm_clock::SharedEntropy;
use qm_database::Tx;
use qm_idempotency::{OnceKey, Seen};
use qm_ids::{EndpointId, IdGenerator, TenantId, Uuid};
use qm_refusal::Refusal;
use qm_runtime::CommandError;
use qm_standard_webhooks::WebhookSecret;

use crate::{
    domain::{address, subscription},
    store::{self, Endpoint},
};

/// Endpoints that a tenant may have.
const MAX_ENDPOINTS: usize = 100;
/// Patterns that an endpoint may have.
const MAX_PATTERNS: usize = 50;
const MAX_URL: usize = 2_000;
/// Random bytes of a fresh secret.
const SECRET_BYTES: usize = 32;

/// An endpoint to register.
#[derive(Debug, Clone)]
pub struct NewEndpoint {
    /// Address.
    pub url: String,
    /// Event types wanted; empty takes all.
    pub event_types: Vec<String>,
}

/// Checks what can be checked without asking anybody. `allow_private` is for development: it takes http and any address.
pub fn check(new: &NewEndpoint, allow_private: bool) -> Result<(), Refusal> {
    // Parsing would pass over some of them and write others in another way, but the text is stored as it was given.
    if new.url.chars().any(char::is_control) {
        return Err(Refusal::invalid("url", "malformed_url", "must not hold control characters"));
    }
    let url = reqwest::Url::parse(&new.url)
        .map_err(|error| Refusal::invalid("url", "malformed_url", format!("is no URL: {error}")))?;
    let is_allowed = url.scheme() == "https" || (allow_private && url.scheme() == "http");
    if !is_allowed || new.url.len() > MAX_URL || url.host().is_none() {
        let expected = if allow_private { "http or https" } else { "https" };
        let message = format!("must be an {expected} URL of at most {MAX_URL} characters");
        return Err(Refusal::invalid("url", "unsupported_url", message));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refusal::invalid("url", "unsupported_url", "must not hold a user name or password"));
    }
    // Names are judged when they are resolved, each time anew.
    let is_inside = url.host_str().and_then(address::of_host).is_some_and(|host| !address::is_public(host));
    if is_inside && !allow_private {
        let message = "must be of the public internet";
        return Err(Refusal::invalid("url", "unsupported_url", message));
    }
    if new.event_types.len() > MAX_PATTERNS {
        let message = format!("must have at most {MAX_PATTERNS} entries");
        return Err(Refusal::invalid("event_types", "too_many", message));
    }
    for (index, pattern) in new.event_types.iter().enumerate() {
        if !subscription::is_pattern(pattern) {
            let field = format!("event_types[{index}]");
            return Err(Refusal::invalid(
                field,
                "malformed_event_type",
                "must be like order.placed or shipment.*",
            ));
        }
    }
    Ok(())
}

/// Registers an endpoint, once per key.
pub async fn create(
    tx: &Tx,
    tenant: TenantId,
    new: &NewEndpoint,
    once: Option<&OnceKey>,
    (ids, entropy): (&IdGenerator, &SharedEntropy),
    now: DateTime<Utc>,
) -> Result<Endpoint, CommandError> {
    if let Some(once) = once {
        match qm_idempotency::look_up(tx, std::slice::from_ref(once)).await?.pop() {
            Some(Seen::Answered(answer)) => return registered(tx, tenant, &answer).await,
            Some(Seen::OtherBody) => return Err(Refusal::idempotency_mismatch().into()),
            Some(Seen::New) | None => {}
        }
    }
    if store::endpoints::list(tx).await?.len() >= MAX_ENDPOINTS {
        let message = format!("a tenant may have at most {MAX_ENDPOINTS} endpoints");
        return Err(Refusal::conflict("too_many_endpoints", message).into());
    }
    let mut secret = [0; SECRET_BYTES];
    entropy.fill(&mut secret);
    let secret = WebhookSecret::from_bytes(&secret).map_err(|_| Refusal::internal())?;
    let row = Endpoint {
        tenant_id: tenant,
        endpoint_id: ids.next(),
        url: new.url.clone(),
        secret: secret.text(),
        event_types: new.event_types.join(" "),
        enabled: true,
        disabled_reason: String::new(),
        failing_since: None,
        created_at: now,
    };
    store::endpoints::save(tx, vec![row.clone()]).await?;
    if let Some(once) = once {
        // The id is enough to give the same answer, and keeps the secret in one place.
        let answer = row.endpoint_id.as_uuid().as_bytes().to_vec();
        qm_idempotency::store(tx, vec![(once.clone(), answer)], now).await?;
    }
    Ok(row)
}

/// The endpoint that an earlier request with the same key registered.
async fn registered(tx: &Tx, tenant: TenantId, answer: &[u8]) -> Result<Endpoint, CommandError> {
    let id = Uuid::from_slice(answer).unwrap_or_default();
    let row = store::endpoints::lock(tx, tenant, EndpointId::from_uuid(id)).await?;
    row.ok_or_else(|| Refusal::not_found("endpoint").into())
}

/// Switches an endpoint on or off. What waits for one that is off is given up.
pub async fn set_enabled(
    tx: &Tx,
    tenant: TenantId,
    id: EndpointId,
    enabled: bool,
    reason: &str,
) -> Result<Endpoint, CommandError> {
    let Some(row) = store::endpoints::lock(tx, tenant, id).await? else {
        return Err(Refusal::not_found("endpoint").into());
    };
    let row = Endpoint {
        enabled,
        disabled_reason: if enabled { String::new() } else { reason.to_owned() },
        failing_since: None,
        ..row
    };
    store::endpoints::save(tx, vec![row.clone()]).await?;
    if !enabled {
        let mut waiting = store::endpoints::lock_waiting(tx, tenant, id).await?;
        for delivery in &mut waiting {
            delivery.status = "failed".to_owned();
            delivery.due_at = None;
            delivery.is_claimed = false;
            delivery.last_error = format!("the endpoint was switched off: {reason}");
        }
        store::endpoints::save_deliveries(tx, waiting).await?;
    }
    Ok(row)
}

/// Removes an endpoint with its deliveries.
pub async fn delete(tx: &Tx, tenant: TenantId, id: EndpointId) -> Result<(), CommandError> {
    if store::endpoints::delete(tx, tenant, id).await? {
        Ok(())
    } else {
        Err(Refusal::not_found("endpoint").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> Option<String> {
        let new = NewEndpoint { url: url.to_owned(), event_types: Vec::new() };
        check(&new, false).err().and_then(|refusal| refusal.field)
    }

    #[test]
    fn an_endpoint_is_an_https_url_outside() {
        for good in [
            "https://example.com",
            "https://example.com:8443/a?b#c",
            "https://1.1.1.1/",
            "https://[2606:4700::1111]/",
        ] {
            assert_eq!(refused(good), None, "{good}");
        }
        let bad = "http://example.com ftp://example.com file:///etc/passwd gopher://x javascript:alert(1) data:,x https:// \
                   https://user@example.com https://:secret@example.com //example.com example.com https://127.0.0.1 \
                   https://0x7f.1 https://2130706433 https://017700000001 https://[::1] https://[::ffff:10.0.0.1] \
                   https://[64:ff9b::a9fe:a9fe] https://169.254.169.254/latest https://10.1 https://[::1 \
                   https://256.256.256.256 https://example.com:99999";
        for bad in bad.split(' ').chain(["", "https://exa\nmple.com"]) {
            assert_eq!(refused(bad).as_deref(), Some("url"), "{bad}");
        }
        let long = format!("https://example.com/{}", "a".repeat(MAX_URL));
        assert_eq!(refused(&long).as_deref(), Some("url"));
    }
}
