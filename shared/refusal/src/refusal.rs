//! A refusal and the ways to make one.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Kind;

/// The longest message, in bytes. It travels twice in HTTP/2 headers, once percent-encoded (up to three bytes for one),
/// and headers of more than 16 KiB are cut off by many peers, which would lose the whole answer.
const LONGEST_MESSAGE: usize = 1024;
/// The longest field path, in bytes. Clients choose the names of unknown fields.
const LONGEST_FIELD: usize = 256;

/// Why a request was not done.
///
/// It says only what its caller may know: causes inside the system are logged where they are met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// What kind of refusal it is.
    pub kind: Kind,
    /// The exact reason for programs: stable, in snake_case, such as `unknown_item`.
    pub code: String,
    /// The reason for people; may change from version to version.
    pub message: String,
    /// The path of the field at fault, such as `lines[2].quantity`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// How long to wait before trying again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// A refusal of any kind, without field and waiting time. A message of more than 1024 bytes is cut and ends with
    /// an ellipsis.
    pub fn new(kind: Kind, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind,
            code: code.into(),
            message: clipped(message.into(), LONGEST_MESSAGE),
            field: None,
            retry_after: None,
        }
    }

    /// The request is wrong at `field`.
    pub fn invalid(field: impl Into<String>, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Kind::InvalidInput, code, message).at(field)
    }

    /// There is no such `what` for this tenant; with "sales order" the code is `sales_order_not_found`.
    pub fn not_found(what: &str) -> Self {
        Self::new(Kind::NotFound, format!("{}_not_found", what.replace(' ', "_")), format!("no such {what}"))
    }

    /// The current state does not allow it.
    pub fn conflict(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Kind::Conflict, code, message)
    }

    /// The idempotency key was used before, with another body.
    pub fn idempotency_mismatch() -> Self {
        let message = "this idempotency key was used before for a request with another body";
        Self::new(Kind::IdempotencyMismatch, "idempotency_key_reused", message)
    }

    /// The version that the caller saw is not the current one.
    pub fn precondition_failed(message: impl Into<String>) -> Self {
        Self::new(Kind::PreconditionFailed, "version_not_current", message)
    }

    /// There is no valid credential.
    pub fn unauthenticated(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Kind::Unauthenticated, code, message)
    }

    /// The credential does not allow it.
    pub fn forbidden(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Kind::Forbidden, code, message)
    }

    /// Too many requests; the next one may come after `retry_after`.
    pub fn too_many(code: impl Into<String>, message: impl Into<String>, retry_after: Duration) -> Self {
        Self::new(Kind::TooMany, code, message).after(retry_after)
    }

    /// The request or a part of it is too large; the message says what the limit is.
    pub fn too_large(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Kind::TooLarge, code, message)
    }

    /// It cannot be done at the moment.
    pub fn unavailable(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Kind::Unavailable, code, message)
    }

    /// Our fault. It takes no message, so that none can tell about our insides: log the cause where it is met.
    pub fn internal() -> Self {
        Self::of(Kind::Internal)
    }

    /// A refusal that says no more than its kind does.
    pub(crate) fn of(kind: Kind) -> Self {
        Self::new(kind, kind.slug().replace('-', "_"), kind.title())
    }

    /// Names the field at fault. A path of more than 256 bytes is cut and ends with an ellipsis.
    #[must_use]
    pub fn at(mut self, field: impl Into<String>) -> Self {
        self.field = Some(clipped(field.into(), LONGEST_FIELD));
        self
    }

    /// Puts the field at fault under `parent`: `quantity` within `lines[2]` becomes `lines[2].quantity`, and a refusal
    /// without a field becomes one of `parent` itself.
    #[must_use]
    pub fn within(self, parent: &str) -> Self {
        let path = match self.field.as_deref() {
            None | Some("") => parent.to_owned(),
            Some(index) if index.starts_with('[') => format!("{parent}{index}"),
            Some(field) => format!("{parent}.{field}"),
        };
        self.at(path)
    }

    /// Says how long to wait before trying again.
    #[must_use]
    pub fn after(mut self, retry_after: Duration) -> Self {
        self.retry_after = Some(retry_after);
        self
    }

    /// The same refusal, short enough to travel, also if its fields were set by hand or read from elsewhere.
    pub(crate) fn fit(mut self) -> Self {
        self.code = clipped(self.code, LONGEST_FIELD);
        self.message = clipped(self.message, LONGEST_MESSAGE);
        self.field = self.field.map(|field| clipped(field, LONGEST_FIELD));
        self
    }
}

/// The text, cut at a character's end and marked with an ellipsis if it is longer than `limit` bytes.
fn clipped(mut text: String, limit: usize) -> String {
    const ELLIPSIS: char = '…';
    if text.len() > limit {
        text.truncate(text.floor_char_boundary(limit - ELLIPSIS.len_utf8()));
        text.push(ELLIPSIS);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_grows_from_the_inside_out() {
        let refusal = Refusal::invalid("quantity", "not_positive", "must be positive");
        assert_eq!(refusal.clone().within("[2]").within("lines").field.as_deref(), Some("lines[2].quantity"));
        assert_eq!(Refusal::conflict("a", "b").within("lines").field.as_deref(), Some("lines"));
    }

    #[test]
    fn what_a_client_wrote_at_length_is_cut_at_a_characters_end() {
        let long = "é".repeat(10_000);
        let refusal = Refusal::invalid(long.clone(), "unknown_field", long);
        let field = refusal.field.as_deref().unwrap();
        assert!(field.len() <= LONGEST_FIELD && field.ends_with("é…"));
        assert!(refusal.message.len() <= LONGEST_MESSAGE && refusal.message.ends_with("é…"));
        assert_eq!(refusal.clone().fit(), refusal, "what fits is left alone");
    }

    #[test]
    fn its_json_reads_back_and_leaves_out_what_is_not_there() {
        let refusal = Refusal::too_many("rate", "slow down", Duration::from_millis(1500)).at("lines");
        let json = serde_json::to_string(&refusal).unwrap();
        assert_eq!(serde_json::from_str::<Refusal>(&json).unwrap(), refusal);
        let bare = serde_json::to_string(&Refusal::not_found("order line")).unwrap();
        assert_eq!(
            bare,
            r#"{"kind":"not-found","code":"order_line_not_found","message":"no such order line"}"#
        );
    }
}
