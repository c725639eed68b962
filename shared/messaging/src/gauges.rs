//! Shows how far a service's messaging is behind, and how busy its database is, for dashboards and alerts.

use std::time::Duration;

use async_trait::async_trait;
use qm_telemetry::metrics::Metrics;
use qm_worker::{Error, Rest, Turns};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::Messaging;

/// Between two looks, in real time: as often as metrics are usually read.
const LOOK: Duration = Duration::from_secs(15);

/// Looks now and then.
pub(crate) struct Gauges {
    messaging: Messaging,
    metrics: Metrics,
}

impl Gauges {
    pub(crate) fn new(messaging: Messaging, metrics: Metrics) -> Self {
        Self { messaging, metrics }
    }
}

#[async_trait]
impl Turns for Gauges {
    async fn turn(&mut self, stop: &CancellationToken) -> Result<Rest, Error> {
        tokio::select! {
            () = look(&self.messaging, &self.metrics) => {}
            () = stop.cancelled() => {}
        }
        Ok(Rest::of(LOOK))
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
