//! A running inventory service, and the events that others would send.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use qm_clock::{Clock as _, ManualClock, SeededEntropy, SharedClock, SharedEntropy};
use qm_database::{Database, DatabaseOptions};
use qm_ids::{
    EventId, FulfilmentId, Id, IdGenerator, ItemId, LineId, LocationId, OrderId, PlanId, ReservationId,
    TenantId, derive,
};
use qm_inventory::{InventoryService, Migrator};
use qm_messaging::{
    Envelope,
    bus::{self, ConsumerSpec, SharedBus, StreamSpec, Subscription},
};
use qm_proto::{
    events::{Event, STREAMS, stream_of},
    inventory::v1::{self as inventory, inventory_service_client::InventoryServiceClient},
    order::v1 as order,
    routing::v1 as routing,
    shipping::v1 as shipping,
    types::v1::{Idempotency, LineUnits},
};
use qm_runtime::{
    Deps, Host, Peers, ServiceDefinition,
    config::{Loader, ServiceConfig as _},
    grpc::{GrpcChannel, ServedRoutes, with_tenant},
    operations::Fact,
};
use qm_telemetry::metrics::Metrics;
use tokio_util::sync::CancellationToken;

const DEADLINE: Duration = Duration::from_secs(20);
/// Small: a server sets a stream's bytes aside, and every test has streams of its own.
const STREAM_BYTES: u64 = 4 << 20;

type Config = <InventoryService as ServiceDefinition>::Config;
type Running = tokio::task::JoinHandle<Result<(), qm_runtime::RunError>>;

pub(crate) struct World {
    pub(crate) client: InventoryServiceClient<GrpcChannel>,
    pub(crate) operations:
        qm_proto::operations::v1::operations_service_client::OperationsServiceClient<GrpcChannel>,
    pub(crate) bus: SharedBus,
    pub(crate) ids: IdGenerator,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) tenant: TenantId,
    pub(crate) other_tenant: TenantId,
    pub(crate) item: ItemId,
    pub(crate) location: LocationId,
    heard: Box<dyn Subscription>,
    backlog: Vec<Envelope>,
    shutdown: CancellationToken,
    config: Config,
    deps: Deps,
    running: Vec<Running>,
    _folder: tempfile::TempDir,
}

/// The worlds to test in: SQLite and the bus in this process, and servers where the environment names servers.
pub(crate) async fn worlds() -> Vec<World> {
    let mut worlds = vec![World::start(None).await];
    if let (Ok(database), Ok(bus)) =
        (std::env::var("QM_TEST_POSTGRES_URL"), std::env::var("QM_TEST_NATS_URL"))
    {
        worlds.push(World::start(Some((database, bus))).await);
    }
    worlds
}

impl World {
    async fn start(servers: Option<(String, String)>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let seed = u64::from(std::process::id()) ^ folder.path().as_os_str().len() as u64;
        let clock = Arc::new(ManualClock::new(qm_clock::SystemClock.now()));
        let entropy: SharedEntropy = match servers {
            Some(_) => Arc::new(qm_clock::SystemEntropy),
            None => Arc::new(SeededEntropy::new(seed)),
        };
        let shared: SharedClock = clock.clone();
        let ids = IdGenerator::new(shared.clone(), entropy.clone());
        let (database_url, bus_url) = match &servers {
            None => (
                format!("sqlite://{}", folder.path().join("inventory.sqlite").display()),
                format!("sqlite://{}", folder.path().join("bus.sqlite").display()),
            ),
            Some((postgres, nats)) => {
                let namespace = ids.next::<EventId>().as_uuid().simple().to_string();
                (new_database(postgres, &ids).await, format!("{nats}/{namespace}"))
            }
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
            "[database]\nurl = {database_url:?}\n[bus]\nurl = {bus_url:?}\nstream_max_bytes = {STREAM_BYTES}\n[grpc]\nlisten = \"\"\n[admin]\nlisten = \"\"\n"
        );
        let config: Config = Loader::new("inventory", InventoryService::DEFAULTS)
            .unwrap()
            .toml("the test", &text)
            .unwrap()
            .load()
            .unwrap();
        let metrics = Metrics::new("inventory");
        let deps = Deps {
            clock: shared,
            ids: ids.clone(),
            entropy,
            database,
            bus: bus.clone(),
            peers: Peers::new(),
            metrics,
        };
        let shutdown = CancellationToken::new();
        let (channel, running) = replica(&config, &deps, &shutdown).await;
        let name = format!("test-{}", ids.next::<EventId>().as_uuid().simple());
        let heard = bus
            .subscribe(&ConsumerSpec {
                stream: "QM_INVENTORY".to_owned(),
                name,
                filter: "qm.>".to_owned(),
                ack_wait: Duration::from_secs(30),
                max_in_flight: 1_000,
            })
            .await
            .unwrap();
        let mut world = Self {
            client: InventoryServiceClient::new(channel.clone()),
            operations: qm_proto::operations::v1::operations_service_client::OperationsServiceClient::new(
                channel,
            ),
            bus,
            tenant: ids.next(),
            other_tenant: ids.next(),
            item: ids.next(),
            location: ids.next(),
            ids,
            clock,
            heard,
            backlog: Vec::new(),
            shutdown,
            config,
            deps,
            running: vec![running],
            _folder: folder,
        };
        for tenant in [world.tenant, world.other_tenant] {
            world.set_up(tenant).await;
        }
        world.item = world.items(world.tenant).await.remove(0).id.parse().unwrap();
        world.location = world.locations(world.tenant).await.remove(0).id.parse().unwrap();
        world
    }

    /// Another process of the service at the same work.
    pub(crate) async fn add_replica(&mut self) {
        let (_, running) = replica(&self.config, &self.deps, &self.shutdown).await;
        self.running.push(running);
    }

    /// An item and a location.
    async fn set_up(&self, tenant: TenantId) {
        let items = vec![item("SKU")];
        let request = with_tenant(inventory::PutItemsRequest { items }, tenant);
        self.client.clone().put_items(request).await.unwrap();
        let locations = vec![location("DC01")];
        let request = with_tenant(inventory::PutLocationsRequest { locations }, tenant);
        self.client.clone().put_locations(request).await.unwrap();
    }

    pub(crate) async fn items(&self, tenant: TenantId) -> Vec<inventory::Item> {
        let request = with_tenant(inventory::ListItemsRequest::default(), tenant);
        self.client.clone().list_items(request).await.unwrap().into_inner().items
    }

    pub(crate) async fn locations(&self, tenant: TenantId) -> Vec<inventory::Location> {
        let request = with_tenant(inventory::ListLocationsRequest::default(), tenant);
        self.client.clone().list_locations(request).await.unwrap().into_inner().locations
    }

    /// Publishes an event as another service would.
    pub(crate) async fn tell<E: Event>(&self, tenant: TenantId, aggregate: impl Id, payload: &E) {
        self.tell_as(E::TYPE, self.ids.next(), tenant, aggregate, payload).await;
    }

    pub(crate) async fn tell_as<E: Event>(
        &self,
        event_type: &str,
        event_id: EventId,
        tenant: TenantId,
        aggregate: impl Id,
        payload: &E,
    ) {
        let message = Envelope {
            event_id,
            tenant,
            event_type: event_type.to_owned(),
            source: stream_of(event_type).unwrap().source.to_owned(),
            aggregate: aggregate.as_uuid(),
            occurred_at: self.now(),
            trace: None,
            payload: payload.encode_to_vec(),
        }
        .into_message();
        for result in self.bus.publish(&[message]).await {
            result.unwrap();
        }
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Records movements of (kind, quantity) of the item; the refusal's words if it is refused.
    pub(crate) async fn record(
        &self,
        tenant: TenantId,
        key: &str,
        movements: &[(inventory::MovementKind, i64)],
    ) -> Result<Vec<inventory::StockRow>, String> {
        let movements: Vec<_> = movements
            .iter()
            .map(|(kind, quantity)| inventory::NewMovement {
                sku: "SKU".to_owned(),
                location_code: "DC01".to_owned(),
                kind: (*kind).into(),
                quantity: *quantity,
                reason: "because".to_owned(),
                ..inventory::NewMovement::default()
            })
            .collect();
        self.record_these(tenant, key, movements).await
    }

    pub(crate) async fn record_these(
        &self,
        tenant: TenantId,
        key: &str,
        movements: Vec<inventory::NewMovement>,
    ) -> Result<Vec<inventory::StockRow>, String> {
        let body_hash = <sha2::Sha256 as sha2::Digest>::digest(format!("{movements:?}")).to_vec();
        let request = inventory::RecordMovementsRequest {
            movements,
            actor: None,
            idempotency: Some(Idempotency { key: key.to_owned(), body_hash }),
        };
        let response = self.client.clone().record_movements(with_tenant(request, tenant)).await;
        response.map(|response| response.into_inner().rows).map_err(|status| {
            let refusal = qm_refusal::Refusal::from(status);
            format!("{} at {:?}: {}", refusal.code, refusal.field, refusal.message)
        })
    }

    /// (sellable, allocated, soft_reserved) of the item at the location.
    pub(crate) async fn buckets(&self) -> (i64, i64, i64) {
        let request = with_tenant(inventory::ListStockRequest::default(), self.tenant);
        let rows = self.client.clone().list_stock(request).await.unwrap().into_inner().rows;
        rows.first().map_or((0, 0, 0), |row| (row.sellable, row.allocated, row.soft_reserved))
    }

    /// Waits until the service has taken in all that it was told.
    pub(crate) async fn until_consumed(&self) {
        let deadline = tokio::time::Instant::now() + DEADLINE;
        loop {
            let request = qm_proto::operations::v1::GetBacklogRequest::default();
            let backlog = self.operations.clone().get_backlog(request).await.unwrap().into_inner();
            if backlog.unconsumed == 0 {
                return;
            }
            assert!(tokio::time::Instant::now() < deadline, "{backlog:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until no job has anything left to do.
    pub(crate) async fn until_idle(&self) {
        let deadline = tokio::time::Instant::now() + DEADLINE;
        loop {
            let request = qm_proto::operations::v1::GetBacklogRequest::default();
            let backlog = self.operations.clone().get_backlog(request).await.unwrap().into_inner();
            if backlog.jobs_due == 0 {
                return;
            }
            assert!(tokio::time::Instant::now() < deadline, "{backlog:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the stock rows are as they should be.
    pub(crate) async fn until_rows(&self, is_so: impl Fn(&[inventory::StockRow]) -> bool) {
        let deadline = tokio::time::Instant::now() + DEADLINE;
        loop {
            let request = with_tenant(inventory::ListStockRequest::default(), self.tenant);
            let rows = self.client.clone().list_stock(request).await.unwrap().into_inner().rows;
            if is_so(&rows) {
                return;
            }
            assert!(tokio::time::Instant::now() < deadline, "{rows:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn until(&self, wanted: (i64, i64, i64)) {
        let deadline = tokio::time::Instant::now() + DEADLINE;
        while self.buckets().await != wanted {
            let now = self.buckets().await;
            assert!(tokio::time::Instant::now() < deadline, "{now:?} instead of {wanted:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn hear_all(&mut self) {
        let deliveries = self.heard.fetch(500, Duration::from_millis(50)).await.unwrap();
        let tokens: Vec<_> = deliveries.iter().map(|delivery| delivery.token.clone()).collect();
        self.heard.ack(&tokens).await.unwrap();
        self.backlog
            .extend(deliveries.iter().map(|delivery| Envelope::from_message(&delivery.message).unwrap()));
    }

    /// Waits for the service to tell an event of this kind about this aggregate.
    pub(crate) async fn hear<E: Event>(&mut self, aggregate: impl Id) -> E {
        let deadline = tokio::time::Instant::now() + DEADLINE;
        loop {
            let found = self
                .backlog
                .iter()
                .position(|event| event.event_type == E::TYPE && event.aggregate == aggregate.as_uuid());
            if let Some(index) = found {
                return E::decode(self.backlog.remove(index).payload.as_slice()).unwrap();
            }
            let told: Vec<_> = self.backlog.iter().map(|event| event.event_type.as_str()).collect();
            assert!(tokio::time::Instant::now() < deadline, "{} was never told, but {told:?}", E::TYPE);
            self.hear_all().await;
        }
    }

    /// Waits for one of two kinds of events about this aggregate. True when it is the first.
    pub(crate) async fn hear_either<E: Event, F: Event>(&mut self, aggregate: impl Id) -> bool {
        let deadline = tokio::time::Instant::now() + DEADLINE;
        loop {
            let types = [E::TYPE, F::TYPE];
            let found = self.backlog.iter().find(|event| {
                types.contains(&event.event_type.as_str()) && event.aggregate == aggregate.as_uuid()
            });
            if let Some(event) = found {
                return event.event_type == E::TYPE;
            }
            assert!(tokio::time::Instant::now() < deadline, "neither of {types:?} was told");
            self.hear_all().await;
        }
    }

    /// A plan for units of the item at the location, for a new order.
    pub(crate) fn plan(&self, quantity: i64) -> Plan {
        let order: OrderId = self.ids.next();
        let plan: PlanId = derive(order.as_uuid(), "plan", 1);
        let reservation: ReservationId = derive(plan.as_uuid(), "reservation", 0);
        let units = vec![LineUnits {
            line_id: self.ids.next::<LineId>().to_string(),
            item_id: self.item.to_string(),
            quantity,
        }];
        let planned = routing::Planned {
            order_id: order.to_string(),
            attempt: 1,
            plan_id: plan.to_string(),
            assignments: vec![routing::Assignment {
                location_id: self.location.to_string(),
                group: "ship:standard:ambient".to_owned(),
                units: units.clone(),
                ..routing::Assignment::default()
            }],
            ..routing::Planned::default()
        };
        let fulfilment = shipping::FulfilmentRef {
            order_id: order.to_string(),
            fulfilment_id: self.ids.next::<FulfilmentId>().to_string(),
            plan_id: plan.to_string(),
            reservation_id: reservation.to_string(),
            location_id: self.location.to_string(),
            version: 1,
        };
        Plan { order, reservation, units, planned, fulfilment }
    }

    pub(crate) async fn reserve(&mut self, plan: &Plan) {
        self.tell(self.tenant, plan.order, &plan.planned).await;
        let reserved: inventory::Reserved = self.hear(plan.order).await;
        assert_eq!(reserved.plan.as_ref(), Some(&plan.planned));
        assert_eq!(reserved.reservation_id, plan.reservation.to_string());
    }

    pub(crate) async fn release(&self, plan: &Plan, reason: order::ReleaseReason) {
        let request = order::ReleaseRequested {
            order_id: plan.order.to_string(),
            reservation_id: plan.reservation.to_string(),
            plan_id: plan.planned.plan_id.clone(),
            reason: reason.into(),
            ..order::ReleaseRequested::default()
        };
        self.tell(self.tenant, plan.order, &request).await;
    }

    /// Checks the service's own laws.
    pub(crate) async fn verify(&self) {
        let request = qm_proto::operations::v1::CheckLawsRequest::default();
        let laws = self.operations.clone().check_laws(request).await.unwrap().into_inner().laws;
        assert!(!laws.is_empty());
        for law in laws {
            assert_eq!(law.violations, 0, "{law:?}");
        }
    }

    pub(crate) async fn facts(&self, set: &str) -> Vec<Fact> {
        let mut facts: Vec<Fact> = Vec::new();
        loop {
            let request = qm_proto::operations::v1::ListFactsRequest {
                set: set.to_owned(),
                after_key: facts.last().map(|fact| fact.key.clone()).unwrap_or_default(),
                limit: 2,
            };
            let page = self.operations.clone().list_facts(request).await.unwrap().into_inner();
            facts.extend(page.facts);
            if page.done {
                assert!(facts.windows(2).all(|pair| pair[0].key < pair[1].key), "{facts:?}");
                return facts;
            }
        }
    }

    /// Stops the service and checks that it ended well.
    pub(crate) async fn stop(self) {
        self.verify().await;
        self.shutdown.cancel();
        for running in self.running {
            running.await.unwrap().unwrap();
        }
    }
}

/// A process of the service at work.
async fn replica(config: &Config, deps: &Deps, shutdown: &CancellationToken) -> (GrpcChannel, Running) {
    let host = Host::bind(&config.host(), deps.metrics.clone()).unwrap();
    let assembly = InventoryService::build(config.clone(), deps.clone()).await.unwrap();
    let served = ServedRoutes::new(assembly.routes(), deps.metrics.clone(), 1_024);
    let channel = GrpcChannel::in_process("inventory", served);
    (channel, tokio::spawn(host.run([assembly], shutdown.clone())))
}

async fn new_database(server: &str, ids: &IdGenerator) -> String {
    let name = format!("qm_test_{}", ids.next::<EventId>().as_uuid().simple());
    let admin = Database::open(server, &DatabaseOptions::default()).await.unwrap();
    admin.execute_schema_change(&format!("CREATE DATABASE {name}")).await.unwrap();
    let (base, _) = server.rsplit_once('/').unwrap();
    format!("{base}/{name}")
}

/// A plan with what goes with it.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) order: OrderId,
    pub(crate) reservation: ReservationId,
    pub(crate) units: Vec<LineUnits>,
    pub(crate) planned: routing::Planned,
    pub(crate) fulfilment: shipping::FulfilmentRef,
}

pub(crate) fn item(sku: &str) -> inventory::Item {
    inventory::Item { sku: sku.to_owned(), name: "A thing".to_owned(), ..inventory::Item::default() }
}

pub(crate) fn location(code: &str) -> inventory::Location {
    inventory::Location {
        code: code.to_owned(),
        kind: "distribution_centre".to_owned(),
        time_zone: "America/New_York".to_owned(),
        cutoff_local: "14:00".to_owned(),
        can_ship: true,
        storage_classes: vec!["ambient".to_owned()],
        active: true,
        ..inventory::Location::default()
    }
}
