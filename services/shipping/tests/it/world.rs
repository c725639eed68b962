//! A running shipping service, and what others would send it.

use std::{sync::Arc, time::Duration};

use qm_clock::{Clock as _, ManualClock, SeededEntropy, SharedClock, SharedEntropy};
use qm_database::{Database, DatabaseOptions};
use qm_ids::{EventId, FulfilmentId, Id, IdGenerator, ItemId, LineId, LocationId, OrderId, TenantId};
use qm_messaging::{
    Envelope,
    bus::{self, ConsumerSpec, SharedBus, StreamSpec, Subscription},
};
use qm_proto::{
    events::{Event, STREAMS, stream_of},
    inventory::v1 as inventory,
    operations::v1::{self as operations, Fact, operations_service_client::OperationsServiceClient},
    order::v1 as order,
    shipping::v1::{self as shipping, shipping_service_client::ShippingServiceClient},
    types::v1::{Actor, Address, FulfilmentKind, Idempotency, LineUnits},
};
use qm_runtime::{
    Deps, Host, Peers, RunError, ServiceDefinition,
    config::{Loader, ServiceConfig as _},
    grpc::{GrpcChannel, ServedRoutes, with_tenant},
};
use qm_shipping::{Migrator, ShippingService};
use qm_telemetry::metrics::Metrics;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

const DEADLINE: Duration = Duration::from_secs(20);
/// Small: a server sets a stream's bytes aside, and every test has streams of its own.
const STREAM_BYTES: u64 = 4 << 20;

pub(crate) struct World {
    pub(crate) client: ShippingServiceClient<GrpcChannel>,
    operations: OperationsServiceClient<GrpcChannel>,
    bus: SharedBus,
    pub(crate) ids: IdGenerator,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) tenant: TenantId,
    pub(crate) other_tenant: TenantId,
    pub(crate) item: ItemId,
    pub(crate) location: LocationId,
    heard: Box<dyn Subscription>,
    backlog: Vec<Envelope>,
    shutdown: CancellationToken,
    running: Option<tokio::task::JoinHandle<Result<(), RunError>>>,
    _folder: tempfile::TempDir,
}

/// The worlds to test in: SQLite and the bus in this process, and servers where the environment names servers.
pub(crate) async fn worlds() -> Vec<World> {
    worlds_reporting_to("").await
}

/// The same, with simulated carriers that send their messages to `url`.
pub(crate) async fn worlds_reporting_to(url: &str) -> Vec<World> {
    let mut worlds = vec![world_reporting_to(url).await];
    if let Ok(postgres) = std::env::var("QM_TEST_POSTGRES_URL") {
        worlds.push(World::start(Some(postgres), std::env::var("QM_TEST_NATS_URL").ok(), url).await);
    }
    worlds
}

/// One such world, in this process alone.
pub(crate) async fn world_reporting_to(url: &str) -> World {
    World::start(None, None, url).await
}

impl World {
    async fn start(postgres: Option<String>, nats: Option<String>, webhook_url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(qm_clock::SystemClock.now()));
        let entropy: SharedEntropy = match postgres {
            Some(_) => Arc::new(qm_clock::SystemEntropy),
            None => Arc::new(SeededEntropy::new(7)),
        };
        let shared: SharedClock = clock.clone();
        let ids = IdGenerator::new(shared.clone(), entropy.clone());
        let file = |name: &str| format!("sqlite://{}", folder.path().join(name).display());
        let database_url = match postgres {
            None => file("shipping.sqlite"),
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
             [grpc]\nlisten = \"\"\n[admin]\nlisten = \"\"\n[simulated_carrier]\nattempted_per_mille = 0\n\
             delayed_per_mille = 0\nwebhook_url = {webhook_url:?}\n"
        );
        let config: <ShippingService as ServiceDefinition>::Config =
            Loader::new("shipping", ShippingService::DEFAULTS)
                .unwrap()
                .toml("the test", &text)
                .unwrap()
                .load()
                .unwrap();
        let metrics = Metrics::new("shipping");
        let host = Host::bind(&config.host(), metrics.clone()).unwrap();
        let deps = Deps {
            clock: shared,
            ids: ids.clone(),
            entropy,
            database,
            bus: bus.clone(),
            peers: Peers::new(),
            metrics: metrics.clone(),
        };
        let assembly = ShippingService::build(config, deps).await.unwrap();
        let channel =
            GrpcChannel::in_process("shipping", ServedRoutes::new(assembly.routes(), metrics, 1_024));
        let shutdown = CancellationToken::new();
        let running = Some(tokio::spawn(host.run([assembly], shutdown.clone())));
        let heard = bus
            .subscribe(&ConsumerSpec {
                stream: "QM_SHIPPING".to_owned(),
                name: "test".to_owned(),
                filter: "qm.>".to_owned(),
                ack_wait: Duration::from_secs(30),
                max_in_flight: 1_000,
            })
            .await
            .unwrap();
        let world = Self {
            client: ShippingServiceClient::new(channel.clone()),
            operations: OperationsServiceClient::new(channel),
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
            running,
            _folder: folder,
        };
        world.describe().await;
        world
    }

    /// Tells of the item, an older version of it last, and of the location.
    async fn describe(&self) {
        for (version, weight_grams) in [(2, 400), (1, 9)] {
            let item = inventory::Item {
                id: self.item.to_string(),
                sku: "SKU".to_owned(),
                weight_grams,
                version,
                ..inventory::Item::default()
            };
            self.tell(self.tenant, self.item, &inventory::ItemChanged { item: Some(item) }).await;
        }
        let location = inventory::Location {
            id: self.location.to_string(),
            code: "DC01".to_owned(),
            address: Some(Address { country: "US".to_owned(), ..Address::default() }),
            version: 1,
            ..inventory::Location::default()
        };
        let changed = inventory::LocationChanged { location: Some(location) };
        self.tell(self.tenant, self.location, &changed).await;
    }

    /// Publishes an event as another service would.
    pub(crate) async fn tell<E: Event>(&self, tenant: TenantId, aggregate: impl Id, payload: &E) {
        let message = Envelope {
            event_id: self.ids.next(),
            tenant,
            event_type: E::TYPE.to_owned(),
            source: stream_of(E::TYPE).unwrap().source.to_owned(),
            aggregate: aggregate.as_uuid(),
            occurred_at: self.clock.now(),
            trace: None,
            payload: payload.encode_to_vec(),
        }
        .into_message();
        for result in self.bus.publish(&[message]).await {
            result.unwrap();
        }
    }

    /// Work that order could ask for.
    pub(crate) fn work(&self, kind: FulfilmentKind, quantities: &[i64]) -> order::FulfilmentRequested {
        let units = quantities.iter().map(|quantity| LineUnits {
            line_id: self.ids.next::<LineId>().to_string(),
            item_id: self.item.to_string(),
            quantity: *quantity,
        });
        order::FulfilmentRequested {
            order_id: self.ids.next::<OrderId>().to_string(),
            revision: 3,
            fulfilment_id: self.ids.next::<FulfilmentId>().to_string(),
            plan_id: self.ids.next::<qm_ids::PlanId>().to_string(),
            reservation_id: self.ids.next::<qm_ids::ReservationId>().to_string(),
            location_id: self.location.to_string(),
            group: "g".to_owned(),
            kind: kind.into(),
            service_level: "standard".to_owned(),
            units: units.collect(),
            ship_by: "2026-11-24".to_owned(),
            promise_by: String::new(),
            order_number: 1_001,
        }
    }

    pub(crate) async fn ask(&self, work: &order::FulfilmentRequested) {
        self.tell(self.tenant, work.order_id.parse::<OrderId>().unwrap(), work).await;
    }

    pub(crate) async fn recall(&self, work: &order::FulfilmentRequested) {
        let recall = order::RecallRequested {
            order_id: work.order_id.clone(),
            revision: 4,
            fulfilment_id: work.fulfilment_id.clone(),
            reason: "changed my mind".to_owned(),
        };
        self.tell(self.tenant, work.order_id.parse::<OrderId>().unwrap(), &recall).await;
    }

    /// Asks for work and waits until it is on the list.
    pub(crate) async fn requested(
        &mut self,
        kind: FulfilmentKind,
        quantities: &[i64],
    ) -> order::FulfilmentRequested {
        let work = self.work(kind, quantities);
        self.ask(&work).await;
        let _: shipping::FulfilmentOpened = self.hear(&work.fulfilment_id).await;
        work
    }

    /// The same, accepted, packed in one box and labelled.
    pub(crate) async fn labelled(&mut self, quantities: &[i64]) -> shipping::Fulfilment {
        let work = self.requested(FulfilmentKind::Ship, quantities).await;
        self.accept(&work.fulfilment_id).await.unwrap();
        self.pack(&work.fulfilment_id, vec![]).await.unwrap();
        self.label(&work.fulfilment_id, "").await.unwrap()
    }

    pub(crate) fn action(&self, id: &str, key: &str) -> Option<shipping::FulfilmentAction> {
        Some(shipping::FulfilmentAction {
            fulfilment_id: id.to_owned(),
            actor: Some(Actor { kind: "user".to_owned(), id: "u1".to_owned() }),
            idempotency: Some(Idempotency { key: key.to_owned(), body_hash: vec![7; 32] }),
            expected_version: 0,
        })
    }

    pub(crate) async fn accept(&self, id: &str) -> Result<shipping::Fulfilment, Status> {
        let request = shipping::AcceptFulfilmentRequest { action: self.action(id, "") };
        let answer = self.client.clone().accept_fulfilment(with_tenant(request, self.tenant)).await?;
        Ok(answer.into_inner().fulfilment.unwrap())
    }

    pub(crate) async fn pack(
        &self,
        id: &str,
        parcels: Vec<shipping::NewParcel>,
    ) -> Result<shipping::Fulfilment, Status> {
        let request = shipping::PackFulfilmentRequest { action: self.action(id, ""), parcels };
        let answer = self.client.clone().pack_fulfilment(with_tenant(request, self.tenant)).await?;
        Ok(answer.into_inner().fulfilment.unwrap())
    }

    pub(crate) async fn label(&self, id: &str, key: &str) -> Result<shipping::Fulfilment, Status> {
        let request = shipping::LabelFulfilmentRequest { action: self.action(id, key) };
        let answer = self.client.clone().label_fulfilment(with_tenant(request, self.tenant)).await?;
        Ok(answer.into_inner().fulfilment.unwrap())
    }

    pub(crate) async fn hand_over(&self, id: &str) -> Result<shipping::Fulfilment, Status> {
        let request = shipping::HandOverFulfilmentRequest { action: self.action(id, "") };
        let answer = self.client.clone().hand_over_fulfilment(with_tenant(request, self.tenant)).await?;
        Ok(answer.into_inner().fulfilment.unwrap())
    }

    pub(crate) async fn reject(
        &self,
        id: &str,
        units: Vec<LineUnits>,
        reason: shipping::RejectReason,
    ) -> Result<shipping::Fulfilment, Status> {
        let request = shipping::RejectFulfilmentRequest {
            action: self.action(id, ""),
            units,
            reason: reason.into(),
            note: "not on the shelf".to_owned(),
        };
        let answer = self.client.clone().reject_fulfilment(with_tenant(request, self.tenant)).await?;
        Ok(answer.into_inner().fulfilment.unwrap())
    }

    pub(crate) async fn get(&self, id: &str) -> shipping::Fulfilment {
        let request = shipping::GetFulfilmentRequest { fulfilment_id: id.to_owned() };
        let answer = self.client.clone().get_fulfilment(with_tenant(request, self.tenant)).await;
        answer.unwrap().into_inner().fulfilment.unwrap()
    }

    async fn hear_more(&mut self) {
        let deliveries = self.heard.fetch(500, Duration::from_millis(50)).await.unwrap();
        let tokens: Vec<_> = deliveries.iter().map(|delivery| delivery.token.clone()).collect();
        self.heard.ack(&tokens).await.unwrap();
        self.backlog
            .extend(deliveries.iter().map(|delivery| Envelope::from_message(&delivery.message).unwrap()));
    }

    /// Waits for an event of this kind about this fulfilment.
    pub(crate) async fn hear<E: Event>(&mut self, fulfilment: &str) -> E {
        let id: FulfilmentId = fulfilment.parse().unwrap();
        self.hear_of(E::TYPE, id.as_uuid()).await
    }

    /// Waits for a shipment to be told to stand here.
    pub(crate) async fn hear_shipment(&mut self, id: &str, status: &str) -> shipping::ShipmentChanged {
        let id: qm_ids::ShipmentId = id.parse().unwrap();
        self.hear_of(&format!("shipment.{status}"), id.as_uuid()).await
    }

    async fn hear_of<E: Event>(&mut self, event_type: &str, aggregate: qm_ids::Uuid) -> E {
        let deadline = tokio::time::Instant::now() + DEADLINE;
        loop {
            let found = self
                .backlog
                .iter()
                .position(|event| event.event_type == event_type && event.aggregate == aggregate);
            if let Some(index) = found {
                return E::decode(self.backlog.remove(index).payload.as_slice()).unwrap();
            }
            let told: Vec<_> = self.backlog.iter().map(|event| event.event_type.as_str()).collect();
            assert!(tokio::time::Instant::now() < deadline, "{event_type} was never told, but {told:?}");
            self.hear_more().await;
        }
    }

    /// Types of what was told about a fulfilment and not heard yet, once everything is told.
    pub(crate) async fn unheard(&mut self, fulfilment: &str) -> Vec<String> {
        let id: FulfilmentId = fulfilment.parse().unwrap();
        self.settle().await;
        self.hear_more().await;
        let of_it = self.backlog.iter().filter(|event| event.aggregate == id.as_uuid());
        of_it.map(|event| event.event_type.clone()).collect()
    }

    /// Waits until nothing is in flight.
    pub(crate) async fn settle(&self) {
        let deadline = tokio::time::Instant::now() + DEADLINE;
        loop {
            let request = operations::GetBacklogRequest {};
            let backlog = self.operations.clone().get_backlog(request).await.unwrap().into_inner();
            if backlog.outbox + backlog.unconsumed + backlog.jobs_due == 0 {
                assert_eq!(backlog.dead_letters, 0);
                return;
            }
            assert!(tokio::time::Instant::now() < deadline, "{backlog:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What the service says is waiting to be done now.
    pub(crate) async fn jobs_due(&self) -> u64 {
        let request = operations::GetBacklogRequest {};
        let backlog = self.operations.clone().get_backlog(request).await.unwrap().into_inner();
        backlog.jobs_due.try_into().unwrap()
    }

    pub(crate) async fn facts(&self, set: &str) -> Vec<Fact> {
        let mut facts: Vec<Fact> = Vec::new();
        loop {
            let request = operations::ListFactsRequest {
                set: set.to_owned(),
                after_key: facts.last().map(|fact| fact.key.clone()).unwrap_or_default(),
                limit: 1,
            };
            let page = self.operations.clone().list_facts(request).await.unwrap().into_inner();
            facts.extend(page.facts);
            if page.done {
                assert!(facts.windows(2).all(|pair| pair[0].key < pair[1].key), "{facts:?}");
                return facts;
            }
        }
    }

    /// Checks the service's laws, stops it and checks that it ended well.
    pub(crate) async fn stop(mut self) {
        self.settle().await;
        let request = operations::CheckLawsRequest::default();
        let laws = self.operations.clone().check_laws(request).await.unwrap().into_inner().laws;
        assert_eq!(laws.len(), 2);
        for law in laws {
            assert_eq!(law.violations, 0, "{law:?}");
        }
        self.shutdown.cancel();
        self.running.take().unwrap().await.unwrap().unwrap();
    }
}

async fn new_database(server: &str, ids: &IdGenerator) -> String {
    let name = format!("qm_test_{}", ids.next::<EventId>().as_uuid().simple());
    let admin = Database::open(server, &DatabaseOptions::default()).await.unwrap();
    admin.execute_schema_change(&format!("CREATE DATABASE {name}")).await.unwrap();
    let (base, _) = server.rsplit_once('/').unwrap();
    format!("{base}/{name}")
}

pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + DEADLINE;
    while !holds().await {
        assert!(tokio::time::Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) fn code(refused: &Result<shipping::Fulfilment, Status>) -> Code {
    refused.as_ref().map_or_else(Status::code, |_| Code::Ok)
}
