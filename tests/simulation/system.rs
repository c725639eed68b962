//! All services in this process on seeded seams, and what people do with them.

use std::{collections::BTreeMap, sync::Arc};

use qm_clock::{AcceleratedClock, Clock as _, SeededEntropy, SharedClock, SharedEntropy, SystemClock};
use qm_database::{Database, DatabaseOptions};
use qm_ids::{IdGenerator, TenantId};
use qm_messaging::bus::SharedBus;
use qm_proto::{
    inventory::v1::{self as inventory, inventory_service_client::InventoryServiceClient},
    order::v1::{self as order, Order, order_service_client::OrderServiceClient},
    shipping::v1::{self as shipping, shipping_service_client::ShippingServiceClient},
    types::v1::{Address, FulfilmentKind, GeoPoint, LineUnits, PageRequest},
};
use qm_runtime::{
    Assembly, Deps, Host, Peers, RunError, ServiceDefinition,
    config::{HostConfig, Loader, ServiceConfig as _},
    grpc::{GrpcChannel, LateBinding, ServedRoutes, with_tenant},
};
use qm_telemetry::metrics::Metrics;
use quartermaster::verify::Verifier;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tonic::Code;

use crate::chaos::{Chaos, Seen};

const SERVICES: [&str; 5] = ["order", "inventory", "routing", "shipping", "notification"];
/// What is sold.
pub(crate) const SKUS: [&str; 2] = ["mug", "tea"];
/// From where.
pub(crate) const LOCATIONS: [&str; 2] = ["NEAR", "FAR"];
/// How many times as fast as real time: what is overdue is asked again after a fraction of a second.
const SPEED: f64 = 20.0;

/// A running system.
pub(crate) struct System {
    pub(crate) verifier: Verifier,
    tenant: TenantId,
    channels: BTreeMap<&'static str, GrpcChannel>,
    chaos: Arc<Chaos>,
    shutdown: CancellationToken,
    running: tokio::task::JoinHandle<Result<(), RunError>>,
    _folder: TempDir,
}

/// Builds services one after another.
struct Builder {
    folder: TempDir,
    clock: SharedClock,
    entropy: SharedEntropy,
    ids: IdGenerator,
    bus: SharedBus,
    metrics: Metrics,
    channels: BTreeMap<&'static str, GrpcChannel>,
    unbound: BTreeMap<&'static str, LateBinding>,
    assemblies: Vec<Assembly>,
    host: Option<HostConfig>,
}

impl Builder {
    async fn add<S: ServiceDefinition>(&mut self) {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let url = format!("sqlite://{}", path(&format!("{}.db", S::NAME)));
        let mut text = format!(
            "[database]\nurl = {url:?}\n[bus]\nurl = \"sqlite://unused\"\n[grpc]\nlisten = \"\"\n[admin]\nlisten = \"\"\n"
        );
        text.push_str(&match S::NAME {
            "order" => "[saga]\nask_again_after_ms = 2000\n".to_owned(),
            "inventory" => "[holds]\nttl_ms = 10000\n".to_owned(),
            "shipping" => {
                "[simulated_carrier]\nin_transit_after_ms = 1000\nout_for_delivery_after_ms = 2000\n\
                 delivered_after_ms = 3000\n"
                    .to_owned()
            }
            "notification" => format!("[mail]\nurl = {:?}\n", format!("mailbox://{}", path("mailbox"))),
            _ => String::new(),
        });
        let loader = Loader::new(S::NAME, S::DEFAULTS).unwrap();
        let config: S::Config = loader.toml("the simulation", &text).unwrap().load().unwrap();
        let database = Database::open(&url, &DatabaseOptions::default()).await.unwrap();
        database.migrate::<S::Migrator>().await.unwrap();
        let host = config.host();
        let deps = Deps {
            clock: self.clock.clone(),
            ids: self.ids.clone(),
            entropy: self.entropy.clone(),
            database,
            bus: self.bus.clone(),
            peers: self
                .channels
                .iter()
                .fold(Peers::new(), |peers, (name, channel)| peers.with(name, channel.clone())),
            metrics: self.metrics.for_service(S::NAME),
        };
        let assembly = S::build(config, deps).await.unwrap();
        let routes = ServedRoutes::new(assembly.routes(), self.metrics.for_service(S::NAME), 1_024);
        self.unbound.remove(S::NAME).unwrap().bind(routes);
        self.assemblies.push(assembly);
        self.host.get_or_insert(host);
    }
}

impl System {
    /// All that chance decides, `seed` decides.
    pub(crate) async fn start(seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock: SharedClock = Arc::new(AcceleratedClock::new(SystemClock.now(), SPEED).unwrap());
        let entropy: SharedEntropy = Arc::new(SeededEntropy::new(seed));
        let ids = IdGenerator::new(clock.clone(), entropy.clone());
        let bus_url = format!("sqlite://{}", folder.path().join("bus.db").display());
        let bus = qm_messaging::bus::open(&bus_url, clock.clone()).await.unwrap();
        let chaos = Arc::new(Chaos::new(bus, seed, ids.clone()));
        let late: Vec<_> = SERVICES.iter().map(|name| (*name, GrpcChannel::late(name))).collect();
        let channels = late.iter().map(|(name, (channel, _))| (*name, channel.clone())).collect();
        let mut builder = Builder {
            folder,
            clock,
            entropy,
            bus: chaos.clone(),
            metrics: Metrics::new("simulation"),
            channels,
            unbound: late.into_iter().map(|(name, (_, binding))| (name, binding)).collect(),
            assemblies: Vec::new(),
            host: None,
            ids,
        };
        builder.add::<qm_order::OrderService>().await;
        builder.add::<qm_inventory::InventoryService>().await;
        builder.add::<qm_routing::RoutingService>().await;
        builder.add::<qm_shipping::ShippingService>().await;
        builder.add::<qm_notification::NotificationService>().await;
        let host = Host::bind(&builder.host.take().unwrap(), builder.metrics.clone()).unwrap();
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(host.run(builder.assemblies, shutdown.clone()));
        let system = Self {
            verifier: Verifier::new(builder.channels.clone()),
            tenant: builder.ids.next(),
            channels: builder.channels,
            chaos,
            shutdown,
            running,
            _folder: builder.folder,
        };
        system.open_shop().await;
        system
    }

    /// Ends it; panics unless it ends cleanly.
    pub(crate) async fn stop(self) -> Seen {
        self.shutdown.cancel();
        self.running.await.unwrap().unwrap();
        self.chaos.seen()
    }

    fn ask<T>(&self, message: T) -> tonic::Request<T> {
        with_tenant(tonic::Request::new(message), self.tenant)
    }

    fn inventory(&self) -> InventoryServiceClient<GrpcChannel> {
        InventoryServiceClient::new(self.channels["inventory"].clone())
    }

    fn order(&self) -> OrderServiceClient<GrpcChannel> {
        OrderServiceClient::new(self.channels["order"].clone())
    }

    fn shipping(&self) -> ShippingServiceClient<GrpcChannel> {
        ShippingServiceClient::new(self.channels["shipping"].clone())
    }

    async fn open_shop(&self) {
        let location = |code: &str, latitude: f64| inventory::Location {
            code: code.to_owned(),
            name: code.to_owned(),
            kind: "distribution_centre".to_owned(),
            address: Some(address(latitude)),
            time_zone: "UTC".to_owned(),
            cutoff_local: "23:59".to_owned(),
            can_ship: true,
            storage_classes: vec!["ambient".to_owned()],
            active: true,
            ..inventory::Location::default()
        };
        let locations = vec![location(LOCATIONS[0], 41.0), location(LOCATIONS[1], 30.0)];
        self.inventory().put_locations(self.ask(inventory::PutLocationsRequest { locations })).await.unwrap();
        let item = |sku: &str| inventory::Item {
            sku: sku.to_owned(),
            name: sku.to_owned(),
            weight_grams: 300,
            storage_class: "ambient".to_owned(),
            stock_policy: inventory::StockPolicy::Tracked.into(),
            ..inventory::Item::default()
        };
        let items = SKUS.map(item).to_vec();
        self.inventory().put_items(self.ask(inventory::PutItemsRequest { items })).await.unwrap();
    }

    /// Somebody reports about stock.
    pub(crate) async fn report(
        &self,
        kind: inventory::MovementKind,
        sku: &str,
        location: &str,
        quantity: i64,
    ) {
        let movement = inventory::NewMovement {
            sku: sku.to_owned(),
            location_code: location.to_owned(),
            kind: kind.into(),
            quantity,
            ..inventory::NewMovement::default()
        };
        let request = inventory::RecordMovementsRequest { movements: vec![movement], ..Default::default() };
        self.inventory().record_movements(self.ask(request)).await.unwrap();
    }

    /// Places an order; its id.
    pub(crate) async fn place(&self, lines: &[(&str, i64)], name: &str) -> String {
        let line = |(sku, quantity): &(&str, i64)| order::NewLine {
            sku: (*sku).to_owned(),
            quantity: *quantity,
            unit_price: "1.00".to_owned(),
            ..order::NewLine::default()
        };
        let new = order::NewOrder {
            channel: "web".to_owned(),
            external_id: name.to_owned(),
            currency: "USD".to_owned(),
            customer: Some(order::Customer {
                name: "Ada".to_owned(),
                email: format!("{name}@shop.example"),
                ..order::Customer::default()
            }),
            ship_to: Some(address(40.0)),
            fulfilment_kind: FulfilmentKind::Ship.into(),
            service_level: "standard".to_owned(),
            lines: lines.iter().map(line).collect(),
            total_minor: lines.iter().map(|(_, quantity)| 100 * quantity).sum(),
            ..order::NewOrder::default()
        };
        let request = order::PlaceOrdersRequest { orders: vec![new], ..Default::default() };
        let mut results = self.order().place_orders(self.ask(request)).await.unwrap().into_inner().results;
        match results.pop().unwrap().outcome.unwrap() {
            order::place_order_result::Outcome::Order(order) => order.id,
            order::place_order_result::Outcome::Refusal(refusal) => panic!("{refusal:?}"),
        }
    }

    pub(crate) async fn read(&self, id: &str) -> Order {
        let request = order::GetOrderRequest { order_id: id.to_owned() };
        self.order().get_order(self.ask(request)).await.unwrap().into_inner().order.unwrap()
    }

    /// What happened to an order and where its shipments are, for whoever asks why it does not come to rest.
    pub(crate) async fn story(&self, id: &str) -> Vec<String> {
        let request = order::GetTimelineRequest { order_id: id.to_owned() };
        let entries = self.order().get_timeline(self.ask(request)).await.unwrap().into_inner().entries;
        let request = shipping::ListShipmentsRequest { order_id: id.to_owned(), ..Default::default() };
        let shipments =
            self.shipping().list_shipments(self.ask(request)).await.unwrap().into_inner().shipments;
        let told = entries.into_iter().map(|it| format!("{} {}: {}", it.at, it.command, it.outcome));
        told.chain(shipments.into_iter().map(|it| format!("{} is {}, {:?}", it.id, it.status, it.events)))
            .collect()
    }

    /// Cancels what can be; a refusal is a parcel that was quicker.
    pub(crate) async fn cancel(&self, id: &str) {
        let request = order::CancelOrderRequest { order_id: id.to_owned(), ..Default::default() };
        may_refuse(self.order().cancel_order(self.ask(request)).await);
    }

    /// Keeps an order from the warehouses, or lets it go.
    pub(crate) async fn hold(&self, id: &str, is_held: bool) {
        let order_id = id.to_owned();
        if is_held {
            let kind = "manual".to_owned();
            let request = order::HoldOrderRequest { order_id, kind, ..Default::default() };
            may_refuse(self.order().hold_order(self.ask(request)).await);
        } else {
            let request = order::ReleaseHoldRequest { order_id, ..Default::default() };
            may_refuse(self.order().release_hold(self.ask(request)).await);
        }
    }

    /// The work that waits for a location's next step.
    pub(crate) async fn open_work(&self) -> Vec<shipping::Fulfilment> {
        let mut open = Vec::new();
        for status in ["requested", "accepted", "picking", "packed"] {
            let page = Some(PageRequest { limit: 200, ..PageRequest::default() });
            let request =
                shipping::ListFulfilmentsRequest { page, status: status.to_owned(), ..Default::default() };
            let found = self.shipping().list_fulfilments(self.ask(request)).await.unwrap().into_inner();
            open.extend(found.fulfilments);
        }
        open
    }

    /// The location takes the next step. A refusal is a recall that was quicker.
    pub(crate) async fn work_on(&self, fulfilment: &shipping::Fulfilment) {
        let action =
            Some(shipping::FulfilmentAction { fulfilment_id: fulfilment.id.clone(), ..Default::default() });
        let mut client = self.shipping();
        match fulfilment.status.as_str() {
            "requested" => may_refuse(
                client.accept_fulfilment(self.ask(shipping::AcceptFulfilmentRequest { action })).await,
            ),
            "accepted" => {
                may_refuse(client.start_picking(self.ask(shipping::StartPickingRequest { action })).await);
            }
            "picking" => {
                let request = shipping::PackFulfilmentRequest { action, parcels: Vec::new() };
                may_refuse(client.pack_fulfilment(self.ask(request)).await);
            }
            _ if fulfilment.shipments.is_empty() => {
                may_refuse(
                    client.label_fulfilment(self.ask(shipping::LabelFulfilmentRequest { action })).await,
                );
            }
            _ => may_refuse(
                client.hand_over_fulfilment(self.ask(shipping::HandOverFulfilmentRequest { action })).await,
            ),
        }
    }

    /// The location does not do all of it; no unit named means nothing of it.
    pub(crate) async fn reject(
        &self,
        fulfilment: &shipping::Fulfilment,
        units: Vec<LineUnits>,
        reason: shipping::RejectReason,
    ) {
        let action =
            Some(shipping::FulfilmentAction { fulfilment_id: fulfilment.id.clone(), ..Default::default() });
        let request =
            shipping::RejectFulfilmentRequest { action, units, reason: reason.into(), ..Default::default() };
        may_refuse(self.shipping().reject_fulfilment(self.ask(request)).await);
    }
}

/// Who came too late is told so; nothing else may go wrong.
fn may_refuse<T>(answer: Result<T, tonic::Status>) {
    if let Err(status) = answer {
        assert!([Code::FailedPrecondition, Code::Aborted].contains(&status.code()), "{status:?}");
    }
}

fn address(latitude: f64) -> Address {
    Address {
        name: "Ada".to_owned(),
        line1: "1 Main St".to_owned(),
        city: "Town".to_owned(),
        country: "US".to_owned(),
        point: Some(GeoPoint { latitude, longitude: -90.0 }),
        ..Address::default()
    }
}
