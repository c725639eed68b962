//! `ETag`, `If-Match` and `If-None-Match`: versions of what can be edited.

use actix_web::{
    HttpRequest,
    http::header::{self, HeaderName},
};
use qm_refusal::Refusal;

use super::Problem;

/// The version as a strong entity tag.
pub fn etag(version: i64) -> (HeaderName, String) {
    (header::ETAG, format!("\"{version}\""))
}

/// The version that `If-Match` asks for; 0 when any will do.
pub fn expected_version(request: &HttpRequest) -> Result<i64, Problem> {
    let Some(value) = request.headers().get(header::IF_MATCH) else { return Ok(0) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(0);
    }
    let version = unquoted(text).and_then(|version| version.parse().ok()).filter(|version| *version > 0);
    version.ok_or_else(|| {
        let message = "must be one entity tag as it came in ETag, such as \"7\", or *";
        Refusal::invalid("If-Match", "malformed_entity_tag", message).into()
    })
}

/// Whether `If-None-Match` says that the caller has this version already.
pub fn is_current(request: &HttpRequest, version: i64) -> bool {
    let Some(text) = request.headers().get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok())
    else {
        return false;
    };
    let version = version.to_string();
    text.split(',')
        .map(|tag| tag.trim().trim_start_matches("W/"))
        .any(|tag| tag == "*" || unquoted(tag) == Some(version.as_str()))
}

fn unquoted(tag: &str) -> Option<&str> {
    tag.strip_prefix('"')?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn if_match_reads_the_tag_that_etag_wrote_and_refuses_others() {
        let asked = |value: &str| {
            expected_version(
                &TestRequest::default().insert_header((header::IF_MATCH, value)).to_http_request(),
            )
            .ok()
        };
        assert_eq!(asked(&etag(7).1), Some(7));
        assert_eq!(asked("*"), Some(0));
        assert_eq!(expected_version(&TestRequest::default().to_http_request()).ok(), Some(0));
        for bad in ["7", "\"x\"", "\"7\", \"8\"", "\"-1\"", "\"0\"", "W/\"7\"", ""] {
            assert_eq!(asked(bad), None, "{bad}");
        }
    }

    #[test]
    fn if_none_match_takes_several_tags_and_weak_ones() {
        let has = |value: &str| {
            is_current(
                &TestRequest::default().insert_header((header::IF_NONE_MATCH, value)).to_http_request(),
                7,
            )
        };
        assert!(has("\"7\"") && has("\"6\", W/\"7\"") && has("*"));
        assert!(!has("\"8\"") && !has("7"));
    }
}
