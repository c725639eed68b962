//! What a token claims: whether it is for us and for now, and whom it speaks for. That its issuer signed it is checked
//! elsewhere.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};

use super::Scope;

/// What the tokens of one issuer have to claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// `iss`, to the letter.
    pub issuer: String,
    /// One entry of `aud`.
    pub audience: String,
    /// How far the issuer's clock and ours may differ.
    pub leeway: TimeDelta,
    /// The claim that carries the tenant.
    pub tenant_claim: String,
    /// The claim that carries the scopes.
    pub scopes_claim: String,
}

/// What a token says that is for us and for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attested {
    /// Whom it was issued to.
    pub subject: String,
    /// Slug or id of the tenant.
    pub tenant: String,
    /// Those of its scopes that we know.
    pub scopes: BTreeSet<Scope>,
}

/// Why a token is refused. Callers are not told which it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// A claim that it needs is not there, or not of its type.
    #[error("claim {0} is missing or malformed")]
    Malformed(String),
    /// Another issuer's.
    #[error("it is of another issuer")]
    Issuer,
    /// Meant for others.
    #[error("it is for another audience")]
    Audience,
    /// Its time is over.
    #[error("it has expired")]
    Expired,
    /// Its time is to come.
    #[error("it is not valid yet")]
    NotYetValid,
}

/// Checks `iss`, `aud`, `exp` and `nbf`, and reads who the token speaks for. Issuers may leave `nbf` out; the rest is needed.
pub fn check_claims(
    claims: &Map<String, Value>,
    expected: &Expected,
    now: DateTime<Utc>,
) -> Result<Attested, Rejection> {
    if text(claims, "iss")? != expected.issuer {
        return Err(Rejection::Issuer);
    }
    if !is_for(claims.get("aud"), &expected.audience)? {
        return Err(Rejection::Audience);
    }
    let now = seconds(now);
    let leeway = expected.leeway.as_seconds_f64();
    if now >= time(claims, "exp")?.ok_or_else(|| malformed("exp"))? + leeway {
        return Err(Rejection::Expired);
    }
    if time(claims, "nbf")?.is_some_and(|from| now < from - leeway) {
        return Err(Rejection::NotYetValid);
    }
    Ok(Attested {
        subject: text(claims, "sub")?.to_owned(),
        tenant: text(claims, &expected.tenant_claim)?.to_owned(),
        scopes: scopes(claims.get(&expected.scopes_claim)),
    })
}

fn malformed(claim: &str) -> Rejection {
    Rejection::Malformed(claim.to_owned())
}

/// A text that says something.
fn text<'c>(claims: &'c Map<String, Value>, claim: &str) -> Result<&'c str, Rejection> {
    let text = claims.get(claim).and_then(Value::as_str);
    text.filter(|text| !text.is_empty()).ok_or_else(|| malformed(claim))
}

/// `aud` is one text or a list of them.
fn is_for(claim: Option<&Value>, audience: &str) -> Result<bool, Rejection> {
    match claim {
        Some(Value::String(one)) => Ok(one == audience),
        Some(Value::Array(several)) => Ok(several.iter().any(|one| one.as_str() == Some(audience))),
        _ => Err(malformed("aud")),
    }
}

/// Seconds since 1970, perhaps with a fraction (RFC 7519, section 2). A time that is there but cannot be read is no
/// absent one.
fn time(claims: &Map<String, Value>, claim: &str) -> Result<Option<f64>, Rejection> {
    let read = |value: &Value| value.as_f64().filter(|time| time.is_finite()).ok_or_else(|| malformed(claim));
    claims.get(claim).map(read).transpose()
}

fn seconds(time: DateTime<Utc>) -> f64 {
    (time - DateTime::UNIX_EPOCH).as_seconds_f64()
}

/// Words separated by spaces (RFC 8693), or a list. What we do not know is meant for others and allows nothing here.
fn scopes(claim: Option<&Value>) -> BTreeSet<Scope> {
    match claim {
        Some(Value::String(words)) => Scope::split(words),
        Some(Value::Array(words)) => words.iter().filter_map(|word| word.as_str()?.parse().ok()).collect(),
        _ => BTreeSet::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_000_000;

    /// A good token's claims, one of them changed; null takes it away.
    fn check_with(claim: &str, value: Value) -> Result<Attested, Rejection> {
        let mut claims = json!({
            "iss": "https://issuer.test", "aud": "quartermaster", "sub": "alice", "exp": NOW + 60, "nbf": NOW - 60,
            "tenant": "acme", "scope": "orders:read",
        });
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(claim),
            value => claims.as_object_mut().unwrap().insert(claim.to_owned(), value),
        };
        let expected = Expected {
            issuer: "https://issuer.test".to_owned(),
            audience: "quartermaster".to_owned(),
            leeway: TimeDelta::seconds(30),
            tenant_claim: "tenant".to_owned(),
            scopes_claim: "scope".to_owned(),
        };
        check_claims(claims.as_object().unwrap(), &expected, DateTime::from_timestamp(NOW, 0).unwrap())
    }

    #[test]
    fn a_token_says_whom_it_speaks_for() {
        let attested = check_with("other", json!(1)).unwrap();
        assert_eq!((attested.subject.as_str(), attested.tenant.as_str()), ("alice", "acme"));
        assert_eq!(attested.scopes, BTreeSet::from([Scope::OrdersRead]));
    }

    #[test]
    fn a_token_begins_and_ends_to_the_second_give_or_take_the_leeway() {
        for (claim, value, expected) in [
            ("exp", json!(NOW - 29), Ok(())),
            ("exp", json!(NOW - 30), Err(Rejection::Expired)),
            ("exp", json!(NOW as f64 - 29.5), Ok(())),
            ("exp", json!(-1), Err(Rejection::Expired)),
            ("nbf", json!(NOW + 30), Ok(())),
            ("nbf", json!(NOW + 31), Err(Rejection::NotYetValid)),
            ("nbf", json!(u64::MAX), Err(Rejection::NotYetValid)),
            ("nbf", Value::Null, Ok(())),
            ("nbf", json!("soon"), Err(malformed("nbf"))),
        ] {
            assert_eq!(check_with(claim, value.clone()).map(drop), expected, "{claim} {value}");
        }
    }

    #[test]
    fn what_is_missing_or_of_another_type_is_refused() {
        for claim in ["iss", "aud", "exp", "sub", "tenant"] {
            for wrong in [Value::Null, json!(true), json!({}), json!("")] {
                assert!(check_with(claim, wrong.clone()).is_err(), "{claim} {wrong}");
            }
        }
        assert_eq!(check_with("exp", json!("9999999999")), Err(malformed("exp")));
    }

    #[test]
    fn issuer_and_audience_are_compared_to_the_letter() {
        assert_eq!(check_with("iss", json!("https://issuer.test/")), Err(Rejection::Issuer));
        assert_eq!(check_with("iss", json!(["https://issuer.test"])), Err(malformed("iss")));
        assert_eq!(check_with("aud", json!("Quartermaster")), Err(Rejection::Audience));
        assert_eq!(check_with("aud", json!(["a", 1])), Err(Rejection::Audience));
        assert_eq!(check_with("aud", json!([])), Err(Rejection::Audience));
        assert!(check_with("aud", json!(["a", "quartermaster"])).is_ok());
    }

    #[test]
    fn only_scopes_that_we_know_count() {
        let scopes = |value: Value| check_with("scope", value).unwrap().scopes;
        let both = BTreeSet::from([Scope::OrdersRead, Scope::KeysManage]);
        assert_eq!(scopes(json!("openid  keys:manage orders:read moon:write")), both);
        assert_eq!(scopes(json!(["orders:read", 7, "keys:manage", "keys:manage openid"])), both);
        for nothing in [Value::Null, json!(7), json!(""), json!({ "orders:read": true })] {
            assert!(scopes(nothing.clone()).is_empty(), "{nothing}");
        }
    }
}
