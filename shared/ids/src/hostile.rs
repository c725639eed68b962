//! What ids are read from.

use qm_hostile::{Parser, texts};

use crate::{ApiKeyId, Id, OrderId, TenantId};

/// The parsers.
pub const PARSERS: &[Parser] = &[Parser {
    name: "id",
    seeds: || texts(&["order_01jz8w6e9vfk4a1k7m1v0t9x2c", "tenant_7zzzzzzzzzzzzzzzzzzzzzzzzz", "key_"]),
    read,
}];

fn read(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    reads_as_written::<OrderId>(&text);
    reads_as_written::<TenantId>(&text);
    reads_as_written::<ApiKeyId>(&text);
}

fn reads_as_written<T: Id>(text: &str) {
    if let Ok(id) = text.parse::<T>() {
        assert_eq!(id.to_string(), text);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_bytes_from_outside_make_a_parser_panic() {
        qm_hostile::withstand(super::PARSERS);
    }
}
