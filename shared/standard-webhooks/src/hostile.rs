//! What signed messages and secrets are read from.

use std::time::Duration;

use qm_hostile::{Parser, texts};

use crate::{Headers, WebhookSecret, sign, verify};

/// The parsers.
pub const PARSERS: &[Parser] = &[
    Parser {
        name: "signed-message",
        seeds: || texts(&["msg_1\n1614265330\nv1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=\n{}"]),
        read: message,
    },
    Parser {
        name: "webhook-secret",
        seeds: || texts(&["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]),
        read: secret,
    },
];

fn message(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut parts = text.splitn(4, '\n');
    let mut part = || parts.next().unwrap_or_default();
    let (headers, body) = (Headers { id: part(), timestamp: part(), signature: part() }, part());
    let Ok(secret) = WebhookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw") else { return };
    let now = headers.timestamp.parse().unwrap_or(0);
    let secrets = [secret];
    if verify(&secrets, &headers, body.as_bytes(), now, Duration::from_secs(300)).is_ok() {
        let ours = sign(&secrets, headers.id, now, body.as_bytes());
        assert!(headers.signature.contains(&ours), "believed, though we would not have signed it");
    }
}

fn secret(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(secret) = WebhookSecret::parse(&text) {
        assert!(WebhookSecret::parse(&secret.text()).is_ok());
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_bytes_from_outside_make_a_parser_panic() {
        qm_hostile::withstand(super::PARSERS);
    }
}
