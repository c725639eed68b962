//! What tenants' templates and endpoints are read from.

use qm_hostile::{Parser, texts};

use crate::{
    commands::endpoints::{self, NewEndpoint},
    domain::{
        subscription,
        template::{self, Template},
    },
};

/// The parsers.
pub const PARSERS: &[Parser] = &[
    Parser {
        name: "template",
        seeds: || {
            texts(&[
                "Your order {{ number }}\n{% for line in lines %}{{ line.title }}: {{ line.quantity }}{% endfor %}",
                "a\n{% if name %}{{ name|upper }}{% elif lines[0].quantity > 1 %}{% raw %}{{{% endraw %}{% endif %}",
            ])
        },
        read: template,
    },
    Parser {
        name: "endpoint",
        seeds: || {
            texts(&["https://example.com:8443/a?b shipment.*", "https://[::ffff:127.0.0.1]/ order.placed"])
        },
        read: endpoint,
    },
];

fn template(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (subject, body) = text.split_once('\n').unwrap_or((&text, ""));
    let template = Template { subject: subject.to_owned(), body: body.to_owned() };
    let _ = template::check(&template);
}

fn endpoint(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (url, pattern) = text.split_once(' ').unwrap_or((&text, ""));
    let new = NewEndpoint { url: url.to_owned(), event_types: vec![pattern.to_owned()] };
    if endpoints::check(&new, false).is_ok() {
        assert!(url.trim_start().to_ascii_lowercase().starts_with("https:"), "{url}");
        assert!(subscription::wants(&new.event_types, &pattern.replace('*', "x")));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_bytes_from_outside_make_a_parser_panic() {
        qm_hostile::withstand(super::PARSERS);
    }
}
