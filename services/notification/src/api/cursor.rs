//! Keyset pages: the cursor is the id of the last row seen.

use qm_ids::{Id, ParseIdError};
use qm_proto::types::v1::PageRequest;
use qm_refusal::Refusal;

const DEFAULT_LIMIT: u64 = 50;
const MAX_LIMIT: i32 = 200;

/// How many rows, and after which one.
pub(super) fn read<T: Id>(page: Option<&PageRequest>) -> Result<(u64, Option<T>), Refusal> {
    let Some(page) = page else { return Ok((DEFAULT_LIMIT, None)) };
    let limit = match page.limit {
        0 => DEFAULT_LIMIT,
        limit @ 1..=MAX_LIMIT => u64::from(limit.unsigned_abs()),
        _ => return Err(Refusal::invalid("limit", "out_of_range", format!("must be 1 to {MAX_LIMIT}"))),
    };
    let after = match page.cursor.as_str() {
        "" => None,
        text => {
            let malformed =
                |_: ParseIdError| Refusal::invalid("cursor", "malformed_cursor", "is not one of ours");
            Some(text.parse().map_err(malformed)?)
        }
    };
    Ok((limit, after))
}

/// Cuts off the row that tells that there is a next page.
pub(super) fn page<R, T: Id>(mut rows: Vec<R>, limit: u64, id: impl Fn(&R) -> T) -> (Vec<R>, String) {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| has_more).map(|row| id(row).to_string()).unwrap_or_default();
    (rows, next)
}
