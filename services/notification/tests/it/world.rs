//! Running notification services, with an order service that knows every order.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use qm_clock::{Clock as _, ManualClock, SharedClock, SharedEntropy, SystemClock, SystemEntropy};
use qm_database::{Database, DatabaseOptions};
use qm_ids::{EventId, IdGenerator, OrderId, TenantId};
use qm_messaging::{
    Envelope,
    bus::{self, SharedBus, StreamSpec},
};
use qm_notification::{Migrator, NotificationService};
use qm_proto::{
    events::{Event, STREAMS, stream_of},
    notification::v1::notification_service_client::NotificationServiceClient,
    operations::v1::{GetBacklogRequest, operations_service_client::OperationsServiceClient},
    order::v1::{self as order, order_service_server::OrderServiceServer},
};
use qm_runtime::{
    Deps, Host, Peers, ServiceDefinition,
    config::{Loader, ServiceConfig as _},
    grpc::{GrpcChannel, ServedRoutes},
};
use qm_telemetry::metrics::Metrics;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, service::Routes};

const DEADLINE: Duration = Duration::from_secs(20);
/// Small: a server sets a stream's bytes aside, and every test has streams of its own.
const STREAM_BYTES: u64 = 4 << 20;

type Running = tokio::task::JoinHandle<Result<(), qm_runtime::RunError>>;

pub(crate) struct World {
    pub(crate) client: NotificationServiceClient<GrpcChannel>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) tenant: TenantId,
    pub(crate) order: OrderId,
    pub(crate) mailbox: PathBuf,
    /// While false, the order service takes questions and does not answer.
    pub(crate) orders_answer: watch::Sender<bool>,
    /// Questions that the order service was asked.
    pub(crate) orders_asked: Arc<AtomicUsize>,
    operations: OperationsServiceClient<GrpcChannel>,
    bus: SharedBus,
    ids: IdGenerator,
    shutdown: CancellationToken,
    running: Option<Running>,
    deps: Deps,
    config: String,
    _folder: tempfile::TempDir,
}

/// The worlds to test in: SQLite and the bus in this process, and servers where the environment names servers.
pub(crate) async fn worlds(allow_private_addresses: bool) -> Vec<World> {
    let mut worlds = vec![World::start(None, allow_private_addresses).await];
    if let (Ok(database), Ok(bus)) =
        (std::env::var("QM_TEST_POSTGRES_URL"), std::env::var("QM_TEST_NATS_URL"))
    {
        worlds.push(World::start(Some((database, bus)), allow_private_addresses).await);
    }
    worlds
}

/// Knows every order, all alike.
#[derive(Clone)]
struct Orders {
    is_open: watch::Receiver<bool>,
    asked: Arc<AtomicUsize>,
}

fn unused<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("not in this test"))
}

#[tonic::async_trait]
impl order::order_service_server::OrderService for Orders {
    async fn batch_get_orders(
        &self,
        request: Request<order::BatchGetOrdersRequest>,
    ) -> Result<Response<order::BatchGetOrdersResponse>, Status> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.is_open.clone().wait_for(|is_open| *is_open).await.unwrap();
        let orders = request
            .into_inner()
            .keys
            .into_iter()
            .map(|key| order::TenantOrder {
                tenant_id: key.tenant_id,
                order: Some(order::Order {
                    id: key.order_id,
                    number: 100_001,
                    currency: "USD".to_owned(),
                    total_minor: 1_250,
                    customer: Some(order::Customer {
                        name: "Ada".to_owned(),
                        email: "ada@example.com".to_owned(),
                        ..order::Customer::default()
                    }),
                    ..order::Order::default()
                }),
            })
            .collect();
        Ok(Response::new(order::BatchGetOrdersResponse { orders }))
    }

    async fn place_orders(
        &self,
        _: Request<order::PlaceOrdersRequest>,
    ) -> Result<Response<order::PlaceOrdersResponse>, Status> {
        unused()
    }

    async fn get_order(
        &self,
        _: Request<order::GetOrderRequest>,
    ) -> Result<Response<order::GetOrderResponse>, Status> {
        unused()
    }

    async fn list_orders(
        &self,
        _: Request<order::ListOrdersRequest>,
    ) -> Result<Response<order::ListOrdersResponse>, Status> {
        unused()
    }

    async fn find_order(
        &self,
        _: Request<order::FindOrderRequest>,
    ) -> Result<Response<order::FindOrderResponse>, Status> {
        unused()
    }

    async fn cancel_order(
        &self,
        _: Request<order::CancelOrderRequest>,
    ) -> Result<Response<order::CancelOrderResponse>, Status> {
        unused()
    }

    async fn hold_order(
        &self,
        _: Request<order::HoldOrderRequest>,
    ) -> Result<Response<order::HoldOrderResponse>, Status> {
        unused()
    }

    async fn release_hold(
        &self,
        _: Request<order::ReleaseHoldRequest>,
    ) -> Result<Response<order::ReleaseHoldResponse>, Status> {
        unused()
    }

    async fn get_timeline(
        &self,
        _: Request<order::GetTimelineRequest>,
    ) -> Result<Response<order::GetTimelineResponse>, Status> {
        unused()
    }

    async fn get_summary(
        &self,
        _: Request<order::GetSummaryRequest>,
    ) -> Result<Response<order::GetSummaryResponse>, Status> {
        unused()
    }
}

impl World {
    async fn start(servers: Option<(String, String)>, allow_private_addresses: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        let (shared, entropy): (SharedClock, SharedEntropy) = (clock.clone(), Arc::new(SystemEntropy));
        let ids = IdGenerator::new(shared.clone(), entropy.clone());
        let (database_url, bus_url) = match servers {
            None => {
                let url = |name: &str| format!("sqlite://{}", folder.path().join(name).display());
                (url("notification.sqlite"), url("bus.sqlite"))
            }
            Some((postgres, nats)) => {
                let namespace = ids.next::<EventId>().as_uuid().simple().to_string();
                (new_database(&postgres, &ids).await, format!("{nats}/{namespace}"))
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
        let mailbox = folder.path().join("mailbox");
        let text = format!(
            "[database]\nurl = {database_url:?}\n[bus]\nurl = {bus_url:?}\nstream_max_bytes = {STREAM_BYTES}\n\
             [grpc]\nlisten = \"\"\n[admin]\nlisten = \"\"\n[mail]\nurl = \"mailbox://{}\"\n\
             [webhooks]\nallow_private_addresses = {allow_private_addresses}\n",
            mailbox.display()
        );
        let metrics = Metrics::new("notification");
        let (orders_answer, orders_asked) = (watch::Sender::new(true), Arc::new(AtomicUsize::new(0)));
        let orders = Orders { is_open: orders_answer.subscribe(), asked: orders_asked.clone() };
        let orders = ServedRoutes::new(Routes::new(OrderServiceServer::new(orders)), metrics.clone(), 100);
        let deps = Deps {
            clock: shared,
            ids: ids.clone(),
            entropy,
            database,
            bus: bus.clone(),
            peers: Peers::new().with("order", GrpcChannel::in_process("order", orders)),
            metrics,
        };
        let (channel, shutdown, running) = run(&text, &deps).await;
        Self {
            client: NotificationServiceClient::new(channel.clone()),
            operations: OperationsServiceClient::new(channel),
            orders_answer,
            orders_asked,
            clock,
            tenant: ids.next(),
            order: ids.next(),
            mailbox,
            bus,
            ids,
            shutdown,
            running: Some(running),
            deps,
            config: text,
            _folder: folder,
        }
    }

    /// Publishes an event about the order, as another service would. Returns its id.
    pub(crate) async fn tell<E: Event>(&self, event_type: &str, payload: &E) -> EventId {
        let event_id = self.ids.next();
        for _ in 0..2 {
            let message = Envelope {
                event_id,
                tenant: self.tenant,
                event_type: event_type.to_owned(),
                source: stream_of(event_type).unwrap().source.to_owned(),
                aggregate: self.order.as_uuid(),
                occurred_at: self.clock.now(),
                trace: None,
                payload: payload.encode_to_vec(),
            }
            .into_message();
            self.bus.publish(&[message]).await.remove(0).unwrap();
        }
        event_id
    }

    /// What the service says is waiting to be done now.
    pub(crate) async fn jobs_due(&self) -> u64 {
        let request = GetBacklogRequest::default();
        let backlog = self.operations.clone().get_backlog(request).await.unwrap().into_inner();
        backlog.jobs_due.try_into().unwrap()
    }

    pub(crate) fn mails(&self) -> Vec<String> {
        let Ok(folder) = std::fs::read_dir(&self.mailbox) else { return Vec::new() };
        let mails = folder.map(|entry| entry.unwrap().path());
        mails
            .filter(|path| path.extension().is_some_and(|extension| extension == "eml"))
            // Long lines are folded for the way; a reader unfolds them.
            .map(|path| std::fs::read_to_string(path).unwrap().replace("=\r\n", ""))
            .collect()
    }

    /// The process dies in the middle of what it does, and another one takes its place.
    pub(crate) async fn replace(&mut self) {
        self.running.take().unwrap().abort();
        let (channel, shutdown, running) = run(&self.config, &self.deps).await;
        self.client = NotificationServiceClient::new(channel.clone());
        self.operations = OperationsServiceClient::new(channel);
        (self.shutdown, self.running) = (shutdown, Some(running));
    }

    pub(crate) async fn stop(mut self) {
        self.shutdown.cancel();
        self.running.take().unwrap().await.unwrap().unwrap();
    }
}

/// A process of the service.
async fn run(config: &str, deps: &Deps) -> (GrpcChannel, CancellationToken, Running) {
    let loader = Loader::new("notification", NotificationService::DEFAULTS).unwrap();
    let config: <NotificationService as ServiceDefinition>::Config =
        loader.toml("the test", config).unwrap().load().unwrap();
    let metrics = Metrics::new("notification");
    let host = Host::bind(&config.host(), metrics.clone()).unwrap();
    let deps = Deps { metrics: metrics.clone(), ..deps.clone() };
    let assembly = NotificationService::build(config, deps).await.unwrap();
    let routes = ServedRoutes::new(assembly.routes(), metrics, 100);
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(host.run([assembly], shutdown.clone()));
    (GrpcChannel::in_process("notification", routes), shutdown, running)
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
