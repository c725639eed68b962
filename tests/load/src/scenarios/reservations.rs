//! Everybody wants the same thing, and inventory alone decides: it hears plans as routing tells them, claims, and tells what
//! it claimed. No other service may run on the same servers, since these plans are of orders that do not exist.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use prost::Message as _;
use qm_clock::{SharedClock, SystemClock, SystemEntropy};
use qm_ids::{EventId, IdGenerator, LineId, OrderId, PlanId, TenantId, Uuid, derive};
use qm_messaging::{
    Envelope,
    bus::{self, Bundling, Bus as _, ConsumerSpec, Message, StreamSpec, Subscription},
};
use qm_proto::{
    events::{Event as _, STREAMS},
    inventory::v1::{self as inventory, inventory_service_client::InventoryServiceClient},
    operations::v1::{CheckLawsRequest, operations_service_client::OperationsServiceClient},
    routing::v1 as routing,
    types::v1::{Idempotency, LineUnits},
};
use qm_runtime::{
    BuildError,
    grpc::{GrpcChannel, with_tenant},
};

use crate::{
    callers::Served,
    processes::Processes,
    report::{Latency, Report, micros},
};

/// Plans that wait for their answer at a time: each is told when another was answered.
const CALLERS: [usize; 3] = [32, 256, 2_048];
/// Units that there are: more than can be asked for.
const UNITS: i64 = 1_000_000_000;
/// As much as a service sets aside for its stream unless told.
const STREAM_BYTES: u64 = 1 << 30;
/// Plans that are told at once at most.
const TOLD_AT_ONCE: usize = 500;
/// How long an answer may take before it counts as lost.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where the service is.
#[derive(Debug)]
pub struct Inventory {
    /// Its gRPC, `http://HOST:PORT`.
    pub url: String,
    /// The bus that it listens to.
    pub bus: String,
}

impl Inventory {
    /// What `scripts/up` says of it.
    pub fn of_environment() -> Result<Self, BuildError> {
        let value = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set"));
        Ok(Self { url: value("QM_INVENTORY_URL")?, bus: value("QM_INVENTORY__BUS__URL")? })
    }
}

/// Lets inventory claim units of one item for some time, by ever more callers, and checks its books.
pub async fn reservations(
    service: &Inventory,
    processes: &Processes,
    seconds: u64,
    report: &mut Report,
) -> Result<(), BuildError> {
    let mut stage = Stage::set_up(service).await?;
    for callers in CALLERS {
        report.served.push(stage.claim(callers, Duration::from_secs(seconds), processes).await?);
    }
    stage.check(CALLERS.len(), report).await
}

struct Stage {
    bus: Bundling,
    answers: Box<dyn Subscription>,
    channel: GrpcChannel,
    clock: SharedClock,
    ids: IdGenerator,
    tenant: TenantId,
    item: String,
    location: String,
}

impl Stage {
    /// An item of which there is enough, at one location.
    async fn set_up(service: &Inventory) -> Result<Self, BuildError> {
        let clock: SharedClock = Arc::new(SystemClock);
        let ids = IdGenerator::new(Arc::clone(&clock), Arc::new(SystemEntropy));
        let bus = Bundling::new(bus::open(&service.bus, Arc::clone(&clock)).await?);
        for stream in STREAMS {
            let subject = |subject: &&str| Envelope::subject(&format!("{subject}.>"));
            bus.declare_stream(&StreamSpec {
                name: stream.name.to_owned(),
                subjects: stream.subjects.iter().map(subject).collect(),
                max_bytes: STREAM_BYTES,
                replicas: 1,
            })
            .await?;
        }
        let channel =
            GrpcChannel::connect_lazy(&service.url, Duration::from_secs(10), Duration::from_secs(5))?;
        let tenant: TenantId = ids.next();
        let (item, location) = stock(&channel, tenant).await?;
        let answers = bus
            .subscribe(&ConsumerSpec {
                stream: "QM_INVENTORY".to_owned(),
                name: format!("load-{}", ids.next::<EventId>().as_uuid().simple()),
                filter: Envelope::subject(inventory::Reserved::TYPE),
                ack_wait: PATIENCE,
                max_in_flight: 10_000,
            })
            .await?;
        Ok(Self { bus, answers, channel, clock, ids, tenant, item, location })
    }

    /// Keeps so many plans waiting for their answer, until the time is over.
    async fn claim(
        &mut self,
        callers: usize,
        lasting: Duration,
        processes: &Processes,
    ) -> Result<Served, BuildError> {
        let mut waiting: HashMap<Uuid, Instant> = HashMap::with_capacity(callers);
        let mut latencies = Vec::new();
        let before = processes.usage()?;
        let started = Instant::now();
        let mut answered = started;
        loop {
            if started.elapsed() < lasting {
                let missing = callers.saturating_sub(waiting.len()).min(TOLD_AT_ONCE);
                self.tell(missing, &mut waiting).await?;
            }
            if waiting.is_empty() {
                break;
            }
            let heard = self.hear().await?;
            let waited = heard.iter().filter_map(|order| waiting.remove(order));
            let before = latencies.len();
            latencies.extend(waited.map(|since| micros(since.elapsed())));
            if latencies.len() > before {
                answered = Instant::now();
            } else if answered.elapsed() > PATIENCE {
                let left = waiting.len();
                return Err(format!("{left} of {callers} plans were not answered in {PATIENCE:?}").into());
            }
        }
        let seconds = started.elapsed().as_secs_f64();
        let cpu = processes.usage()?.since(&before);
        let count = latencies.len();
        let each = |(name, used): (String, f64)| (name, used * 1e3 / count.max(1) as f64);
        let served = Served {
            name: "reservations of one item".to_owned(),
            callers,
            per_second: count as f64 / seconds,
            latency: Latency::of(latencies),
            cpu_ms_per_request: cpu.into_iter().map(each).collect(),
            failures: BTreeMap::new(),
        };
        eprintln!("{}", served.line());
        Ok(served)
    }

    /// Tells new plans, of one unit each.
    async fn tell(&self, count: usize, waiting: &mut HashMap<Uuid, Instant>) -> Result<(), BuildError> {
        let mut messages = Vec::with_capacity(count);
        for _ in 0..count {
            let (order, message) = self.plan();
            waiting.insert(order, Instant::now());
            messages.push(message);
        }
        for told in self.bus.publish(&messages).await {
            told?;
        }
        Ok(())
    }

    fn plan(&self) -> (Uuid, Message) {
        let order: OrderId = self.ids.next();
        let plan: PlanId = derive(order.as_uuid(), "plan", 1);
        let planned = routing::Planned {
            order_id: order.to_string(),
            attempt: 1,
            plan_id: plan.to_string(),
            assignments: vec![routing::Assignment {
                location_id: self.location.clone(),
                group: "ship:standard:ambient".to_owned(),
                units: vec![LineUnits {
                    line_id: self.ids.next::<LineId>().to_string(),
                    item_id: self.item.clone(),
                    quantity: 1,
                }],
                ..routing::Assignment::default()
            }],
            ..routing::Planned::default()
        };
        let envelope = Envelope {
            event_id: self.ids.next(),
            tenant: self.tenant,
            event_type: routing::Planned::TYPE.to_owned(),
            source: "routing".to_owned(),
            aggregate: order.as_uuid(),
            occurred_at: self.clock.now(),
            trace: None,
            payload: planned.encode_to_vec(),
        };
        (order.as_uuid(), envelope.into_message())
    }

    /// The orders for which units were claimed since it was last asked.
    async fn hear(&mut self) -> Result<Vec<Uuid>, BuildError> {
        let deliveries = self.answers.fetch(1_000, Duration::from_secs(1)).await?;
        let mut orders = Vec::with_capacity(deliveries.len());
        for delivery in &deliveries {
            orders.push(Envelope::from_message(&delivery.message)?.aggregate);
        }
        let tokens: Vec<_> = deliveries.into_iter().map(|delivery| delivery.token).collect();
        self.answers.ack(&tokens).await?;
        Ok(orders)
    }

    /// The service's own laws, and that as many units are allocated as were claimed.
    async fn check(&self, runs: usize, report: &Report) -> Result<(), BuildError> {
        let laws = OperationsServiceClient::new(self.channel.clone())
            .check_laws(CheckLawsRequest { tenant_id: self.tenant.to_string() })
            .await?
            .into_inner()
            .laws;
        if let Some(broken) = laws.iter().find(|law| law.violations > 0) {
            return Err(format!("inventory broke a law: {broken:?}").into());
        }
        let request = with_tenant(inventory::ListStockRequest::default(), self.tenant);
        let rows =
            InventoryServiceClient::new(self.channel.clone()).list_stock(request).await?.into_inner().rows;
        let allocated: i64 = rows.iter().map(|row| row.allocated).sum();
        let claimed: usize = report.served.iter().rev().take(runs).map(|served| served.latency.count).sum();
        if usize::try_from(allocated) != Ok(claimed) {
            return Err(format!("{claimed} units were claimed, but {allocated} are allocated").into());
        }
        Ok(())
    }
}

/// Ids of a new item and of the location that has it.
async fn stock(channel: &GrpcChannel, tenant: TenantId) -> Result<(String, String), BuildError> {
    let mut client = InventoryServiceClient::new(channel.clone());
    let (sku, code) = ("HOT", "DC01");
    let item =
        inventory::Item { sku: sku.to_owned(), name: "Hot item".to_owned(), ..inventory::Item::default() };
    client.put_items(with_tenant(inventory::PutItemsRequest { items: vec![item] }, tenant)).await?;
    let location = inventory::Location {
        code: code.to_owned(),
        kind: "distribution_centre".to_owned(),
        time_zone: "America/New_York".to_owned(),
        cutoff_local: "14:00".to_owned(),
        can_ship: true,
        storage_classes: vec!["ambient".to_owned()],
        active: true,
        ..inventory::Location::default()
    };
    let request = inventory::PutLocationsRequest { locations: vec![location] };
    client.put_locations(with_tenant(request, tenant)).await?;
    let movement = inventory::NewMovement {
        sku: sku.to_owned(),
        location_code: code.to_owned(),
        kind: inventory::MovementKind::Receive.into(),
        quantity: UNITS,
        reason: "opening stock".to_owned(),
        ..inventory::NewMovement::default()
    };
    let request = inventory::RecordMovementsRequest {
        movements: vec![movement],
        actor: None,
        idempotency: Some(Idempotency { key: "opening-stock".to_owned(), body_hash: vec![0; 32] }),
    };
    let rows = client.record_movements(with_tenant(request, tenant)).await?.into_inner().rows;
    let row = rows.into_iter().next().ok_or("the stock was not recorded")?;
    Ok((row.item_id, row.location_id))
}
