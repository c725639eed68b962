//! Everybody wants the same thing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use qm_runtime::BuildError;

use super::EndToEnd;
use crate::{
    callers::{self, Calls},
    http::Ask,
    orders::OrderBodies,
    report::Report,
    selection::Selection,
};

/// So many want it at once.
const CALLERS: [usize; 2] = [32, 256];

/// Lets everybody order one item, and waits until all of it is on its way.
pub async fn hot_item(
    system: &EndToEnd,
    selection: &Selection,
    seconds: u64,
    report: &mut Report,
) -> Result<(), BuildError> {
    let bodies = Arc::new(OrderBodies::of_one_item(selection)?);
    for callers in CALLERS {
        let prefix = format!("hot-{callers}-{:x}", chrono::Utc::now().timestamp_millis());
        let (number, bodies) = (AtomicUsize::new(0), Arc::clone(&bodies));
        let next = move |_: &mut _| {
            let number = number.fetch_add(1, Ordering::Relaxed);
            let reference = format!("{prefix}-{number}");
            let body = bodies.body(number, &reference);
            Ask::post("/v1/orders", reference, body)
        };
        let calls = Calls {
            name: "orders of one item, placed".to_owned(),
            callers,
            lasting: Duration::from_secs(seconds),
            next: Arc::new(next),
        };
        let started = Instant::now();
        let mut served = callers::call(system.gateway(), system.processes(), calls).await?;
        let left = system.drain(Instant::now()).await?;
        // What counts is not what was promised but what was claimed of that one item, to the last unit.
        let claimed = served.latency.count - left;
        let per_second = claimed as f64 / started.elapsed().as_secs_f64();
        let name = format!("  and {left} left, claimed {per_second:.0}/s");
        served.name.push_str(&name);
        report.served.push(served);
    }
    Ok(())
}
