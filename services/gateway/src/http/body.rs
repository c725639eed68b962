//! Bodies: read up to a limit, hashed as they came, parsed with the path of what is wrong.

use std::time::Duration;

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::header::{self, HeaderMap},
    web::{Bytes, BytesMut, Data},
};
use futures::{StreamExt as _, future::LocalBoxFuture};
use qm_proto::types::v1::Idempotency;
use qm_refusal::Refusal;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use super::{Problem, objects::Objects};

/// The header that makes a request count once.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// What is taken of a body.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    /// Most bytes.
    pub bytes: usize,
    /// How long it may take to come.
    pub patience: Duration,
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self { bytes: 1 << 20, patience: Duration::from_secs(10) }
    }
}

/// A body as it came.
#[derive(Debug)]
pub struct RawBody(pub Bytes);

/// A JSON body. An empty one reads as an object without fields.
#[derive(Debug)]
pub struct Body<T>(pub T);

/// A JSON body of a request that takes effect once.
#[derive(Debug)]
pub struct Posted<T> {
    /// The body.
    pub body: T,
    /// The caller's key with the body's hash, for the service that guards the effect.
    pub idempotency: Idempotency,
}

impl FromRequest for RawBody {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let limits = request.app_data::<Data<BodyLimits>>().map(|limits| ***limits).unwrap_or_default();
        let max = limits.bytes;
        // Inflating it first would let a small body become a large one.
        let is_encoded = request.headers().get_all(header::CONTENT_ENCODING).any(|value| value != "identity");
        let announced =
            request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let mut payload = payload.take();
        let read = async move {
            if is_encoded {
                return Err(Problem::unsupported_encoding());
            }
            if announced.is_some_and(|length: u64| length > max as u64) {
                return Err(too_large(max));
            }
            let mut body = BytesMut::new();
            while let Some(chunk) = payload.next().await {
                let chunk = chunk.map_err(|error| {
                    Refusal::new(
                        qm_refusal::Kind::InvalidInput,
                        "unreadable_body",
                        format!("the body broke off: {error}"),
                    )
                })?;
                if body.len() + chunk.len() > max {
                    return Err(too_large(max));
                }
                body.extend_from_slice(&chunk);
            }
            Ok(Self(body.freeze()))
        };
        Box::pin(async move {
            tokio::time::timeout(limits.patience, read).await.unwrap_or_else(|_| Err(Problem::too_slow()))
        })
    }
}

fn too_large(max: usize) -> Problem {
    Refusal::too_large("body_too_large", format!("a body may have at most {max} bytes")).into()
}

impl<T: DeserializeOwned + 'static> FromRequest for Body<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_json = is_json(request.headers());
        let raw = RawBody::from_request(request, payload);
        Box::pin(async move { Ok(Self(parse(&raw.await?.0, is_json)?)) })
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Posted<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_json = is_json(request.headers());
        let key = idempotency_key(request.headers());
        let raw = RawBody::from_request(request, payload);
        Box::pin(async move {
            let key = key?;
            let raw = raw.await?.0;
            let body = parse(&raw, is_json)?;
            Ok(Self { body, idempotency: Idempotency { key, body_hash: Sha256::digest(&raw).to_vec() } })
        })
    }
}

pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<String, Problem> {
    let refuse = |code: &str| {
        let message = "every POST needs one: 1 to 255 visible ASCII characters, such as a UUID; a repeat with the same \
                       key and body gets the first answer";
        Problem::from(Refusal::invalid("Idempotency-Key", code, message))
    };
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Err(refuse("required")) };
    let key = value.to_str().unwrap_or_default();
    let is_key = (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    if is_key { Ok(key.to_owned()) } else { Err(refuse("malformed_idempotency_key")) }
}

pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

pub(super) fn parse<T: DeserializeOwned>(raw: &[u8], is_json: bool) -> Result<T, Problem> {
    if !raw.is_empty() && !is_json {
        return Err(Problem::unsupported_media_type());
    }
    let text = if raw.is_empty() { b"{}" } else { raw };
    read_json(text).map_err(Problem::from)
}

/// Reads JSON; a refusal names the path of what is wrong.
fn read_json<T: DeserializeOwned>(text: &[u8]) -> Result<T, Refusal> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(Objects(&mut deserializer)).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        if inner.is_data() { refuse_value(&path, &inner.to_string()) } else { malformed(&inner) }
    })?;
    deserializer.end().map_err(|error| malformed(&error))?;
    Ok(value)
}

fn malformed(error: &serde_json::Error) -> Refusal {
    Refusal::new(
        qm_refusal::Kind::InvalidInput,
        "malformed_json",
        format!("the body is not valid JSON: {error}"),
    )
}

/// Says which field is wrong, given the path so far and serde's words.
pub(super) fn refuse_value(path: &str, message: &str) -> Refusal {
    let named = |prefix: &str| {
        let rest = message.strip_prefix(prefix)?;
        rest.split('`').next().map(str::to_owned)
    };
    let (code, name) = if let Some(name) = named("unknown field `") {
        ("unknown_field", Some(name))
    } else if let Some(name) = named("missing field `") {
        ("required", Some(name))
    } else if let Some(name) = named("duplicate field `") {
        ("duplicate_field", Some(name))
    } else {
        ("invalid_value", None)
    };
    let path = if path == "." { "" } else { path };
    let field = match name {
        Some(name) if path.is_empty() => name,
        Some(name) if path == name || path.ends_with(&format!(".{name}")) => path.to_owned(),
        Some(name) => format!("{path}.{name}"),
        None => path.to_owned(),
    };
    // "at line 3 column 7" helps nobody who has the field's name.
    let message = message.split(" at line ").next().unwrap_or(message);
    let refusal = Refusal::new(qm_refusal::Kind::InvalidInput, code, message);
    if field.is_empty() { refusal } else { refusal.at(field) }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Order {
        #[expect(dead_code, reason = "only parsed")]
        lines: Vec<Line>,
        #[expect(dead_code, reason = "only parsed")]
        customer: Option<Line>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Line {
        #[expect(dead_code, reason = "only parsed")]
        quantity: i64,
    }

    fn refused(text: &str) -> (String, String) {
        let refusal = read_json::<Order>(text.as_bytes()).unwrap_err();
        (refusal.code, refusal.field.unwrap_or_default())
    }

    #[test]
    fn what_is_wrong_is_named_by_its_path() {
        let is = |code: &str, field: &str| (code.to_owned(), field.to_owned());
        assert_eq!(
            refused(r#"{"lines":[{"quantity":1},{"quantity":"x"}]}"#),
            is("invalid_value", "lines[1].quantity")
        );
        assert_eq!(
            refused(r#"{"lines":[{"quantity":1,"colour":"red"}]}"#),
            is("unknown_field", "lines[0].colour")
        );
        assert_eq!(refused(r#"{"lines":[{}]}"#), is("required", "lines[0].quantity"));
        assert_eq!(refused("{}"), is("required", "lines"));
        assert_eq!(refused(r#"{"lines":[],"lines":[]}"#), is("duplicate_field", "lines"));
        assert_eq!(
            refused(r#"{"lines":[{"quantity":99999999999999999999}]}"#),
            is("invalid_value", "lines[0].quantity")
        );
        for broken in ["", "{", r#"{"lines":[]} x"#, "\u{0}"] {
            assert_eq!(refused(broken).0, "malformed_json", "{broken}");
        }
        assert_eq!(refused("[[{}]]"), is("invalid_value", ""));
        assert_eq!(refused(r#"{"lines":[{"quantity":1},[1]]}"#), is("invalid_value", "lines[1]"));
        assert_eq!(refused(r#"{"lines":[],"customer":[1]}"#), is("invalid_value", "customer"));
    }

    #[test]
    fn depth_without_end_is_malformed_and_no_panic() {
        let deep = format!(r#"{{"lines":{}"#, "[".repeat(100_000));
        assert!(["malformed_json", "invalid_value"].contains(&refused(&deep).0.as_str()));
    }
}
