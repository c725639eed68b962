//! A running order service, and the events that others would send.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use qm_clock::{Clock as _, ManualClock, SeededEntropy, SharedClock, SharedEntropy};
use qm_database::{Database, DatabaseOptions};
use qm_ids::{
    EventId, Id, IdGenerator, ItemId, LocationId, OrderId, PlanId, ReservationId, TenantId, derive,
};
use qm_messaging::{
    Envelope,
    bus::{self, ConsumerSpec, SharedBus, StreamSpec, Subscription},
};
use qm_order::{Migrator, OrderService};
use qm_proto::{
    events::{Event, STREAMS, stream_of},
    inventory::v1 as inventory,
    order::v1::{
        self as order, NewLine, NewOrder, PlaceOrdersRequest, order_service_client::OrderServiceClient,
    },
    routing::v1 as routing,
    types::v1::{Address, FulfilmentKind, Idempotency, LineUnits},
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

pub(crate) struct World {
    pub(crate) client: OrderServiceClient<GrpcChannel>,
    pub(crate) operations:
        qm_proto::operations::v1::operations_service_client::OperationsServiceClient<GrpcChannel>,
    pub(crate) bus: SharedBus,
    pub(crate) ids: IdGenerator,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) metrics: Metrics,
    pub(crate) tenant: TenantId,
    pub(crate) other_tenant: TenantId,
    pub(crate) item: ItemId,
    pub(crate) location: LocationId,
    /// The service's database, past its transactions' scopes.
    pub(crate) database: Database,
    deps: Deps,
    config: String,
    heard: Box<dyn Subscription>,
    backlog: Vec<Envelope>,
    shutdown: CancellationToken,
    running: Option<tokio::task::JoinHandle<Result<(), qm_runtime::RunError>>>,
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
                format!("sqlite://{}", folder.path().join("order.sqlite").display()),
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
        let metrics = Metrics::new("order");
        let host = Host::bind(&parse(&text).host(), metrics.clone()).unwrap();
        // Inventory is not there: only what its events told is known.
        let (inventory, _) = GrpcChannel::late("inventory");
        let deps = Deps {
            clock: shared,
            ids: ids.clone(),
            entropy,
            database: database.clone(),
            bus: bus.clone(),
            peers: Peers::new().with("inventory", inventory),
            metrics: metrics.clone(),
        };
        let assembly = OrderService::build(parse(&text), deps.clone()).await.unwrap();
        let channel =
            GrpcChannel::in_process("order", ServedRoutes::new(assembly.routes(), metrics.clone(), 1_024));
        let shutdown = CancellationToken::new();
        let running = Some(tokio::spawn(host.run([assembly], shutdown.clone())));
        let name = format!("test-{}", ids.next::<EventId>().as_uuid().simple());
        let heard = bus
            .subscribe(&ConsumerSpec {
                stream: "QM_ORDER".to_owned(),
                name,
                filter: "qm.order.>".to_owned(),
                ack_wait: Duration::from_secs(30),
                max_in_flight: 1_000,
            })
            .await
            .unwrap();
        let mut world = Self {
            client: OrderServiceClient::new(channel.clone()),
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
            metrics,
            database,
            deps,
            config: text,
            heard,
            backlog: Vec::new(),
            shutdown,
            running,
            _folder: folder,
        };
        for tenant in [world.tenant, world.other_tenant] {
            let item = inventory::Item {
                id: world.item.to_string(),
                sku: "SKU".to_owned(),
                name: "A thing".to_owned(),
                version: 1,
                ..inventory::Item::default()
            };
            world.tell(tenant, world.item, &inventory::ItemChanged { item: Some(item) }).await;
        }
        world.wait_for_item().await;
        world
    }

    /// Another process of the service beside the first, which only answers calls.
    pub(crate) async fn replica(&self) -> OrderServiceClient<GrpcChannel> {
        OrderServiceClient::new(self.process_on(self.database.clone()).await)
    }

    /// The way to another process of the service, on this database, which only answers calls.
    pub(crate) async fn process_on(&self, database: Database) -> GrpcChannel {
        let metrics = Metrics::new("order");
        let deps = Deps { metrics: metrics.clone(), database, ..self.deps.clone() };
        let assembly = OrderService::build(parse(&self.config), deps).await.unwrap();
        GrpcChannel::in_process("order", ServedRoutes::new(assembly.routes(), metrics, 1_024))
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

    async fn wait_for_item(&mut self) {
        let deadline = tokio::time::Instant::now() + DEADLINE;
        for tenant in [self.tenant, self.other_tenant] {
            let placed = loop {
                match self.try_place(tenant, "", &new_order(1)).await {
                    Ok((order, _)) => break order,
                    Err(problem) => {
                        assert!(
                            tokio::time::Instant::now() < deadline,
                            "the item never became known: {problem}"
                        );
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
            };
            // Those orders are nobody's business.
            let _: order::Placed = self.hear(&placed.id).await;
            let _: order::SourcingRequested = self.hear(&placed.id).await;
        }
    }

    /// Places one order; the refusal's field and code if it is refused.
    pub(crate) async fn try_place(
        &self,
        tenant: TenantId,
        key: &str,
        order: &NewOrder,
    ) -> Result<(order::Order, bool), String> {
        let body_hash = <sha2::Sha256 as sha2::Digest>::digest(format!("{order:?}")).to_vec();
        let request = PlaceOrdersRequest {
            orders: vec![order.clone()],
            idempotency: Some(Idempotency { key: key.to_owned(), body_hash }),
            actor: None,
        };
        let response = self.client.clone().place_orders(with_tenant(request, tenant)).await;
        let mut response = response.map_err(|status| status.to_string())?.into_inner();
        let result = response.results.remove(0);
        match result.outcome.unwrap() {
            order::place_order_result::Outcome::Order(order) => Ok((order, result.replayed)),
            order::place_order_result::Outcome::Refusal(refusal) => {
                Err(format!("{} at {:?}: {}", refusal.code, refusal.field, refusal.message))
            }
        }
    }

    pub(crate) async fn place(&self, quantity: i64) -> order::Order {
        self.try_place(self.tenant, "", &new_order(quantity)).await.unwrap().0
    }

    pub(crate) async fn get(&self, id: &str) -> order::Order {
        let request = with_tenant(order::GetOrderRequest { order_id: id.to_owned() }, self.tenant);
        self.client.clone().get_order(request).await.unwrap().into_inner().order.unwrap()
    }

    async fn hear_all(&mut self) {
        let deliveries = self.heard.fetch(500, Duration::from_millis(50)).await.unwrap();
        let tokens: Vec<_> = deliveries.iter().map(|delivery| delivery.token.clone()).collect();
        self.heard.ack(&tokens).await.unwrap();
        self.backlog
            .extend(deliveries.iter().map(|delivery| Envelope::from_message(&delivery.message).unwrap()));
    }

    /// Waits for the service to tell an event of this kind about any order.
    pub(crate) async fn hear_any<E: Event>(&mut self) -> E {
        let deadline = tokio::time::Instant::now() + DEADLINE;
        loop {
            if let Some(index) = self.backlog.iter().position(|event| event.event_type == E::TYPE) {
                return E::decode(self.backlog.remove(index).payload.as_slice()).unwrap();
            }
            assert!(tokio::time::Instant::now() < deadline, "{} was never told", E::TYPE);
            self.hear_all().await;
        }
    }

    /// Waits for the service to tell an event of this kind about this order.
    pub(crate) async fn hear<E: Event>(&mut self, order: &str) -> E {
        let order: OrderId = order.parse().unwrap();
        let deadline = tokio::time::Instant::now() + DEADLINE;
        loop {
            let found = self
                .backlog
                .iter()
                .position(|event| event.event_type == E::TYPE && event.aggregate == order.as_uuid());
            if let Some(index) = found {
                return E::decode(self.backlog.remove(index).payload.as_slice()).unwrap();
            }
            let told: Vec<_> = self.backlog.iter().map(|event| event.event_type.as_str()).collect();
            assert!(tokio::time::Instant::now() < deadline, "{} was never told, but {told:?}", E::TYPE);
            self.hear_all().await;
        }
    }

    /// Waits until an order satisfies `wanted`.
    pub(crate) async fn until(&self, id: &str, wanted: impl Fn(&order::Order) -> bool) -> order::Order {
        let deadline = tokio::time::Instant::now() + DEADLINE;
        loop {
            let order = self.get(id).await;
            // Read twice: a read beside a commit may see some of its tables before it and some after.
            if wanted(&order) && self.get(id).await == order {
                return order;
            }
            assert!(tokio::time::Instant::now() < deadline, "{order:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What inventory says when it has reserved all units of an attempt at the location.
    pub(crate) fn reserved(&self, asked: &order::SourcingRequested) -> inventory::Reserved {
        let plan_id: PlanId = derive(
            asked.order_id.parse::<OrderId>().unwrap().as_uuid(),
            "plan",
            asked.attempt.unsigned_abs().into(),
        );
        let reservation_id: ReservationId = derive(plan_id.as_uuid(), "reservation", 0);
        inventory::Reserved {
            reservation_id: reservation_id.to_string(),
            plan: Some(routing::Planned {
                order_id: asked.order_id.clone(),
                revision: asked.revision,
                attempt: asked.attempt,
                plan_id: plan_id.to_string(),
                assignments: vec![routing::Assignment {
                    location_id: self.location.to_string(),
                    group: "ship:standard:ambient".to_owned(),
                    kind: FulfilmentKind::Ship.into(),
                    units: asked.units.clone(),
                    ship_date: "2026-11-23".to_owned(),
                    promised_date: "2026-11-25".to_owned(),
                    cost_minor: 700,
                }],
                cost_minor: 700,
                ..routing::Planned::default()
            }),
        }
    }

    /// Answers an attempt with a reservation for all its units.
    pub(crate) async fn reserve(&mut self, order: &str) -> order::FulfilmentRequested {
        let asked: order::SourcingRequested = self.hear(order).await;
        let id: OrderId = order.parse().unwrap();
        self.tell(self.tenant, id, &self.reserved(&asked)).await;
        self.hear(order).await
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
    pub(crate) async fn stop(mut self) {
        self.verify().await;
        self.shutdown.cancel();
        self.running.take().unwrap().await.unwrap().unwrap();
    }
}

fn parse(config: &str) -> <OrderService as ServiceDefinition>::Config {
    let loader = Loader::new("order", OrderService::DEFAULTS).unwrap();
    loader.toml("the test", config).unwrap().load().unwrap()
}

async fn new_database(server: &str, ids: &IdGenerator) -> String {
    let name = format!("qm_test_{}", ids.next::<EventId>().as_uuid().simple());
    let admin = Database::open(server, &DatabaseOptions::default()).await.unwrap();
    admin.execute_schema_change(&format!("CREATE DATABASE {name}")).await.unwrap();
    let (base, _) = server.rsplit_once('/').unwrap();
    format!("{base}/{name}")
}

pub(crate) fn new_order(quantity: i64) -> NewOrder {
    NewOrder {
        channel: "web".to_owned(),
        currency: "USD".to_owned(),
        customer: Some(order::Customer { email: "Ada@Example.com".to_owned(), ..order::Customer::default() }),
        ship_to: Some(Address {
            line1: "1 Main St".to_owned(),
            city: "Raleigh".to_owned(),
            country: "US".to_owned(),
            ..Address::default()
        }),
        fulfilment_kind: FulfilmentKind::Ship.into(),
        service_level: "standard".to_owned(),
        lines: vec![NewLine {
            sku: "SKU".to_owned(),
            quantity,
            unit_price: "1.25".to_owned(),
            ..NewLine::default()
        }],
        total_minor: quantity * 125,
        ..NewOrder::default()
    }
}

pub(crate) fn buckets(order: &order::Order) -> Vec<(String, i64)> {
    let mut counts: std::collections::BTreeMap<String, i64> = <_>::default();
    for piece in order.lines.iter().flat_map(|line| &line.pieces) {
        *counts.entry(piece.bucket.clone()).or_default() += piece.quantity;
    }
    counts.into_iter().collect()
}

pub(crate) fn is_all(order: &order::Order, bucket: &str) -> bool {
    order.lines.iter().flat_map(|line| &line.pieces).all(|piece| piece.bucket == bucket)
}

pub(crate) fn units(order: &order::Order, quantity: i64) -> Vec<LineUnits> {
    let line = &order.lines[0];
    vec![LineUnits { line_id: line.id.clone(), item_id: line.item_id.clone(), quantity }]
}
