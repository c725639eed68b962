//! The one table of error codes.

use serde::{Deserialize, Serialize};
use tonic::Code;

/// What kind of refusal it is; decides the gRPC code, the HTTP status and the problem type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The request is malformed or breaks a rule that depends on nothing but the request.
    InvalidInput,
    /// What it names does not exist, or belongs to another tenant.
    NotFound,
    /// The state of what it names does not allow it. Trying again unchanged will not help.
    Conflict,
    /// The idempotency key was used before, with another body.
    IdempotencyMismatch,
    /// The caller's version (`If-Match`) is no longer the current one: read again, then decide again.
    PreconditionFailed,
    /// No credential, or one that is not valid.
    Unauthenticated,
    /// A valid credential that may not do this.
    Forbidden,
    /// Too many requests: wait, then try again.
    TooMany,
    /// The request, or a part of it, is larger than we take.
    TooLarge,
    /// We cannot do it now, for a reason that passes: try again.
    Unavailable,
    /// Our fault, and not one that passes by itself.
    Internal,
}

/// A line of the table.
struct Row {
    slug: &'static str,
    title: &'static str,
    grpc: Code,
    http: u16,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::InvalidInput,
        Self::NotFound,
        Self::Conflict,
        Self::IdempotencyMismatch,
        Self::PreconditionFailed,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::TooMany,
        Self::TooLarge,
        Self::Unavailable,
        Self::Internal,
    ];

    /// The gRPC codes differ from each other, so that a status that lost its details still tells its kind. They follow
    /// `google.rpc.Code`: FAILED_PRECONDITION must not be retried as it is, ABORTED is a failed test-and-set,
    /// OUT_OF_RANGE is what tonic itself answers to an oversized message. 422 for a reused idempotency key follows the
    /// IETF draft on the Idempotency-Key header.
    const fn row(self) -> Row {
        const fn row(slug: &'static str, title: &'static str, grpc: Code, http: u16) -> Row {
            Row { slug, title, grpc, http }
        }
        match self {
            Self::InvalidInput => {
                row("invalid-input", "The request is not valid", Code::InvalidArgument, 400)
            }
            Self::NotFound => row("not-found", "Not found", Code::NotFound, 404),
            Self::Conflict => {
                row("conflict", "The current state does not allow this", Code::FailedPrecondition, 409)
            }
            Self::IdempotencyMismatch => row(
                "idempotency-mismatch",
                "The idempotency key was used with another body",
                Code::AlreadyExists,
                422,
            ),
            Self::PreconditionFailed => {
                row("precondition-failed", "The version is not current", Code::Aborted, 412)
            }
            Self::Unauthenticated => {
                row("unauthenticated", "A valid credential is required", Code::Unauthenticated, 401)
            }
            Self::Forbidden => {
                row("forbidden", "The credential does not allow this", Code::PermissionDenied, 403)
            }
            Self::TooMany => row("too-many", "Too many requests", Code::ResourceExhausted, 429),
            Self::TooLarge => row("too-large", "The request is too large", Code::OutOfRange, 413),
            Self::Unavailable => row("unavailable", "Not available at the moment", Code::Unavailable, 503),
            Self::Internal => row("internal", "Something went wrong on our side", Code::Internal, 500),
        }
    }

    /// The stable last part of the problem `type` (RFC 9457); also how the kind is written in JSON.
    pub const fn slug(self) -> &'static str {
        self.row().slug
    }

    /// The problem `title`: the kind in words, the same for every refusal of the kind.
    pub const fn title(self) -> &'static str {
        self.row().title
    }

    /// The gRPC code.
    pub const fn grpc(self) -> Code {
        self.row().grpc
    }

    /// The HTTP status.
    pub const fn http(self) -> u16 {
        self.row().http
    }

    /// Whether the fault is ours: worth a warning in the log and no fault of the caller's.
    pub const fn is_fault(self) -> bool {
        matches!(self, Self::Unavailable | Self::Internal)
    }

    /// Whether the same request may succeed later.
    pub const fn is_transient(self) -> bool {
        matches!(self, Self::TooMany | Self::Unavailable)
    }

    /// The kind with this slug.
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.slug() == slug)
    }

    /// The nearest kind to a code that did not come from here.
    pub(crate) const fn from_grpc(code: Code) -> Self {
        match code {
            Code::InvalidArgument => Self::InvalidInput,
            Code::NotFound => Self::NotFound,
            Code::FailedPrecondition => Self::Conflict,
            Code::AlreadyExists => Self::IdempotencyMismatch,
            Code::Aborted => Self::PreconditionFailed,
            Code::Unauthenticated => Self::Unauthenticated,
            Code::PermissionDenied => Self::Forbidden,
            Code::ResourceExhausted => Self::TooMany,
            Code::OutOfRange => Self::TooLarge,
            // A deadline that passed or a call that was cut off says nothing about the request: it may be repeated.
            Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled => Self::Unavailable,
            Code::Ok | Code::Unknown | Code::Unimplemented | Code::Internal | Code::DataLoss => {
                Self::Internal
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_kind_has_a_slug_a_grpc_code_and_an_http_status_of_its_own() {
        let distinct = |values: Vec<String>| values.into_iter().collect::<HashSet<_>>().len();
        let of = |value: fn(Kind) -> String| distinct(Kind::ALL.into_iter().map(value).collect());
        assert_eq!(of(|kind| kind.slug().to_owned()), Kind::ALL.len());
        assert_eq!(of(|kind| format!("{:?}", kind.grpc())), Kind::ALL.len());
        assert_eq!(of(|kind| kind.http().to_string()), Kind::ALL.len());
    }

    #[test]
    fn a_kind_is_found_again_by_its_slug_its_json_and_its_grpc_code() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_slug(kind.slug()), Some(kind));
            assert_eq!(Kind::from_grpc(kind.grpc()), kind);
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{}\"", kind.slug()));
        }
        assert_eq!(Kind::from_slug("teapot"), None);
    }

    #[test]
    fn only_our_own_faults_answer_with_5xx() {
        for kind in Kind::ALL {
            assert_eq!(kind.is_fault(), kind.http() >= 500, "{kind:?}");
        }
    }
}
