//! What tracking links are read from.

use qm_hostile::{Parser, texts};

use crate::TrackingLinks;

/// The parsers.
pub const PARSERS: &[Parser] = &[Parser {
    name: "tracking-link",
    seeds: || texts(&["AAAAAAAAAAAAAAAAAAAAAgAAAAAAAAAAAAAAAAAAAAEe7zILK8M0lqqZOzvrTdg3"]),
    read,
}];

fn read(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(links) = TrackingLinks::new(b"0123456789abcdef") else { return };
    if let Ok((tenant, order)) = links.open(&text) {
        assert_eq!(links.token(tenant, order), text);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_bytes_from_outside_make_a_parser_panic() {
        qm_hostile::withstand(super::PARSERS);
    }
}
