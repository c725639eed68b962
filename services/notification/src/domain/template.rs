//! Rendering messages. Templates come from tenants, so they are data: no files, no loops without end, no names that the
//! context does not have, nothing that grows.

mod limits;

use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};
use serde::Serialize;

/// Instructions that one rendering may take; a page of text takes some hundreds.
const FUEL: u64 = 50_000;
/// Longest template accepted, in bytes.
pub const MAX_TEMPLATE: usize = 20_000;
/// Longest subject sent, in characters.
const MAX_SUBJECT: usize = 200;

/// A message in the template language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Subject line.
    pub subject: String,
    /// Plain text.
    pub body: String,
}

/// A message ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// One line.
    pub subject: String,
    /// Plain text.
    pub body: String,
}

/// What templates may say.
#[derive(Debug, Clone, Serialize)]
pub struct Context {
    /// Order number.
    pub number: i64,
    /// The shopper's name; may be empty.
    pub name: String,
    /// Lines of the order.
    pub lines: Vec<ContextLine>,
    /// What the shopper pays, as text with its currency.
    pub total: String,
    /// Date promised, ISO 8601; may be empty.
    pub promise_by: String,
    /// Link to the tracking page.
    pub tracking_url: String,
    /// Fields of the event that caused the message.
    pub event: serde_json::Value,
}

/// A line of the order, for templates.
#[derive(Debug, Clone, Serialize)]
pub struct ContextLine {
    /// Title at the time of sale.
    pub title: String,
    /// Units ordered.
    pub quantity: i64,
    /// Units by bucket, for example `backordered`.
    pub units: std::collections::BTreeMap<String, i64>,
}

/// Why a template cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{part}: {problem}")]
pub struct TemplateError {
    /// `subject` or `body`.
    pub part: &'static str,
    /// What is wrong, with the line.
    pub problem: String,
}

/// Renders a message.
pub fn render(template: &Template, context: &Context) -> Result<Rendered, TemplateError> {
    let mut environment = Environment::empty();
    environment.set_fuel(Some(FUEL));
    // A name that does not exist is an error where it is printed; asking whether it is there is fine.
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    // Plain text: escaping would show.
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    let part = |part: &'static str, source: &str| {
        let refused = |problem| TemplateError { part, problem };
        if let Some(problem) = limits::refuse(source) {
            return Err(refused(problem));
        }
        let mut page = limits::Page::default();
        environment
            .template_from_str(source)
            .and_then(|template| template.render_captured_to(context, &mut page).map(drop))
            .map_err(|error| refused(describe(&error)))?;
        Ok(page.into_text())
    };
    let subject = part("subject", &template.subject)?;
    // A subject of two lines would be a header of its own.
    let subject = subject.split_whitespace().collect::<Vec<_>>().join(" ");
    Ok(Rendered { subject: subject.chars().take(MAX_SUBJECT).collect(), body: part("body", &template.body)? })
}

/// Refuses a template that could not be rendered.
pub fn check(template: &Template) -> Result<(), TemplateError> {
    for (part, text) in [("subject", &template.subject), ("body", &template.body)] {
        if text.len() > MAX_TEMPLATE {
            let problem = format!("must be at most {MAX_TEMPLATE} bytes");
            return Err(TemplateError { part, problem });
        }
        let is_text = |it: char| !it.is_control() || matches!(it, '\n' | '\r' | '\t');
        if !text.chars().all(is_text) {
            let problem = "must not hold control characters other than line breaks and tabs".to_owned();
            return Err(TemplateError { part, problem });
        }
    }
    render(template, &example()).map(|_| ())
}

/// The built-in template of a message.
pub fn built_in(name: &str) -> Option<Template> {
    let text = match name {
        "order_placed" => include_str!("../../templates/en/order_placed.txt"),
        "order_backordered" => include_str!("../../templates/en/order_backordered.txt"),
        "units_cancelled" => include_str!("../../templates/en/units_cancelled.txt"),
        "order_cancelled" => include_str!("../../templates/en/order_cancelled.txt"),
        "ready_for_pickup" => include_str!("../../templates/en/ready_for_pickup.txt"),
        "shipment_dispatched" => include_str!("../../templates/en/shipment_dispatched.txt"),
        "shipment_delivered" => include_str!("../../templates/en/shipment_delivered.txt"),
        "shipment_delayed" => include_str!("../../templates/en/shipment_delayed.txt"),
        "shipment_lost" => include_str!("../../templates/en/shipment_lost.txt"),
        _ => return None,
    };
    let (subject, body) = text.split_once('\n')?;
    Some(Template { subject: subject.to_owned(), body: body.trim_start().to_owned() })
}

fn example() -> Context {
    Context {
        number: 100_001,
        name: "Ada Example".to_owned(),
        lines: vec![ContextLine {
            title: "A thing".to_owned(),
            quantity: 2,
            units: [("shipped".to_owned(), 2)].into(),
        }],
        total: "12.00 USD".to_owned(),
        promise_by: "2026-12-01".to_owned(),
        tracking_url: "https://example.com/t/x".to_owned(),
        event: serde_json::json!({ "carrier": "x", "tracking_number": "y", "reason": "z" }),
    }
}

fn describe(error: &minijinja::Error) -> String {
    if error.kind() == ErrorKind::WriteFailure {
        return format!("must make at most {} bytes", limits::MAX_RENDERED);
    }
    let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    match error.line() {
        Some(line) => format!("line {line}: {detail}"),
        None => detail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rule::TEMPLATES;

    fn template(body: &str) -> Template {
        Template { subject: "s".to_owned(), body: body.to_owned() }
    }

    #[test]
    fn every_built_in_template_renders() {
        for name in TEMPLATES {
            let template = built_in(name).unwrap_or_else(|| panic!("{name} has no template"));
            assert_eq!(check(&template), Ok(()), "{name}");
        }
    }

    #[test]
    fn a_template_without_end_is_stopped() {
        let ten = "{% for x in [1,2,3,4,5,6,7,8,9,0] %}";
        let endless = format!("{}x{}", ten.repeat(6), "{% endfor %}".repeat(6));
        let error = check(&template(&endless)).unwrap_err();
        assert!(error.problem.contains("fuel"), "{error}");
    }

    #[test]
    fn a_template_that_would_grow_without_end_is_refused_before_it_does() {
        let doubled = "{% set x = x ~ x %}".repeat(40);
        let captured = "{% set x %}{{ x }}{{ x }}{% endset %}".repeat(40);
        let nested = "{% set x = [x, x] %}".repeat(40);
        for grows in [
            format!("{{% set x = 'x' %}}{doubled}"),
            format!("{{% set x = 'x' %}}{captured}"),
            format!("{{% set x = [1] %}}{nested}{{{{ x == x }}}}"),
            "{{ 'x' * 100000000 }}".to_owned(),
            "{% for x in [1, 2] recursive %}{{ loop([1, 2]) }}{% endfor %}".to_owned(),
            "{% macro m() %}{% endmacro %}".to_owned(),
            "{% with x = 'x' %}{{ x + x }}{% endwith %}".to_owned(),
            "{% raw %}{{ '{% endraw %}{{ \"' }}\" ~ name }}".to_owned(),
        ] {
            let error = check(&template(&grows)).unwrap_err();
            assert!(error.problem.starts_with("must not use"), "{error}: {grows}");
        }
        let wide = format!("{{% for x in [1,2,3,4,5,6,7,8,9,0,1,2] %}}{}{{% endfor %}}", "x".repeat(19_000));
        assert_eq!(check(&template(&wide)).unwrap_err().problem, "must make at most 200000 bytes");
        assert_eq!(
            check(&template("1 + 1 * 2 ~ {% if name %}{{ lines[0].quantity - 1 }}{% endif %}")),
            Ok(())
        );
    }

    #[test]
    fn unknown_names_are_refused_with_their_line() {
        let error = check(&template("fine\n{{ nothing }}")).unwrap_err();
        assert!(error.problem.contains("line 2"), "{error}");
    }

    #[test]
    fn a_subject_stays_one_line() {
        let template = Template { subject: "a\r\nBcc: someone@example.com".to_owned(), body: String::new() };
        assert_eq!(render(&template, &example()).unwrap().subject, "a Bcc: someone@example.com");
    }
}
