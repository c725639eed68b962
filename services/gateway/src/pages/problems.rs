//! What a problem's `type` leads to.

use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use minijinja::context;
use qm_refusal::{Kind, Refusal};

use super::Renderer;
use crate::http::Problem;

/// Explains a kind of problem.
pub async fn explain(renderer: Data<Renderer>, slug: Path<String>) -> Result<HttpResponse, Problem> {
    let (title, status, text) = match slug.as_str() {
        "method-not-allowed" => ("Method not allowed", 405, "The address exists, but not for this method."),
        "unsupported-media-type" => (
            "Unsupported media type",
            415,
            "Bodies are JSON, not compressed: send Content-Type: application/json and no Content-Encoding.",
        ),
        "request-timeout" => ("The request came too slowly", 408, "The body did not come in time."),
        slug => {
            let kind = Kind::from_slug(slug).ok_or_else(|| Refusal::not_found("problem"))?;
            (kind.title(), kind.http(), explanation(kind))
        }
    };
    let context = context! { title, status, text, shop => "Quartermaster" };
    Ok(renderer.page(StatusCode::OK, "problem.html", context))
}

fn explanation(kind: Kind) -> &'static str {
    match kind {
        Kind::InvalidInput => {
            "The request breaks a rule that depends on nothing but the request. The problem's field names what is at \
             fault, its code says which rule. Nothing was stored. Correct the request before sending it again."
        }
        Kind::NotFound => "What the request names does not exist for the tenant of this API key or token.",
        Kind::Conflict => {
            "The request is valid, but the current state of what it names does not allow it. Sending it again unchanged \
             will not help; read the current state first."
        }
        Kind::IdempotencyMismatch => {
            "The Idempotency-Key was used before with another body. Nothing was done. Use a fresh key for a new request."
        }
        Kind::PreconditionFailed => {
            "If-Match names a version that is not the current one: somebody changed it meanwhile. Read it again, then decide."
        }
        Kind::Unauthenticated => "Send a valid API key or token: Authorization: Bearer …",
        Kind::Forbidden => "The API key or token is valid, but lacks the scope that this request needs.",
        Kind::TooMany => {
            "The caller asked too often. Retry-After says when to come back; RateLimit says what is left."
        }
        Kind::TooLarge => {
            "The body, or a part of it, is larger than what is taken. The detail says what the limit is."
        }
        Kind::Unavailable => {
            "It cannot be done at the moment. Send the same request again after Retry-After, with the same Idempotency-Key: \
             if it did take effect, you get the first answer."
        }
        Kind::Internal => "The fault is ours. Report the problem's trace_id.",
    }
}
