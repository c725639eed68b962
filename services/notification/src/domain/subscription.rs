//! Which event types an endpoint wants.

/// True when one of `wanted` is the type, or a pattern such as `shipment.*` that it matches. An empty list wants all.
pub fn wants(wanted: &[String], event_type: &str) -> bool {
    wanted.is_empty() || wanted.iter().any(|pattern| matches(pattern, event_type))
}

/// True when `pattern` is an event type or pattern that could ever match: two words of lower-case letters and
/// underscores, the second perhaps `*`.
pub fn is_pattern(pattern: &str) -> bool {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    pattern.split_once('.').is_some_and(|(subject, fact)| is_word(subject) && (fact == "*" || is_word(fact)))
}

fn matches(pattern: &str, event_type: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => event_type.starts_with(prefix),
        None => pattern == event_type,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_gets_what_it_asked_for() {
        let wanted = ["order.placed".to_owned(), "shipment.*".to_owned()];
        assert!(wants(&wanted, "order.placed") && wants(&wanted, "shipment.delivered"));
        assert!(!wants(&wanted, "order.cancelled") && !wants(&wanted, "order.placed_twice"));
        assert!(wants(&[], "anything.at_all"));
    }

    #[test]
    fn patterns_that_could_never_match_are_told_apart() {
        assert!(["order.placed", "shipment.*"].iter().all(|pattern| is_pattern(pattern)));
        assert!(
            ["", "*", "order", "order.", ".placed", "Order.placed", "a.b.c", "order.pl*"]
                .iter()
                .all(|pattern| !is_pattern(pattern))
        );
    }
}
