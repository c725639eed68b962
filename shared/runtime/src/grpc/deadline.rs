//! The `grpc-timeout` header.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};

const HEADER: &str = "grpc-timeout";

/// The time that a caller gives; none if the header is missing or malformed.
pub(super) fn read(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(HEADER)?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    // The specification allows eight digits at most, which also rules out overflow below.
    if digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(value * 3600),
        "M" => Duration::from_secs(value * 60),
        "S" => Duration::from_secs(value),
        "m" => Duration::from_millis(value),
        "u" => Duration::from_micros(value),
        "n" => Duration::from_nanos(value),
        _ => return None,
    })
}

/// Tells the callee how long it has.
pub(super) fn write(headers: &mut HeaderMap, deadline: Duration) {
    let millis = deadline.as_millis().clamp(1, 99_999_999);
    if let Ok(value) = HeaderValue::from_str(&format!("{millis}m")) {
        headers.insert(HEADER, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_garbage_is_none() {
        let mut headers = HeaderMap::new();
        assert_eq!(read(&headers), None);
        write(&mut headers, Duration::from_millis(1500));
        assert_eq!(read(&headers), Some(Duration::from_millis(1500)));
        write(&mut headers, Duration::MAX);
        assert_eq!(read(&headers), Some(Duration::from_millis(99_999_999)));
        for garbage in ["", "m", "123456789m", "1x", "+1m", "-1m", "1"] {
            headers.insert(HEADER, HeaderValue::from_static(garbage));
            assert_eq!(read(&headers), None, "{garbage}");
        }
    }
}
