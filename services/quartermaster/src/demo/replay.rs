//! Replays the stream through the API: each order when the demo's clock shows its time.

use std::{sync::Arc, time::Instant};

use indicatif::ProgressBar;
use qm_clock::Clock;
use qm_runtime::BuildError;
use tokio::{sync::Semaphore, task::JoinSet};

use super::{measure::Measurements, settings::Pace};
use crate::{
    dataset::DatasetOrder,
    shop::{Api, new_order},
};

/// Orders that may be without an answer at a time; the stream waits when it is used up.
const IN_FLIGHT: usize = 64;

/// Sends every order at its time and waits for all answers. Refusals are measured, not failures.
pub(super) async fn replay(
    api: &Api,
    orders: Vec<DatasetOrder>,
    pace: &Pace,
    clock: &dyn Clock,
    measurements: &Arc<Measurements>,
    bar: &ProgressBar,
) -> Result<(), BuildError> {
    let permits = Arc::new(Semaphore::new(IN_FLIGHT));
    let mut sending = JoinSet::new();
    for order in orders {
        clock.sleep_until(pace.at(order.placed_at)).await;
        let permit = Arc::clone(&permits).acquire_owned().await?;
        let promise_by = pace.promise(order.placed_at, order.promise_by);
        let (api, body) = (api.clone(), new_order(&order, Some(pace.at(order.placed_at)), promise_by));
        let (measurements, bar) = (Arc::clone(measurements), bar.clone());
        sending.spawn(async move {
            let sent = Instant::now();
            match api.post("/v1/orders", &body, &order.reference).await {
                Ok(answer) => measurements.placed(answer["id"].as_str().unwrap_or_default(), sent),
                Err(error) => measurements.refused(format!("{}: {error}", order.reference)),
            }
            bar.inc(1);
            drop(permit);
        });
        // Those that have ended need not be kept until all have.
        while sending.try_join_next().transpose()?.is_some() {}
    }
    while sending.join_next().await.transpose()?.is_some() {}
    Ok(())
}
