//! A merchant.

use chrono::{DateTime, Utc};
use qm_ids::TenantId;
use qm_refusal::Refusal;

const MAX_SLUG: usize = 63;
const MAX_NAME: usize = 200;

/// A merchant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Id.
    pub id: TenantId,
    /// Name in URLs: lower-case letters, digits and hyphens, unique.
    pub slug: String,
    /// Name for people; shoppers see it.
    pub name: String,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

/// Refuses a slug that could not stand in a URL, and a name that nobody could read.
pub fn check_tenant(slug: &str, name: &str) -> Result<(), Refusal> {
    let is_slug = (1..=MAX_SLUG).contains(&slug.len())
        && slug.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !slug.starts_with('-')
        && !slug.ends_with('-');
    if !is_slug {
        let message = format!("must be 1 to {MAX_SLUG} lower-case letters, digits and inner hyphens");
        return Err(Refusal::invalid("slug", "malformed_slug", message));
    }
    check_name(name)
}

/// Refuses an empty name, a long one, and one with control characters.
pub(super) fn check_name(name: &str) -> Result<(), Refusal> {
    let is_name =
        !name.trim().is_empty() && name.chars().count() <= MAX_NAME && !name.chars().any(char::is_control);
    if is_name {
        return Ok(());
    }
    let message = format!("must be 1 to {MAX_NAME} characters without control characters");
    Err(Refusal::invalid("name", "malformed_name", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_stands_in_a_url_as_it_is() {
        for slug in ["acme", "a", "acme-2", &"a".repeat(63)] {
            assert!(check_tenant(slug, "Acme").is_ok(), "{slug}");
        }
        for slug in ["", "-acme", "acme-", "Acme", "ac me", "ac/me", "é", &"a".repeat(64)] {
            assert_eq!(check_tenant(slug, "Acme").unwrap_err().field.as_deref(), Some("slug"), "{slug}");
        }
        assert_eq!(check_tenant("acme", "a\0b").unwrap_err().field.as_deref(), Some("name"));
    }
}
