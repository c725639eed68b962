//! Keyset pages of orders: the cursor is the time and id of the last order seen.

use std::sync::Arc;

use chrono::{DateTime, Datelike as _, Utc};
use qm_ids::OrderId;
use qm_proto::types::v1::PageRequest;
use qm_refusal::Refusal;

use super::parse;
use crate::domain::Order;

const DEFAULT_LIMIT: u64 = 50;
const MAX_LIMIT: i32 = 200;

/// After which order a page begins.
pub(super) type After = Option<(DateTime<Utc>, OrderId)>;

/// How many orders, and after which one.
pub(super) fn read(page: Option<&PageRequest>) -> Result<(u64, After), Refusal> {
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
        let at = DateTime::from_timestamp_micros(micros.parse().ok()?)?;
        parse::is_plausible(at.year()).then_some((at, id.parse().ok()?))
    });
    let after = after.ok_or_else(|| Refusal::invalid("cursor", "malformed_cursor", "is not one of ours"))?;
    Ok((limit, Some(after)))
}

/// Cuts off the order that tells that there is a next page, and names that page.
pub(super) fn cut(orders: &mut Vec<Arc<Order>>, limit: u64) -> String {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = orders.len() > limit;
    orders.truncate(limit);
    let last = orders.last().filter(|_| has_more);
    last.map(|order| format!("{}~{}", order.placed_at.timestamp_micros(), order.id)).unwrap_or_default()
}
