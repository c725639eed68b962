//! Plain decimal text to and from an integer count of 10^-decimals.

use std::fmt;

use crate::Error;

/// Reads `-?digits(.digits)?` exactly: no plus sign, exponent, space, separator or missing digit.
pub(crate) fn parse(text: &str, decimals: u32) -> Result<i64, Error> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = match unsigned.split_once('.') {
        Some((whole, fraction)) if is_digits(fraction) => (whole, fraction),
        Some(_) => return Err(Error::NotDecimal),
        None => (unsigned, ""),
    };
    if !is_digits(whole) {
        return Err(Error::NotDecimal);
    }
    // A digit that cannot be kept is refused even if it is a zero: what we print back must be what was sent.
    let missing = u32::try_from(fraction.len())
        .ok()
        .and_then(|written| decimals.checked_sub(written))
        .ok_or(Error::TooManyDecimals { allowed: decimals })?;

    let mut count: i64 = 0;
    for byte in whole.bytes().chain(fraction.bytes()).chain((0..missing).map(|_| b'0')) {
        let digit = i64::from(byte - b'0');
        // Counting away from zero on the right side, so that the least i64 can be read too.
        count = count
            .checked_mul(10)
            .and_then(|count| if negative { count.checked_sub(digit) } else { count.checked_add(digit) })
            .ok_or(Error::Overflow)?;
    }
    Ok(count)
}

/// Writes `count` × 10^-decimals with all its decimals.
pub(crate) fn write(f: &mut impl fmt::Write, count: i64, decimals: u32) -> fmt::Result {
    let sign = if count < 0 { "-" } else { "" };
    let magnitude = count.unsigned_abs();
    match (decimals, 10_u64.checked_pow(decimals)) {
        (1.., Some(scale)) => {
            write!(f, "{sign}{}.{:0width$}", magnitude / scale, magnitude % scale, width = decimals as usize)
        }
        _ => write!(f, "{sign}{magnitude}"),
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
