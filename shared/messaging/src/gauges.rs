//! Shows how far a service's messaging is behind, and how busy its database is, for dashboards and alerts.

use std::time::Duration;

use qm_telemetry::metrics::Metrics;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::Messaging;

/// Between two looks, in real time: as often as metrics are usually read.
const LOOK: Duration = Duration::from_secs(15);

/// Looks until told to stop.
pub(crate) async fn show(messaging: Messaging, metrics: Metrics, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            () = look(&messaging, &metrics) => {}
            () = shutdown.cancelled() => return,
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

/// One look. What cannot be seen now keeps its last value; that the database or the bus is away, readiness says.
pub(crate) async fn look(messaging: &Messaging, metrics: &Metrics) {
    for pool in messaging.database().pools() {
        metrics.set_pool(pool.name, pool.busy, pool.idle);
    }
    match messaging.outbox_age().await {
        Ok(age) => metrics.set_outbox_age(age),
        Err(error) => debug!(%error, "the outbox cannot be seen"),
    }
    match messaging.lags().await {
        Ok(lags) => {
            lags.into_iter().for_each(|(consumer, events)| metrics.set_consumer_lag(consumer, events))
        }
        Err(error) => debug!(%error, "consumers cannot be seen"),
    }
}
