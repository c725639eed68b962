//! What events on the bus are read from.

use qm_hostile::{Parser, texts};

use crate::{Envelope, bus::Message};

/// The parsers.
pub const PARSERS: &[Parser] = &[Parser {
    name: "envelope",
    seeds: || {
        texts(&[
            "ce-id: event_01jz8w6e9vfk4a1k7m1v0t9x2c\nce-specversion: 1.0\nce-source: /quartermaster/order\n\
               ce-type: order.placed\nce-subject: 0197d1c3-1d2e-7f00-8000-000000000001\nce-time: 2026-11-28T05:46:36.457780Z\n\
               qm-tenant: tenant_01jz8w6e9vfk4a1k7m1v0t9x2c\n\npayload",
        ])
    },
    read,
}];

fn read(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (head, payload) = text.split_once("\n\n").unwrap_or((&text, ""));
    let header = |line: &str| {
        let (name, value) = line.split_once(": ")?;
        Some((name.to_owned(), value.to_owned()))
    };
    let message = Message {
        subject: "qm.order.placed".to_owned(),
        id: "id".to_owned(),
        headers: head.lines().filter_map(header).collect(),
        payload: payload.as_bytes().to_vec(),
    };
    if let Ok(envelope) = Envelope::from_message(&message) {
        let written = envelope.clone().into_message();
        let read = Envelope::from_message(&written);
        // Times are kept to the microsecond.
        assert_eq!(read.map(|read| read.into_message()), Ok(written));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_bytes_from_outside_make_a_parser_panic() {
        qm_hostile::withstand(super::PARSERS);
    }
}
