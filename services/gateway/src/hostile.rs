//! What requests, tokens and keys are read from.

use qm_hostile::{Parser, texts};

use crate::{api::hostile as api, domain::Credential, http::hostile as http, oidc};

/// The parsers.
pub const PARSERS: &[Parser] = &[
    Parser {
        name: "body",
        seeds: || {
            texts(&[
                r#"{"channel":"web","currency":"USD","customer":{"name":"A","email":"a@b.c"},"ship_to":{"line1":"1 Main St","city":"X","country":"US","latitude":41.5,"longitude":-87},"lines":[{"sku":"a","quantity":1,"unit_price":"1.00","tax_inclusive":true}],"fees":[{"code":"f","amount_minor":1}],"total_minor":101,"priority":-5}"#,
                r#"{"items":[{"sku":"a","name":"A","weight_grams":1,"stock_policy":"tracked","drop_ship":false}]}"#,
                r#"{"movements":[{"sku":"a","location":"X","kind":"adjust","quantity":-3,"reason":"r","expected_version":4}]}"#,
                r#"{"parcels":[{"units":[{"line_id":"l","item_id":"i","quantity":1}],"weight_grams":5}]}"#,
                r#"{"bands":[{"service_level":"s","zone":1,"max_miles":5,"regions":["US-AK"],"base_minor":1,"per_pound_micros":1,"transit_days":1}]}"#,
                r#"{"url":"https://example.com","event_types":["order.*"]}"#,
                r#"{"reason":"short_pick","units":null,"note":"\ud83d\ude00"}"#,
            ])
        },
        read: api::body,
    },
    Parser {
        name: "query",
        seeds: || {
            texts(&[
                "limit=50&cursor=abc&status=placed",
                "skus=a%2Cb,c",
                "after=7&order_id=x",
                "number=%31&email=a%40b",
            ])
        },
        read: api::query,
    },
    Parser { name: "cursor", seeds: api::cursors, read: api::cursor },
    Parser {
        name: "header",
        seeds: || texts(&["\"7\"", "W/\"7\", \"8\"", "*", "1.1.1.1, [2001:db8::1]:80"]),
        read: http::headers,
    },
    Parser {
        name: "api-key",
        seeds: || vec![format!("qm_{}_{}", "0a".repeat(16), "1b".repeat(32)).into_bytes()],
        read: key,
    },
    Parser { name: "token", seeds: || texts(&[TOKEN]), read: oidc::hostile::token },
    Parser { name: "key-set", seeds: || texts(&[KEYS]), read: oidc::hostile::key_set },
];

/// Signed by nobody.
const TOKEN: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImsifQ.\
    eyJpc3MiOiJpIiwiYXVkIjpbImEiXSwiZXhwIjo0MTAyNDQ0ODAwLCJuYmYiOjEuNSwic3ViIjoicyIsInRlbmFudCI6InQiLCJzY29wZSI6Im9yZGVyczpyZWFkIn0.AAAA";
const KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"k","alg":"ES256","use":"sig","x":"AAAA","y":"AAAA"},{"kty":"RSA","kid":"r","n":"AQAB","e":"AQAB"}]}"#;

fn key(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(credential) = Credential::parse(&text) {
        assert!(credential.text().eq_ignore_ascii_case(&text));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_bytes_from_outside_make_a_parser_panic() {
        qm_hostile::withstand(super::PARSERS);
    }
}
