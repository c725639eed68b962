//! Puts a service's outbox, relay, consumers and maintenance together.

use std::{marker::PhantomData, sync::Arc, time::Duration};

use qm_clock::{SharedClock, SharedEntropy};
use qm_database::{Database, Error, Result};
use qm_ids::IdGenerator;
use qm_proto::events::{Event, stream_from, stream_of};
use qm_telemetry::metrics::Metrics;
use qm_worker::Worker;
use sea_orm::{ExprTrait as _, QueryOrder as _, QuerySelect as _, sea_query::Expr};
use tracing::warn;
use uuid::Uuid;

use crate::{
    DeadLetter, Envelope, HandleError, Handler, Outbox, Payload,
    bus::{BusError, ConsumerSpec, SharedBus},
    consumer::{Consumer, TypedConsumer, announce},
    dead_letters,
    gauges::Gauges,
    handover::Handover,
    maintenance::Maintenance,
    relay::Relay,
    restoration::{Nothing, Remember, Restoration},
    table::outbox,
};

/// Most dead letters replayed at a time.
const MAX_REPLAY: u64 = 10_000;

/// How a service's messaging is set up.
#[derive(Debug, Clone)]
pub struct MessagingOptions {
    /// How long a delivery may stay unsettled before it comes again; 30 s by default.
    ///
    /// A delivery may have to wait for the batch before its own, so this must exceed what two batches may take. A batch
    /// is cut off after a third of it, and what of the batch is not applied by then is given back. With the default:
    /// 2 × 10 s for handling, at most 3.2 s of slowing down between them while a dependency is down, and at most 5 s for
    /// settling the first (it takes milliseconds) make 28.2 s. Handlers that call peers share the 10 s.
    pub ack_wait: Duration,
    /// Deliveries to one consumer that may be unsettled at a time.
    pub max_in_flight: u32,
    /// The shortest time from one batch to the next, 50 ms by default. An event that finds its consumer idle is handled at
    /// once; under load, what comes meanwhile is handled together, which costs a fraction of one by one.
    pub pace: Duration,
    /// Bytes that the service's stream may hold.
    pub stream_max_bytes: u64,
    /// Copies of the stream in a cluster.
    pub stream_replicas: u8,
    /// Days that published events can be published again; longer than any stream keeps them.
    pub history_days: i64,
    /// Days that applied events are remembered; longer than the history, or an old event could have its effect twice.
    pub inbox_days: i64,
}

impl Default for MessagingOptions {
    fn default() -> Self {
        Self {
            ack_wait: Duration::from_secs(30),
            max_in_flight: 2_048,
            pace: Duration::from_millis(50),
            stream_max_bytes: 1 << 30,
            stream_replicas: 1,
            history_days: 7,
            inbox_days: 14,
        }
    }
}

/// Work in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Events written and not yet acknowledged by the bus.
    pub outbox: u64,
    /// Age of the oldest of them.
    pub outbox_oldest: Duration,
    /// Events on the bus that this service's consumers have not settled.
    pub unconsumed: u64,
    /// Dead letters.
    pub dead_letters: u64,
}

/// Collects a service's consumers.
pub struct MessagingBuilder {
    service: &'static str,
    owner: Uuid,
    database: Database,
    bus: SharedBus,
    clock: SharedClock,
    options: MessagingOptions,
    outbox: Outbox,
    handover: Arc<Handover>,
    metrics: Option<Metrics>,
    consumers: Vec<Arc<dyn Consumer>>,
    remember: (Vec<String>, Arc<dyn Remember>),
}

impl std::fmt::Debug for MessagingBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MessagingBuilder").field("service", &self.service).finish_non_exhaustive()
    }
}

/// A service's messaging, put together. Clones share it.
#[derive(Clone)]
pub struct Messaging {
    service: &'static str,
    database: Database,
    bus: SharedBus,
    clock: SharedClock,
    options: MessagingOptions,
    relay: Option<Relay>,
    restoration: Restoration,
    metrics: Option<Metrics>,
    consumers: Vec<Arc<dyn Consumer>>,
}

impl std::fmt::Debug for Messaging {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Messaging").field("service", &self.service).finish_non_exhaustive()
    }
}

impl MessagingBuilder {
    /// Starts with no consumers. `service` is the name under which the service publishes and consumes.
    pub fn new(
        service: &'static str,
        database: Database,
        bus: SharedBus,
        clock: SharedClock,
        ids: IdGenerator,
        entropy: &SharedEntropy,
        options: MessagingOptions,
    ) -> Self {
        let mut owner = [0; 16];
        entropy.fill(&mut owner);
        let owner = Uuid::from_bytes(owner);
        let handover = Arc::new(Handover::default());
        let outbox = Outbox::new(owner, clock.clone(), ids, handover.clone());
        Self {
            service,
            owner,
            database,
            bus,
            clock,
            options,
            outbox,
            handover,
            metrics: None,
            consumers: Vec::new(),
            remember: (Vec::new(), Arc::new(Nothing)),
        }
    }

    /// Counts and shows in `metrics` what happens to events. Before [`outbox`](Self::outbox) is asked for and consumers
    /// are added.
    #[must_use]
    pub fn metrics(self, metrics: Metrics) -> Self {
        Self { outbox: self.outbox.counting(metrics.clone()), metrics: Some(metrics), ..self }
    }

    /// Where the service's commands leave their events.
    pub fn outbox(&self) -> Outbox {
        self.outbox.clone()
    }

    /// Applies events of payload `P` by `handler`. `verb` names the consumer within the service; renaming it makes a
    /// new consumer that starts with the oldest event the stream holds.
    #[must_use]
    pub fn consume<P: Payload + Event, H: Handler<P>>(self, verb: &str, handler: H) -> Self {
        self.consume_pattern::<P, H>(verb, P::TYPE, handler)
    }

    /// Applies events whose type matches `pattern`, such as `shipment.*` or `order.>`.
    #[must_use]
    pub fn consume_pattern<P: Payload, H: Handler<P>>(
        mut self,
        verb: &str,
        pattern: &str,
        handler: H,
    ) -> Self {
        // Types come from the contracts, and a test there holds that each has a stream.
        let stream = stream_of(pattern).map_or("QM_UNKNOWN", |stream| stream.name);
        let spec = ConsumerSpec {
            stream: stream.to_owned(),
            name: format!("{}-{verb}", self.service),
            filter: Envelope::subject(pattern),
            ack_wait: self.options.ack_wait,
            max_in_flight: self.options.max_in_flight,
        };
        announce(&spec);
        self.consumers.push(Arc::new(TypedConsumer {
            spec,
            verb: verb.to_owned(),
            pace: self.options.pace,
            metrics: self.metrics.clone(),
            database: self.database.clone(),
            bus: self.bus.clone(),
            clock: self.clock.clone(),
            handler,
            payload: PhantomData,
        }));
        self
    }

    /// Makes state of the service's own events when its database has been restored to an earlier point: after the events of
    /// the consumers named by their verbs, which own events are about, and before those of all others. Without, what others
    /// told must lead to all of it.
    #[must_use]
    pub fn remember(mut self, after: &[&str], remember: impl Remember) -> Self {
        let first = after.iter().map(|verb| format!("{}-{verb}", self.service)).collect();
        self.remember = (first, Arc::new(remember));
        self
    }

    /// All together.
    pub fn build(self) -> Messaging {
        let (first, remember) = self.remember;
        let restoration = Restoration {
            service: self.service,
            stream: stream_from(self.service).map(|stream| stream.name),
            database: self.database.clone(),
            bus: self.bus.clone(),
            clock: self.clock.clone(),
            history_days: self.options.history_days,
            consumers: self.consumers.clone(),
            first,
            remember,
        };
        let relay = stream_from(self.service).map(|stream| Relay {
            source: self.service,
            owner: self.owner,
            stream,
            database: self.database.clone(),
            bus: self.bus.clone(),
            clock: self.clock.clone(),
            handover: self.handover,
            missing: Arc::default(),
        });
        Messaging {
            service: self.service,
            database: self.database,
            bus: self.bus,
            clock: self.clock,
            options: self.options,
            relay,
            restoration,
            metrics: self.metrics,
            consumers: self.consumers,
        }
    }
}

impl Messaging {
    /// Takes in what the database has forgotten if it was restored to an earlier point. To be waited for before the service
    /// serves anybody, who would act upon what it has forgotten. Fails when it is known that something is forgotten, and it
    /// cannot be taken in now. While the bus is away nobody can tell: then the service starts as it is, and looks again later.
    pub async fn catch_up(&self) -> Result<(), HandleError> {
        match self.restoration.look().await {
            Err(error) if !self.restoration.is_noticed().await? => {
                warn!(service = self.service, %error, "cannot tell now whether the database was restored");
                Ok(())
            }
            result => result,
        }
    }

    /// The same for a service that does no harm until it has caught up: it starts, and goes on later with what cannot be taken
    /// in now.
    pub async fn catch_up_in_time(&self) {
        if let Err(error) = self.catch_up().await {
            warn!(service = self.service, %error, "the database was restored and has not caught up yet");
        }
    }

    /// The workers to run beside the service.
    pub fn workers(&self) -> Vec<Worker> {
        let mut workers: Vec<Worker> =
            self.consumers.iter().cloned().map(|consumer| consumer.worker()).collect();
        if let Some(metrics) = self.metrics.clone() {
            workers
                .push(Worker::taking(format!("{}-gauges", self.service), Gauges::new(self.clone(), metrics)));
        }
        let maintenance = Maintenance::new(self.restoration.clone(), self.relay.clone(), &self.options);
        workers.push(maintenance.worker());
        if let Some(relay) = self.relay.clone() {
            workers.push(relay.clone().look_for_left());
            workers.push(relay.worker());
        }
        workers
    }

    /// Answers when the bus does, and is set up as needed; the error says what is not.
    pub async fn ping(&self) -> Result<(), BusError> {
        self.bus.ping().await
    }

    /// Dead letters, newest first.
    pub async fn dead_letters(&self, limit: u64) -> Result<Vec<DeadLetter>> {
        dead_letters::list(&self.database, limit).await
    }

    /// Hands dead letters to their consumers once more; none named means all. Returns how many were applied and how
    /// many failed again.
    pub async fn replay_dead_letters(&self, message_ids: &[String]) -> Result<(u32, u32)> {
        dead_letters::replay(&self.database, &self.consumers, message_ids, MAX_REPLAY).await
    }

    /// Work in flight. Counts the service's own rows and asks the bus about its consumers.
    pub async fn backlog(&self) -> Result<Backlog> {
        let tx = self.database.read_system().await?;
        let sum = Expr::col(outbox::Column::EventCount).sum().cast_as("bigint");
        let outbox: Option<Option<i64>> = tx
            .find::<outbox::Entity>()
            .select_only()
            .column_as(sum, "events")
            .into_tuple()
            .one(tx.conn())
            .await?;
        let outbox = outbox.flatten().unwrap_or(0).unsigned_abs();
        let dead_letters = dead_letters::count(&tx).await?;
        drop(tx);
        let outbox_oldest = self.outbox_age().await?;
        let lags = self
            .lags()
            .await
            .map_err(|error| Error::Unavailable(sea_orm::DbErr::Custom(format!("the bus: {error}"))))?;
        let unconsumed = lags.into_iter().map(|(_, pending)| pending).sum();
        Ok(Backlog { outbox, outbox_oldest, unconsumed, dead_letters })
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// Age of the oldest event that the bus has not acknowledged; zero for an empty outbox.
    pub(crate) async fn outbox_age(&self) -> Result<Duration> {
        let tx = self.database.read_system().await?;
        let oldest =
            tx.find::<outbox::Entity>().order_by_asc(outbox::Column::WrittenAt).one(tx.conn()).await?;
        let age = oldest.map(|row| self.clock.now().signed_duration_since(row.written_at));
        Ok(age.and_then(|age| age.to_std().ok()).unwrap_or_default())
    }

    /// Events on the bus that each of the service's consumers has not settled.
    pub(crate) async fn lags(&self) -> Result<Vec<(String, u64)>, BusError> {
        let mut streams: Vec<&str> =
            self.consumers.iter().map(|consumer| consumer.spec().stream.as_str()).collect();
        streams.sort_unstable();
        streams.dedup();
        let mut lags = Vec::with_capacity(self.consumers.len());
        for stream in streams {
            let state = match self.bus.stream_state(stream).await {
                Ok(state) => state,
                // Its service has not started yet, so nothing waits there.
                Err(BusError::Unknown(_)) => continue,
                Err(error) => return Err(error),
            };
            let is_ours = |name: &str| self.consumers.iter().any(|consumer| consumer.spec().name == name);
            let ours = state.consumers.into_iter().filter(|consumer| is_ours(&consumer.name));
            lags.extend(ours.map(|consumer| (consumer.name, consumer.pending)));
        }
        Ok(lags)
    }
}
