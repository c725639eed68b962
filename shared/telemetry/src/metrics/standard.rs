//! The metrics that every service has, and their labels.

use std::{borrow::Cow, sync::atomic::AtomicU64};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
};

use super::{CounterFamily, GaugeFamily, HistogramFamily, LATENCY_BUCKETS, Shared};

/// What every service counts.
pub(super) struct Standard {
    pub(super) requests: HistogramFamily<RequestLabels>,
    pub(super) commands: CounterFamily<CommandLabels>,
    pub(super) events: CounterFamily<EventLabels>,
    pub(super) outbox_age: Family<ServiceLabels, Gauge<f64, AtomicU64>>,
    pub(super) consumer_lag: GaugeFamily<ConsumerLabels>,
    pub(super) pool: GaugeFamily<PoolLabels>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RequestLabels {
    pub(super) service: &'static str,
    pub(super) route: Cow<'static, str>,
    pub(super) status: Cow<'static, str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct CommandLabels {
    pub(super) service: &'static str,
    pub(super) command: Cow<'static, str>,
    pub(super) outcome: Cow<'static, str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct EventLabels {
    pub(super) service: &'static str,
    pub(super) r#type: Cow<'static, str>,
    pub(super) outcome: Cow<'static, str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ServiceLabels {
    pub(super) service: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ConsumerLabels {
    pub(super) service: &'static str,
    pub(super) consumer: Cow<'static, str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct PoolLabels {
    pub(super) service: &'static str,
    pub(super) pool: Cow<'static, str>,
    pub(super) state: &'static str,
}

impl Standard {
    pub(super) fn register(shared: &mut Shared) -> Self {
        Self {
            requests: shared.add(
                "request_duration_seconds",
                "Time to answer a request, by route and status",
                || Family::new_with_constructor(LATENCY_BUCKETS),
            ),
            commands: shared.add("commands", "Commands decided, by name and outcome", Family::default),
            events: shared.add("events", "Events told and handled, by type and outcome", Family::default),
            outbox_age: shared.add(
                "outbox_age_seconds",
                "Age of the oldest event that the bus has not acknowledged",
                Family::default,
            ),
            consumer_lag: shared.add(
                "consumer_lag_events",
                "Events on the bus that a consumer has not acknowledged",
                Family::default,
            ),
            pool: shared.add("pool_connections", "Connections of a pool, by state", Family::default),
        }
    }
}
