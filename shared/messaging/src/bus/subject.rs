//! Subject patterns as NATS has them: `*` is one word, `>` is the rest.

/// True when `subject` matches `pattern`, in which `*` is one word and `>` the rest.
pub fn matches(pattern: &str, subject: &str) -> bool {
    let (mut wanted, mut words) = (pattern.split('.'), subject.split('.'));
    loop {
        match (wanted.next(), words.next()) {
            (Some(">"), Some(_)) | (None, None) => return true,
            (Some("*"), Some(_)) => {}
            (Some(want), Some(word)) if want == word => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_nats_matches_them() {
        for (pattern, subject, expected) in [
            ("qm.order.placed", "qm.order.placed", true),
            ("qm.order.placed", "qm.order.placed.x", false),
            ("qm.shipment.*", "qm.shipment.delivered", true),
            ("qm.shipment.*", "qm.shipment", false),
            ("qm.shipment.*", "qm.shipment.a.b", false),
            ("qm.order.>", "qm.order.placed", true),
            ("qm.order.>", "qm.order.a.b", true),
            ("qm.order.>", "qm.order", false),
            ("qm.order.>", "qm.orders.a", false),
        ] {
            assert_eq!(matches(pattern, subject), expected, "{pattern} {subject}");
        }
    }
}
