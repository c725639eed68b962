//! A running routing service, and what others would send it.

use std::{sync::Arc, time::Duration};

use qm_clock::{Clock as _, ManualClock, SeededEntropy, SharedClock, SharedEntropy};
use qm_database::{Database, DatabaseOptions};
use qm_ids::{EventId, Id, IdGenerator, ItemId, LineId, LocationId, OrderId, PlanId, TenantId, derive};
use qm_messaging::{
    Envelope,
    bus::{self, ConsumerSpec, Message, SharedBus, StreamSpec, Subscription},
};
use qm_proto::{
    events::{Event, STREAMS, stream_of},
    inventory::v1 as inventory,
    operations::v1::{self as operations, operations_service_client::OperationsServiceClient},
    order::v1 as order,
    routing::v1::{self as routing, routing_service_client::RoutingServiceClient},
    types::v1::{Address, FulfilmentKind, GeoPoint, LineUnits},
};
use qm_routing::{Migrator, RoutingService};
use qm_runtime::{
    Deps, Host, Peers, RunError, ServiceDefinition,
    config::{Loader, ServiceConfig as _},
    grpc::{GrpcChannel, ServedRoutes, with_tenant},
};
use qm_telemetry::metrics::Metrics;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::fake_inventory::FakeInventory;

const DEADLINE: Duration = Duration::from_secs(20);
/// Small: a server sets a stream's bytes aside, and every test has streams of its own.
const STREAM_BYTES: u64 = 4 << 20;

/// A Monday morning in London, where all locations are.
const NOW: &str = "2026-03-02T08:00:00Z";

pub(crate) struct World {
    pub(crate) client: RoutingServiceClient<GrpcChannel>,
    operations: OperationsServiceClient<GrpcChannel>,
    pub(crate) metrics: Metrics,
    pub(crate) inventory: FakeInventory,
    bus: SharedBus,
    pub(crate) ids: IdGenerator,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) tenant: TenantId,
    pub(crate) other_tenant: TenantId,
    pub(crate) item: ItemId,
    /// Near where goods go.
    pub(crate) near: LocationId,
    /// Farther away, and dearer.
    pub(crate) far: LocationId,
    heard: Box<dyn Subscription>,
    backlog: Vec<Envelope>,
    deps: Deps,
    config: qm_routing::Config,
    shutdown: CancellationToken,
    running: Vec<tokio::task::JoinHandle<Result<(), RunError>>>,
    _folder: tempfile::TempDir,
}

/// The worlds to test in: SQLite and the bus in this process, and servers where the environment names servers. Both
/// tenants have the item and both locations; nothing is in stock.
pub(crate) async fn worlds() -> Vec<World> {
    let mut worlds = vec![World::start(None, None).await];
    if let Ok(postgres) = std::env::var("QM_TEST_POSTGRES_URL") {
        worlds.push(World::start(Some(postgres), std::env::var("QM_TEST_NATS_URL").ok()).await);
    }
    worlds
}

impl World {
    async fn start(postgres: Option<String>, nats: Option<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(NOW.parse().unwrap()));
        let entropy: SharedEntropy = match postgres {
            Some(_) => Arc::new(qm_clock::SystemEntropy),
            None => Arc::new(SeededEntropy::new(7)),
        };
        let shared: SharedClock = clock.clone();
        let ids = IdGenerator::new(shared.clone(), entropy.clone());
        let file = |name: &str| format!("sqlite://{}", folder.path().join(name).display());
        let database_url = match postgres {
            None => file("routing.sqlite"),
            Some(server) => new_database(&server, &ids).await,
        };
        let bus_url = match nats {
            None => file("bus.sqlite"),
            Some(server) => format!("{server}/{}", ids.next::<EventId>().as_uuid().simple()),
        };
        let database = Database::open(&database_url, &DatabaseOptions::default()).await.unwrap();
        database.migrate::<Migrator>().await.unwrap();
        let bus = bus::open(&bus_url, shared.clone()).await.unwrap();
        for stream in STREAMS {
            let subjects =
                stream.subjects.iter().map(|subject| Envelope::subject(&format!("{subject}.>"))).collect();
            let spec =
                StreamSpec { name: stream.name.to_owned(), subjects, max_bytes: STREAM_BYTES, replicas: 1 };
            bus.declare_stream(&spec).await.unwrap();
        }
        let text = format!(
            "[database]\nurl = {database_url:?}\n[bus]\nurl = {bus_url:?}\nstream_max_bytes = {STREAM_BYTES}\n\
             [grpc]\nlisten = \"\"\n[admin]\nlisten = \"\"\n"
        );
        let config: qm_routing::Config = Loader::new("routing", RoutingService::DEFAULTS)
            .unwrap()
            .toml("the test", &text)
            .unwrap()
            .load()
            .unwrap();
        let metrics = Metrics::new("routing");
        let inventory = FakeInventory::default();
        let deps = Deps {
            clock: shared,
            ids: ids.clone(),
            entropy,
            database,
            bus: bus.clone(),
            peers: Peers::new().with("inventory", inventory.channel()),
            metrics: metrics.clone(),
        };
        let shutdown = CancellationToken::new();
        let (channel, running) = replica(&config, &deps, &shutdown).await;
        let heard = bus
            .subscribe(&ConsumerSpec {
                stream: "QM_ROUTING".to_owned(),
                name: "test".to_owned(),
                filter: "qm.>".to_owned(),
                ack_wait: Duration::from_secs(30),
                max_in_flight: 1_000,
            })
            .await
            .unwrap();
        let world = Self {
            client: RoutingServiceClient::new(channel.clone()),
            operations: OperationsServiceClient::new(channel),
            metrics,
            inventory,
            bus,
            tenant: ids.next(),
            other_tenant: ids.next(),
            item: ids.next(),
            near: ids.next(),
            far: ids.next(),
            ids,
            clock,
            heard,
            backlog: Vec::new(),
            deps,
            config,
            shutdown,
            running: vec![running],
            _folder: folder,
        };
        for tenant in [world.tenant, world.other_tenant] {
            world.put_item(tenant, item(world.item)).await;
            world.put_location(tenant, location(world.near, "NEAR", 0.1)).await;
            world.put_location(tenant, location(world.far, "FAR", 3.0)).await;
        }
        world.settle().await;
        world
    }

    /// Another process of the service at the same work.
    pub(crate) async fn add_replica(&mut self) {
        let (_, running) = replica(&self.config, &self.deps, &self.shutdown).await;
        self.running.push(running);
    }

    pub(crate) async fn put_item(&self, tenant: TenantId, item: inventory::Item) {
        let id: ItemId = item.id.parse().unwrap();
        self.tell(tenant, id, &inventory::ItemChanged { item: Some(item) }).await;
    }

    pub(crate) async fn put_location(&self, tenant: TenantId, location: inventory::Location) {
        let id: LocationId = location.id.parse().unwrap();
        self.tell(tenant, id, &inventory::LocationChanged { location: Some(location) }).await;
    }

    /// Stocks the item at a location of the tenant.
    pub(crate) fn stock(&self, location: LocationId, units: i64) {
        self.inventory.stock(self.tenant, self.item, location, units, 0);
    }

    /// Stores a tariff for standard service: 5.00 up to 100 miles in a day, 9.00 up to 5,000 in three, and 20.00 to Orkney
    /// in seven.
    pub(crate) async fn put_tariff(&self) {
        let band = |zone, max_miles, base_minor, transit_days| routing::TariffBand {
            service_level: "standard".to_owned(),
            zone,
            max_miles,
            base_minor,
            per_pound_micros: 280_000,
            transit_days,
            regions: Vec::new(),
        };
        let orkney = routing::TariffBand { regions: vec!["GB-ORK".to_owned()], ..band(9, 0, 2_000, 7) };
        let request =
            routing::PutTariffRequest { bands: vec![band(1, 100, 500, 1), band(2, 5_000, 900, 3), orkney] };
        self.client.clone().put_tariff(with_tenant(request, self.tenant)).await.unwrap();
    }

    fn message<E: Event>(&self, tenant: TenantId, aggregate: impl Id, payload: &E) -> Message {
        Envelope {
            event_id: self.ids.next(),
            tenant,
            event_type: E::TYPE.to_owned(),
            source: stream_of(E::TYPE).unwrap().source.to_owned(),
            aggregate: aggregate.as_uuid(),
            occurred_at: self.clock.now(),
            trace: None,
            payload: payload.encode_to_vec(),
        }
        .into_message()
    }

    /// Publishes an event as another service would.
    pub(crate) async fn tell<E: Event>(&self, tenant: TenantId, aggregate: impl Id, payload: &E) {
        for result in self.bus.publish(&[self.message(tenant, aggregate, payload)]).await {
            result.unwrap();
        }
    }

    /// Asks for sources.
    pub(crate) async fn ask(&self, attempt: &order::SourcingRequested) {
        self.ask_all(&[(self.tenant, attempt)]).await;
    }

    /// Asks for sources so that one batch holds all: nothing is answered until inventory can be reached.
    pub(crate) async fn ask_together(&self, attempts: &[(TenantId, &order::SourcingRequested)]) {
        self.inventory.set_down(true);
        self.ask_all(attempts).await;
        // Whatever was taken before all were there has been given back by then.
        tokio::time::sleep(Duration::from_millis(400)).await;
        self.inventory.set_down(false);
    }

    async fn ask_all(&self, attempts: &[(TenantId, &order::SourcingRequested)]) {
        let message = |(tenant, attempt): &(TenantId, &order::SourcingRequested)| {
            self.message(*tenant, order_of(attempt), *attempt)
        };
        let messages: Vec<Message> = attempts.iter().map(message).collect();
        for result in self.bus.publish(&messages).await {
            result.unwrap();
        }
    }

    /// The first attempt of a new order for so many units of the item.
    pub(crate) fn attempt(&self, quantity: i64) -> order::SourcingRequested {
        order::SourcingRequested {
            order_id: self.ids.next::<OrderId>().to_string(),
            revision: 1,
            attempt: 1,
            reason: order::SourcingReason::Placed.into(),
            units: vec![LineUnits {
                line_id: self.ids.next::<LineId>().to_string(),
                item_id: self.item.to_string(),
                quantity,
            }],
            exclusions: Vec::new(),
            fulfilment_kind: FulfilmentKind::Ship.into(),
            pickup_location_id: String::new(),
            service_level: "standard".to_owned(),
            promise_by: String::new(),
            destination: Some(order::Destination {
                country: "GB".to_owned(),
                point: Some(GeoPoint { latitude: 51.5, longitude: 0.0 }),
                ..order::Destination::default()
            }),
            placed_at: self.clock.now().to_rfc3339(),
            priority: 0,
            rejections: 0,
        }
    }

    /// Order lets go of a plan, or of some units of it.
    pub(crate) async fn release(&self, attempt: &order::SourcingRequested, units: Vec<order::LocationUnits>) {
        let plan = plan_of(attempt);
        let payload = order::ReleaseRequested {
            order_id: attempt.order_id.clone(),
            revision: 2,
            reservation_id: derive::<qm_ids::ReservationId>(plan.as_uuid(), "reservation", 0).to_string(),
            plan_id: plan.to_string(),
            units,
            reason: order::ReleaseReason::Cancelled.into(),
        };
        self.tell(self.tenant, order_of(attempt), &payload).await;
    }

    async fn hear_more(&mut self) {
        let deliveries = self.heard.fetch(500, Duration::from_millis(50)).await.unwrap();
        let tokens: Vec<_> = deliveries.iter().map(|delivery| delivery.token.clone()).collect();
        self.heard.ack(&tokens).await.unwrap();
        self.backlog
            .extend(deliveries.iter().map(|delivery| Envelope::from_message(&delivery.message).unwrap()));
    }

    /// Waits for an event of this kind about the order of an attempt.
    pub(crate) async fn hear<E: Event>(&mut self, attempt: &order::SourcingRequested) -> E {
        let order = order_of(attempt).as_uuid();
        let deadline = tokio::time::Instant::now() + DEADLINE;
        loop {
            let found =
                self.backlog.iter().position(|event| event.event_type == E::TYPE && event.aggregate == order);
            if let Some(index) = found {
                return E::decode(self.backlog.remove(index).payload.as_slice()).unwrap();
            }
            let told: Vec<_> = self.backlog.iter().map(|event| event.event_type.as_str()).collect();
            assert!(tokio::time::Instant::now() < deadline, "{} was never told, but {told:?}", E::TYPE);
            self.hear_more().await;
        }
    }

    /// Asks, and waits for the plan.
    pub(crate) async fn planned(&mut self, attempt: &order::SourcingRequested) -> routing::Planned {
        self.ask(attempt).await;
        self.hear(attempt).await
    }

    /// Asks, and waits to be told that nothing can be filled.
    pub(crate) async fn unfillable(&mut self, attempt: &order::SourcingRequested) -> routing::Unfillable {
        self.ask(attempt).await;
        self.hear(attempt).await
    }

    /// Types of what was told about an order and not heard yet, once everything is told.
    pub(crate) async fn unheard(&mut self, attempt: &order::SourcingRequested) -> Vec<String> {
        self.settle().await;
        self.hear_more().await;
        let order = order_of(attempt).as_uuid();
        let of_it = self.backlog.iter().filter(|event| event.aggregate == order);
        of_it.map(|event| event.event_type.clone()).collect()
    }

    pub(crate) async fn plans(
        &self,
        tenant: TenantId,
        attempt: &order::SourcingRequested,
    ) -> Result<Vec<routing::Plan>, Status> {
        let request = routing::ListPlansRequest { order_id: attempt.order_id.clone() };
        let answer = self.client.clone().list_plans(with_tenant(request, tenant)).await?;
        Ok(answer.into_inner().plans)
    }

    pub(crate) async fn summary(&self, tenant: TenantId) -> routing::GetPlanSummaryResponse {
        let request = with_tenant(routing::GetPlanSummaryRequest {}, tenant);
        self.client.clone().get_plan_summary(request).await.unwrap().into_inner()
    }

    pub(crate) async fn backlog(&self) -> operations::GetBacklogResponse {
        let request = operations::GetBacklogRequest {};
        self.operations.clone().get_backlog(request).await.unwrap().into_inner()
    }

    /// Waits until nothing is in flight.
    pub(crate) async fn settle(&self) {
        let deadline = tokio::time::Instant::now() + DEADLINE;
        loop {
            let backlog = self.backlog().await;
            if backlog.outbox + backlog.unconsumed == 0 {
                return;
            }
            assert!(tokio::time::Instant::now() < deadline, "{backlog:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits for dead letters and returns why each is one.
    pub(crate) async fn dead_letters(&self, count: usize) -> Vec<String> {
        let deadline = tokio::time::Instant::now() + DEADLINE;
        loop {
            let request = operations::ListDeadLettersRequest { limit: 0 };
            let letters = self.operations.clone().list_dead_letters(request).await.unwrap().into_inner();
            if letters.dead_letters.len() >= count {
                return letters.dead_letters.into_iter().map(|letter| letter.error).collect();
            }
            assert!(tokio::time::Instant::now() < deadline, "{letters:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Asks for sources one after another, as orders come in.
    pub(crate) async fn ask_in_turn(&self, attempts: &[order::SourcingRequested]) {
        for part in attempts.chunks(5) {
            self.ask_all(&part.iter().map(|attempt| (self.tenant, attempt)).collect::<Vec<_>>()).await;
        }
    }

    /// Checks the service's laws, stops it and checks that it ended well. Returns how many things the laws examined.
    pub(crate) async fn stop(self) -> i64 {
        self.settle().await;
        let request = operations::CheckLawsRequest::default();
        let laws = self.operations.clone().check_laws(request).await.unwrap().into_inner().laws;
        assert_eq!(
            laws.iter().map(|law| law.law.as_str()).collect::<Vec<_>>(),
            ["plan_units", "capacity", "capacity_days"]
        );
        let examined = laws.iter().map(|law| law.checked).sum();
        for law in laws {
            assert_eq!(law.violations, 0, "{law:?}");
        }
        self.shutdown.cancel();
        for running in self.running {
            running.await.unwrap().unwrap();
        }
        examined
    }
}

async fn replica(
    config: &qm_routing::Config,
    deps: &Deps,
    shutdown: &CancellationToken,
) -> (GrpcChannel, tokio::task::JoinHandle<Result<(), RunError>>) {
    let host = Host::bind(&config.host(), deps.metrics.clone()).unwrap();
    let assembly = RoutingService::build(config.clone(), deps.clone()).await.unwrap();
    let served = ServedRoutes::new(assembly.routes(), deps.metrics.clone(), 1_024);
    let channel = GrpcChannel::in_process("routing", served);
    (channel, tokio::spawn(host.run([assembly], shutdown.clone())))
}

async fn new_database(server: &str, ids: &IdGenerator) -> String {
    let name = format!("qm_test_{}", ids.next::<EventId>().as_uuid().simple());
    let admin = Database::open(server, &DatabaseOptions::default()).await.unwrap();
    admin.execute_schema_change(&format!("CREATE DATABASE {name}")).await.unwrap();
    let (base, _) = server.rsplit_once('/').unwrap();
    format!("{base}/{name}")
}

pub(crate) fn order_of(attempt: &order::SourcingRequested) -> OrderId {
    attempt.order_id.parse().unwrap()
}

/// As order derives it.
pub(crate) fn plan_of(attempt: &order::SourcingRequested) -> PlanId {
    derive(order_of(attempt).as_uuid(), "plan", u64::from(attempt.attempt.unsigned_abs()))
}

/// An item of a pound.
pub(crate) fn item(id: ItemId) -> inventory::Item {
    inventory::Item {
        id: id.to_string(),
        sku: "SKU".to_owned(),
        weight_grams: 454,
        storage_class: "ambient".to_owned(),
        version: 1,
        ..inventory::Item::default()
    }
}

/// A warehouse on the meridian, so many degrees (69 miles each) south of where goods go.
pub(crate) fn location(id: LocationId, code: &str, degrees: f64) -> inventory::Location {
    inventory::Location {
        id: id.to_string(),
        code: code.to_owned(),
        kind: "distribution_centre".to_owned(),
        address: Some(Address {
            country: "GB".to_owned(),
            point: Some(GeoPoint { latitude: 51.5 - degrees, longitude: 0.0 }),
            ..Address::default()
        }),
        time_zone: "Europe/London".to_owned(),
        cutoff_local: "14:00".to_owned(),
        handling_order_minor: 100 + i64::from(degrees > 1.0) * 50,
        can_ship: true,
        can_pickup: true,
        storage_classes: vec!["ambient".to_owned()],
        active: true,
        version: 1,
        ..inventory::Location::default()
    }
}
