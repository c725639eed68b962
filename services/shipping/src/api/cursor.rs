//! Keyset pages: the cursor is the time and id of the last row seen.

use chrono::{DateTime, Utc};
use qm_ids::Id;
use qm_proto::types::v1::PageRequest;
use qm_refusal::Refusal;

const DEFAULT_LIMIT: u64 = 50;
const MAX_LIMIT: i32 = 200;

/// After which row a page begins.
pub(super) type After<T> = Option<(DateTime<Utc>, T)>;

/// How many rows, and after which one.
pub(super) fn read<T: Id>(page: Option<&PageRequest>) -> Result<(u64, After<T>), Refusal> {
    let Some(page) = page else { return Ok((DEFAULT_LIMIT, None)) };
    let limit = match page.limit {
        0 => DEFAULT_LIMIT,
        limit @ 1..=MAX_LIMIT => u64::from(limit.unsigned_abs()),
        _ => return Err(Refusal::invalid("limit", "out_of_range", format!("must be 1 to {MAX_LIMIT}"))),
    };
    if page.cursor.is_empty() {
        return Ok((limit, None));
    }
    let after = page.cursor.split_once('~').and_then(|(micros, id)| {
        Some((DateTime::from_timestamp_micros(micros.parse().ok()?)?, id.parse().ok()?))
    });
    let after = after.ok_or_else(|| Refusal::invalid("cursor", "malformed_cursor", "is not one of ours"))?;
    Ok((limit, Some(after)))
}

/// Cuts off the row that tells that there is a next page, and names that page.
pub(super) fn cut<R, T: Id>(
    rows: &mut Vec<R>,
    limit: u64,
    position: impl Fn(&R) -> (DateTime<Utc>, T),
) -> String {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let last = rows.last().filter(|_| has_more).map(position);
    last.map(|(at, id)| format!("{}~{id}", at.timestamp_micros())).unwrap_or_default()
}
