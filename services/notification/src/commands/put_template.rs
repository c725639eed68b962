//! Replacing a message's words.

use chrono::{DateTime, Utc};
use qm_database::Tx;
use qm_ids::TenantId;
use qm_refusal::Refusal;
use qm_runtime::CommandError;

use crate::{
    domain::{
        rule::TEMPLATES,
        template::{self, Template},
    },
    store::{self, TemplateRow},
};

const MAX_LOCALE: usize = 35;

/// Stores a tenant's template, refused if it could not be rendered.
pub async fn put_template(
    tx: &Tx,
    tenant: TenantId,
    (name, locale): (&str, &str),
    template: Template,
    now: DateTime<Utc>,
) -> Result<(), CommandError> {
    if !TEMPLATES.contains(&name) {
        let message = format!("must be one of {}", TEMPLATES.join(", "));
        return Err(Refusal::invalid("name", "unknown_template", message).into());
    }
    let is_tag = (2..=MAX_LOCALE).contains(&locale.len())
        && locale.split('-').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric()));
    if !is_tag {
        return Err(Refusal::invalid(
            "locale",
            "malformed_locale",
            "must be a language tag such as en or pt-BR",
        )
        .into());
    }
    template::check(&template)
        .map_err(|error| Refusal::invalid(error.part, "malformed_template", error.problem))?;
    let row = TemplateRow {
        tenant_id: tenant,
        name: name.to_owned(),
        locale: locale.to_ascii_lowercase(),
        subject: template.subject,
        body: template.body,
        updated_at: now,
    };
    Ok(store::templates::save(tx, row).await?)
}
