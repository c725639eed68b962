//! Prometheus metrics: a shared registry, what every service counts, and helpers for what only one service counts.

mod standard;

use std::{
    any::Any,
    borrow::Cow,
    collections::HashMap,
    fmt,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use prometheus_client::{
    collector::Collector,
    encoding::EncodeLabelSet,
    metrics::family::MetricConstructor,
    registry::{Metric, Registry},
};

use standard::{
    CommandLabels, ConsumerLabels, EventLabels, PoolLabels, RequestLabels, ServiceLabels, Standard,
};

pub use prometheus_client::{
    self,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
};

/// The content type of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds in seconds for what a person or a service waits for.
pub const LATENCY_BUCKETS: Buckets =
    Buckets(&[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]);

/// Counters of a kind, told apart by labels.
pub type CounterFamily<L> = Family<L, Counter>;
/// Gauges of a kind, told apart by labels.
pub type GaugeFamily<L> = Family<L, Gauge>;
/// Histograms of a kind, told apart by labels.
pub type HistogramFamily<L> = Family<L, Histogram, Buckets>;

/// Upper bounds of a histogram's buckets, ascending, without infinity.
#[derive(Debug, Clone, Copy)]
pub struct Buckets(pub &'static [f64]);

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

/// A service's metrics. Clones share the registry.
///
/// Several services in one process share one registry through [`for_service`](Metrics::for_service), so that one page
/// shows them all; nothing is process-wide.
#[derive(Clone)]
pub struct Metrics {
    service: &'static str,
    shared: Arc<Mutex<Shared>>,
    standard: Arc<Standard>,
}

#[derive(Default)]
struct Shared {
    registry: Registry,
    by_name: HashMap<String, Box<dyn Any + Send>>,
}

impl Metrics {
    /// A registry of its own, with what every service counts already in it.
    pub fn new(service: &'static str) -> Self {
        let mut shared = Shared { registry: Registry::with_prefix("quartermaster"), by_name: HashMap::new() };
        let standard = Standard::register(&mut shared);
        Self { service, shared: Arc::new(Mutex::new(shared)), standard: Arc::new(standard) }
    }

    /// The same registry, for another service of this process.
    pub fn for_service(&self, service: &'static str) -> Self {
        Self { service, ..self.clone() }
    }

    /// The service whose metrics these are.
    pub fn service(&self) -> &'static str {
        self.service
    }

    /// One request was answered. `route` is a pattern such as `/v1/orders/{id}`, never a path with ids in it.
    pub fn observe_request(
        &self,
        route: impl Into<Cow<'static, str>>,
        status: impl Into<Cow<'static, str>>,
        took: Duration,
    ) {
        let labels = RequestLabels { service: self.service, route: route.into(), status: status.into() };
        self.standard.requests.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// `n` commands of one name had one outcome: `done`, `duplicate` (the event had been applied before) or `dead`.
    pub fn count_commands(
        &self,
        command: impl Into<Cow<'static, str>>,
        outcome: impl Into<Cow<'static, str>>,
        n: u64,
    ) {
        let labels =
            CommandLabels { service: self.service, command: command.into(), outcome: outcome.into() };
        self.standard.commands.get_or_create(&labels).inc_by(n);
    }

    /// `n` events of one type had one outcome: `committed` with the change that it tells, or `applied` by a consumer. Types
    /// are of the contracts, so they are few.
    pub fn count_events(
        &self,
        event_type: impl Into<Cow<'static, str>>,
        outcome: impl Into<Cow<'static, str>>,
        n: u64,
    ) {
        let labels =
            EventLabels { service: self.service, r#type: event_type.into(), outcome: outcome.into() };
        self.standard.events.get_or_create(&labels).inc_by(n);
    }

    /// The age of the oldest event that the bus has not acknowledged; zero for an empty outbox.
    pub fn set_outbox_age(&self, age: Duration) {
        self.standard
            .outbox_age
            .get_or_create(&ServiceLabels { service: self.service })
            .set(age.as_secs_f64());
    }

    /// How many events on the bus a consumer has not acknowledged.
    pub fn set_consumer_lag(&self, consumer: impl Into<Cow<'static, str>>, events: u64) {
        let labels = ConsumerLabels { service: self.service, consumer: consumer.into() };
        self.standard.consumer_lag.get_or_create(&labels).set(clamped(events));
    }

    /// How many connections of a pool are at work and how many wait for work.
    pub fn set_pool(&self, pool: impl Into<Cow<'static, str>>, busy: u64, idle: u64) {
        let pool = pool.into();
        for (state, connections) in [("busy", busy), ("idle", idle)] {
            let labels = PoolLabels { service: self.service, pool: pool.clone(), state };
            self.standard.pool.get_or_create(&labels).set(clamped(connections));
        }
    }

    /// Counters told apart by labels, such as `plans` by outcome. The name gets `quartermaster_` in front and `_total`
    /// behind. Asking again for the same name gives the same counters.
    pub fn counters<L: Labels>(&self, name: &str, help: &str) -> CounterFamily<L> {
        self.lock().add(name, help, Family::default)
    }

    /// Gauges told apart by labels, such as orders by state. Asking again for the same name gives the same gauges.
    pub fn gauges<L: Labels>(&self, name: &str, help: &str) -> GaugeFamily<L> {
        self.lock().add(name, help, Family::default)
    }

    /// Histograms told apart by labels; the name ends with its unit. Asking again for the same name gives the same
    /// histograms.
    pub fn histograms<L: Labels>(&self, name: &str, help: &str, buckets: Buckets) -> HistogramFamily<L> {
        self.lock().add(name, help, || Family::new_with_constructor(buckets))
    }

    /// Adds what is computed when metrics are read. It must not wait: whoever reads is waiting.
    pub fn add_collector(&self, collector: Box<dyn Collector>) {
        self.lock().registry.register_collector(collector);
    }

    /// All metrics of the registry as OpenMetrics text.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.lock().registry)?;
        Ok(text)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Shared> {
        // A panic elsewhere leaves at worst one metric unregistered.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn add<M: Metric + Clone>(&mut self, name: &str, help: &str, make: impl FnOnce() -> M) -> M {
        if let Some(known) = self.by_name.get(name) {
            return known.downcast_ref::<M>().cloned().unwrap_or_else(|| {
                tracing::error!(
                    metric = name,
                    "metric {name} exists with other labels: this one is not shown"
                );
                make()
            });
        }
        let metric = make();
        self.registry.register(name, help, metric.clone());
        self.by_name.insert(name.to_owned(), Box::new(metric.clone()));
        metric
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("service", &self.service).finish_non_exhaustive()
    }
}

/// A set of labels; derive `EncodeLabelSet` of [`prometheus_client`] and what it needs.
pub trait Labels: Clone + fmt::Debug + Eq + Hash + EncodeLabelSet + Send + Sync + 'static {}

impl<L: Clone + fmt::Debug + Eq + Hash + EncodeLabelSet + Send + Sync + 'static> Labels for L {}

fn clamped(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
    struct Outcome {
        outcome: &'static str,
    }

    #[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
    struct State {
        state: &'static str,
    }

    #[test]
    fn what_every_service_counts_is_shown_with_its_service() {
        let order = Metrics::new("order");
        let inventory = order.for_service("inventory");
        order.observe_request("/v1/orders", "201", Duration::from_millis(30));
        order.count_commands("place", "done", 2);
        inventory.count_events("order.placed", "applied", 3);
        inventory.set_outbox_age(Duration::from_millis(1500));
        inventory.set_consumer_lag("inventory-reserve", 7);
        order.set_pool("database", 3, 5);

        let text = order.encode().unwrap();
        for line in [
            r#"quartermaster_request_duration_seconds_bucket{le="0.05",service="order",route="/v1/orders",status="201"} 1"#,
            r#"quartermaster_commands_total{service="order",command="place",outcome="done"} 2"#,
            r#"quartermaster_events_total{service="inventory",type="order.placed",outcome="applied"} 3"#,
            r#"quartermaster_outbox_age_seconds{service="inventory"} 1.5"#,
            r#"quartermaster_consumer_lag_events{service="inventory",consumer="inventory-reserve"} 7"#,
            r#"quartermaster_pool_connections{service="order",pool="database",state="busy"} 3"#,
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line} is not in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn a_name_is_registered_once_however_often_it_is_asked_for() {
        let metrics = Metrics::new("routing");
        metrics.counters("plans", "Plans by outcome").get_or_create(&Outcome { outcome: "planned" }).inc();
        metrics.counters("plans", "Plans by outcome").get_or_create(&Outcome { outcome: "planned" }).inc();
        // Other labels under the same name are a defect: they are logged and kept off the page, which stays valid.
        metrics.gauges("plans", "Plans by state").get_or_create(&State { state: "new" }).set(9);
        let text = metrics.encode().unwrap();
        assert!(text.contains(r#"quartermaster_plans_total{outcome="planned"} 2"#), "{text}");
        assert_eq!(text.matches("# TYPE quartermaster_plans ").count(), 1);
    }

    #[test]
    fn two_services_in_one_process_share_nothing_unless_asked_to() {
        let (one, other) = (Metrics::new("order"), Metrics::new("order"));
        one.count_commands("place", "done", 1);
        assert!(!other.encode().unwrap().contains("place"));
    }
}
