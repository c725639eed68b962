//! A system of record that reports what it counted, position after position.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use qm_runtime::BuildError;
use serde_json::json;

use super::EndToEnd;
use crate::{
    callers::{self, Calls},
    http::Ask,
    report::Report,
    selection::Selection,
};

/// Positions in one request, and how many report at once.
const POSITIONS: usize = 500;
const CALLERS: usize = 2;

/// Counts positions again and again; each count differs from the one before, so that each is a movement.
pub async fn stock_feed(
    system: &EndToEnd,
    selection: &Selection,
    scale: i64,
    seconds: u64,
    report: &mut Report,
) -> Result<(), BuildError> {
    let rows = selection.stock()?;
    let prefix = format!("feed-{:x}", chrono::Utc::now().timestamp_millis());
    let number = AtomicUsize::new(0);
    let next = move |_: &mut _| {
        let number = number.fetch_add(1, Ordering::Relaxed);
        let positions = rows.iter().cycle().skip(number * POSITIONS % rows.len().max(1)).take(POSITIONS);
        let round = i64::try_from(number).unwrap_or_default() + 1;
        let movements: Vec<_> = positions
            .map(|row| {
                json!({
                    "sku": row.sku,
                    "location": row.location_code,
                    "kind": "count",
                    "quantity": row.on_hand * scale + round,
                })
            })
            .collect();
        let body = Bytes::from(json!({ "movements": movements }).to_string());
        Ask::post("/v1/stock/movements", format!("{prefix}-{number}"), body)
    };
    let calls = Calls {
        name: format!("counts of {POSITIONS} positions"),
        callers: CALLERS,
        lasting: Duration::from_secs(seconds),
        next: Arc::new(next),
    };
    let mut served = callers::call(system.gateway(), system.processes(), calls).await?;
    let name = format!(", {:.0} positions/s", served.per_second * POSITIONS as f64);
    served.name.push_str(&name);
    report.served.push(served);
    Ok(())
}
