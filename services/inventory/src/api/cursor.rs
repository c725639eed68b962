//! Keyset pages: the cursor names the last row seen.

use qm_proto::types::v1::PageRequest;
use qm_refusal::Refusal;

const DEFAULT_LIMIT: u64 = 50;
const MAX_LIMIT: i32 = 200;

/// How many rows, and after which one. `parse` reads a cursor; `None` when it is not one of ours.
pub(super) fn read<C>(
    page: Option<&PageRequest>,
    parse: impl Fn(&str) -> Option<C>,
) -> Result<(u64, Option<C>), Refusal> {
    let Some(page) = page else { return Ok((DEFAULT_LIMIT, None)) };
    let limit = match page.limit {
        0 => DEFAULT_LIMIT,
        limit @ 1..=MAX_LIMIT => u64::from(limit.unsigned_abs()),
        _ => return Err(Refusal::invalid("limit", "out_of_range", format!("must be 1 to {MAX_LIMIT}"))),
    };
    if page.cursor.is_empty() {
        return Ok((limit, None));
    }
    let malformed = || Refusal::invalid("cursor", "malformed_cursor", "is not one of ours");
    Ok((limit, Some(parse(&page.cursor).ok_or_else(malformed)?)))
}

/// A cursor that is the text of the last row itself.
pub(super) fn text(cursor: &str) -> Option<String> {
    Some(cursor.to_owned()).filter(|text| text.chars().count() <= 100 && !text.chars().any(char::is_control))
}

/// Cuts off the row that tells that there is a next page, and names that page.
pub(super) fn cut<R>(rows: &mut Vec<R>, limit: u64, name: impl Fn(&R) -> String) -> String {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    rows.last().filter(|_| has_more).map(name).unwrap_or_default()
}
