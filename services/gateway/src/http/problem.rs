//! Problem details (RFC 9457): the one shape of every refusal.

use std::{collections::BTreeMap, fmt, time::Duration};

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header},
};
use qm_refusal::{Kind, Refusal};
use serde::Serialize;
use utoipa::{
    ToSchema,
    openapi::{ContentBuilder, HeaderBuilder, Object, Ref, RefOr, ResponseBuilder, Type, response::Response},
};

use super::observe;

/// Why a request was refused: the error of every handler. Boxed, since it travels through every answer.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct Problem(Box<Details>);

/// Why a request was refused.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct Details {
    /// Where the kind of problem is explained.
    #[serde(rename = "type")]
    #[schema(example = "/problems/invalid-input")]
    problem_type: String,
    /// The kind of problem in words.
    #[schema(example = "The request is not valid")]
    title: String,
    /// HTTP status.
    #[schema(example = 400)]
    status: u16,
    /// What is wrong, for people.
    #[schema(example = "must be at least 1")]
    detail: String,
    /// What is wrong, for programs; stable.
    #[schema(example = "out_of_range")]
    code: String,
    /// The field at fault.
    #[schema(example = "lines[2].quantity")]
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// Names this request in logs and traces.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    #[serde(skip)]
    retry_after: Option<Duration>,
}

/// A handler's answer.
pub type Answer = Result<HttpResponse, Problem>;

/// A JSON answer.
pub fn answer(status: StatusCode, body: &impl Serialize) -> Answer {
    Ok(HttpResponse::build(status).json(body))
}

impl Problem {
    /// No such route.
    pub fn no_such_route() -> Self {
        Refusal::new(Kind::NotFound, "route_not_found", "there is nothing at this address").into()
    }

    /// The route exists, not for this method.
    pub fn method_not_allowed() -> Self {
        let refusal =
            Refusal::new(Kind::InvalidInput, "method_not_allowed", "this address does not take this method");
        Self::from(refusal).of_http("method-not-allowed", "Method not allowed", 405)
    }

    /// The body is of a type that is not read.
    pub fn unsupported_media_type() -> Self {
        let refusal = Refusal::invalid("Content-Type", "unsupported_media_type", "must be application/json");
        Self::from(refusal).of_http("unsupported-media-type", "Unsupported media type", 415)
    }

    /// The body takes too long to come.
    pub fn too_slow() -> Self {
        let refusal = Refusal::new(Kind::InvalidInput, "body_too_slow", "the body did not come in time");
        Self::from(refusal).of_http("request-timeout", "The request came too slowly", 408)
    }

    /// The body is compressed.
    pub fn unsupported_encoding() -> Self {
        let message = "bodies are read as they are, not compressed";
        let refusal = Refusal::invalid("Content-Encoding", "unsupported_encoding", message);
        Self::from(refusal).of_http("unsupported-media-type", "Unsupported media type", 415)
    }

    /// Whether it says that there is no valid credential.
    pub(super) fn is_unauthenticated(&self) -> bool {
        self.0.status == 401
    }

    /// The same, if a field is at fault, with the name that the caller knows it by.
    pub fn at(mut self, field: &str) -> Self {
        self.0.field = self.0.field.map(|_| field.to_owned());
        self
    }

    /// HTTP alone knows these kinds, so they are not in the table of kinds.
    fn of_http(mut self, slug: &str, title: &str, status: u16) -> Self {
        self.0.problem_type = format!("/problems/{slug}");
        title.clone_into(&mut self.0.title);
        self.0.status = status;
        self
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self(Box::new(Details {
            problem_type: format!("/problems/{}", refusal.kind.slug()),
            title: refusal.kind.title().to_owned(),
            status: refusal.kind.http(),
            detail: refusal.message,
            code: refusal.code,
            field: refusal.field,
            trace_id: observe::trace_id(),
            retry_after: refusal
                .retry_after
                // Who may come again is told when, also where a peer did not say.
                .or_else(|| refusal.kind.is_transient().then_some(Duration::from_secs(1))),
        }))
    }
}

impl From<tonic::Status> for Problem {
    fn from(status: tonic::Status) -> Self {
        let mut refusal = Refusal::from_status(&status);
        if refusal.kind.is_fault() {
            tracing::warn!(code = ?status.code(), "a peer failed: {}", status.message());
        }
        refusal.field = refusal.field.as_deref().map(public_field);
        refusal.into()
    }
}

/// A field as the public API calls it, where the contract between services has another word.
pub fn public_field(field: &str) -> String {
    let part = |part: &str| match part {
        "fulfilment_kind" => Some("fulfilment".to_owned()),
        "pickup_location_code" => Some("pickup_location".to_owned()),
        "location_code" => Some("location".to_owned()),
        "idempotency_key" => Some("Idempotency-Key".to_owned()),
        "expected_revision" => Some("If-Match".to_owned()),
        // Levels that the public API does not have.
        "action" | "page" | "point" | "idempotency" => None,
        part => Some(part.to_owned()),
    };
    field.split('.').filter_map(part).collect::<Vec<_>>().join(".")
}

impl From<qm_runtime::CommandError> for Problem {
    fn from(error: qm_runtime::CommandError) -> Self {
        error.into_refusal().into()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        if let Some(wait) = self.0.retry_after {
            // Whole seconds, and never zero: "at once" is not what was meant.
            response.insert_header((header::RETRY_AFTER, wait.as_secs_f64().ceil().max(1.0).to_string()));
        }
        if self.0.status == 401 {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        let body = serde_json::to_vec(self).unwrap_or_default();
        response.content_type("application/problem+json").body(body)
    }
}

/// The refusals that any operation may answer with, for the API's description.
#[derive(Debug)]
pub struct Problems;

impl utoipa::IntoResponses for Problems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let response = |status: &str, about: &str| {
            let schema = Ref::from_schema_name("Problem");
            let content = ContentBuilder::new().schema(Some(schema)).build();
            let built =
                ResponseBuilder::new().description(about).content("application/problem+json", content);
            let built = match status {
                "429" | "503" => built.header(header::RETRY_AFTER.as_str(), retry_after()),
                _ => built,
            };
            RefOr::T(built.build())
        };
        [
            ("400", "The request is not valid; `field` names what is at fault."),
            ("401", "There is no valid API key or token."),
            ("403", "The API key or token does not allow this."),
            ("404", "There is no such thing for this tenant."),
            ("408", "The body did not come in time."),
            ("409", "The current state does not allow this."),
            ("412", "`If-Match` does not name the current version."),
            ("413", "The body is too large."),
            ("415", "The body is not JSON, or compressed."),
            ("422", "The idempotency key was used before, with another body."),
            ("429", "Too many requests; `Retry-After` says when to come back."),
            ("503", "Not available at the moment; the same request may be sent again."),
        ]
        .into_iter()
        .map(|(status, about)| (status.to_owned(), response(status, about)))
        .collect()
    }
}

fn retry_after() -> utoipa::openapi::Header {
    let seconds = Object::with_type(Type::Integer);
    HeaderBuilder::new()
        .schema(Some(seconds))
        .description(Some("Seconds to wait before the next try."))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_named_as_the_caller_wrote_them() {
        for (ours, theirs) in [
            ("ship_to.point.latitude", "ship_to.latitude"),
            ("movements[3].location_code", "movements[3].location"),
            ("fulfilment_kind", "fulfilment"),
            ("page.cursor", "cursor"),
            ("lines[2].quantity", "lines[2].quantity"),
        ] {
            assert_eq!(public_field(ours), theirs);
        }
    }
}
