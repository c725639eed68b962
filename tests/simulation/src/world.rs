//! The services with their databases, and the ways between them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use http::{Request, Response};
use qm_clock::{ManualClock, SharedClock, SharedEntropy};
use qm_database::{Database, DatabaseOptions};
use qm_ids::IdGenerator;
use qm_inventory::InventoryService;
use qm_messaging::HandleError;
use qm_notification::NotificationService;
use qm_order::OrderService;
use qm_routing::RoutingService;
use qm_runtime::{
    Assembly, BuildError, Deps, Peers, ServiceDefinition, Worker,
    config::Loader,
    grpc::{GrpcChannel, ServedRoutes},
};
use qm_shipping::ShippingService;
use qm_telemetry::metrics::Metrics;
use tokio_util::sync::CancellationToken;
use tonic::{Status, body::Body};
use tower::Service;

use crate::{
    broker::{self, Broker, Connection},
    chance::{Chance, Fault},
    outside::{Moody, PostOffice},
    process::Process,
    tables,
};

/// The services, in the order in which they are started.
pub const SERVICES: [&str; 5] = ["order", "inventory", "routing", "shipping", "notification"];
/// Calls that a process answers at a time: more than a step makes.
const MAX_CALLS: usize = 1_024;

/// A process of a service.
struct Replica {
    process: Arc<Process>,
    workers: Vec<Worker>,
    routes: ServedRoutes,
}

type Replicas = BTreeMap<&'static str, Vec<Replica>>;

/// All services of a life.
pub struct World {
    /// Time.
    pub clock: Arc<ManualClock>,
    /// What chance decides.
    pub chance: Arc<Chance>,
    /// The bus.
    pub broker: Arc<Broker>,
    /// The mail server.
    pub post: Arc<PostOffice>,
    folder: PathBuf,
    replicas: Arc<Mutex<Replicas>>,
    /// Services that may have something to tell since their relay last had its turn.
    pub untold: BTreeSet<&'static str>,
    /// Whether databases go back to copies in this life.
    pub may_go_back: bool,
    /// Whose database was copied.
    pub copied: Option<&'static str>,
    /// Whose database went back to its copy.
    pub went_back: Option<&'static str>,
    /// Processes started so far.
    started: usize,
    stop: CancellationToken,
}

impl World {
    /// A world without processes at `now`, on the databases in `folder` and a bus that stands where `bus` says.
    pub fn new(folder: &Path, now: DateTime<Utc>, bus: broker::State) -> Self {
        let clock = Arc::new(ManualClock::new(now));
        let chance = Arc::new(Chance::default());
        let ids = IdGenerator::new(clock.clone(), chance.clone());
        let broker = Arc::new(Broker::new(bus, clock.clone(), chance.clone(), ids));
        let post = Arc::new(PostOffice::new(chance.clone()));
        let replicas = Arc::default();
        let stop = CancellationToken::new();
        Self {
            clock,
            chance,
            broker,
            post,
            folder: folder.to_owned(),
            replicas,
            untold: BTreeSet::new(),
            may_go_back: false,
            copied: None,
            went_back: None,
            started: 0,
            stop,
        }
    }

    /// Where a service's database is.
    pub fn file(&self, service: &str) -> PathBuf {
        // A file of its own, since whoever was killed may still be about to close the one before.
        let copied = if self.went_back == Some(service) { ".again" } else { "" };
        self.folder.join(format!("{service}{copied}.db"))
    }

    fn with<T>(&self, look: impl FnOnce(&mut Replicas) -> T) -> T {
        look(&mut self.replicas.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many processes a service has.
    pub fn count(&self, service: &str) -> usize {
        self.with(|replicas| replicas.get(service).map_or(0, Vec::len))
    }

    /// The names of a service's workers that may have something to do whether or not the bus has something for them; none
    /// while it has no process. A consumer is one of them as long as the bus does not know it.
    pub fn jobs(&self, service: &str) -> Vec<String> {
        let known: BTreeSet<String> = self.broker.consumers().into_iter().map(|(_, name, _)| name).collect();
        // Gauges change nothing, and nobody has asked for webhooks.
        let is_idle = |name: &str| name.ends_with("gauges") || ["watches", "webhooks"].contains(&name);
        let is_job = |name: &&str| !known.contains(*name) && !is_idle(name);
        self.with(|replicas| {
            let first = replicas.get(service).and_then(|them| them.first());
            let names = first.iter().flat_map(|it| &it.workers).map(Worker::name);
            names.filter(is_job).map(str::to_owned).collect()
        })
    }

    /// Buries who died.
    pub fn bury(&self) {
        self.with(|replicas| replicas.values_mut().for_each(|them| them.retain(|it| !it.process.is_dead())));
    }

    /// A process is killed.
    pub fn kill(&self, service: &str, replica: usize) {
        let killed = self.with(|replicas| {
            let them = replicas.get_mut(service).filter(|them| !them.is_empty())?;
            Some(them.remove(replica % them.len()))
        });
        if let Some(replica) = killed {
            self.chance.note(format!("{} is killed", replica.process.name));
        }
    }

    fn copy(&self, service: &str) -> PathBuf {
        self.folder.join(format!("{service}.copy"))
    }

    /// Copies a service's database.
    pub async fn back_up(&mut self, service: &'static str) -> Result<(), BuildError> {
        tables::copy(&self.file(service), &self.copy(service)).await?;
        self.copied = Some(service);
        Ok(())
    }

    /// A service's database is lost, and its processes with it. Its copy takes its place; nothing happens without one.
    pub fn go_back(&mut self, service: &'static str) -> io::Result<()> {
        if self.copied != Some(service) || self.went_back.is_some() {
            return Ok(());
        }
        while self.count(service) > 0 {
            self.kill(service, 0);
        }
        self.went_back = Some(service);
        fs::copy(self.copy(service), self.file(service))?;
        Ok(())
    }

    /// Another process of a service starts. One that cannot catch up with what its database has forgotten does not.
    pub async fn start(&mut self, service: &'static str) -> Result<(), BuildError> {
        match self.try_start(service).await {
            Err(error) if error.is::<HandleError>() => {
                self.chance.note(format!("{service} does not start: {error}"));
                Ok(())
            }
            result => result,
        }
    }

    async fn try_start(&mut self, service: &'static str) -> Result<(), BuildError> {
        self.started += 1;
        let process = Arc::new(Process::new(format!("{service}-{}", self.started), self.chance.clone()));
        let mut assembly = match service {
            "order" => self.build::<OrderService>(&process).await?,
            "inventory" => self.build::<InventoryService>(&process).await?,
            "routing" => self.build::<RoutingService>(&process).await?,
            "shipping" => {
                let (config, deps) = self.ground::<ShippingService>(&process).await?;
                let chance = self.chance.clone();
                ShippingService::with_carrier(config, deps, |carrier| Arc::new(Moody { carrier, chance }))
                    .await?
            }
            _ => {
                let (config, deps) = self.ground::<NotificationService>(&process).await?;
                NotificationService::with_post(config, deps, self.post.clone()).await?
            }
        };
        let workers = assembly.take_workers();
        let routes = ServedRoutes::new(assembly.routes(), Metrics::new(service), MAX_CALLS);
        self.chance.note(format!("{} starts", process.name));
        self.with(|replicas| replicas.entry(service).or_default().push(Replica { process, workers, routes }));
        Ok(())
    }

    /// Makes the services' tables.
    pub async fn migrate(&self) -> Result<(), BuildError> {
        self.migrate_one::<OrderService>().await?;
        self.migrate_one::<InventoryService>().await?;
        self.migrate_one::<RoutingService>().await?;
        self.migrate_one::<ShippingService>().await?;
        self.migrate_one::<NotificationService>().await
    }

    async fn migrate_one<S: ServiceDefinition>(&self) -> Result<(), BuildError> {
        let url = format!("sqlite://{}", self.file(S::NAME).display());
        Ok(Database::open(&url, &options()).await?.migrate::<S::Migrator>().await?)
    }

    async fn build<S: ServiceDefinition>(&self, process: &Arc<Process>) -> Result<Assembly, BuildError> {
        let (config, deps) = self.ground::<S>(process).await?;
        S::build(config, deps).await
    }

    /// What a service is built on.
    async fn ground<S: ServiceDefinition>(
        &self,
        process: &Arc<Process>,
    ) -> Result<(S::Config, Deps), BuildError> {
        let url = format!("sqlite://{}", self.file(S::NAME).display());
        let mut text = format!(
            "[database]\nurl = {url:?}\n[bus]\nurl = \"sqlite://unused\"\n[grpc]\nlisten = \"\"\n[admin]\nlisten = \"\"\n"
        );
        text.push_str(match S::NAME {
            "order" => "[placing]\nlinger_ms = 0\n",
            "inventory" => "[waits]\nlook_again_ms = 600000\n",
            // So quick that the delivery may be told before the issue.
            "shipping" => {
                "[labels]\ncarrier_timeout_ms = 1\n[simulated_carrier]\nin_transit_after_ms = 200\n\
                 out_for_delivery_after_ms = 500\ndelivered_after_ms = 1500\n"
            }
            _ => "",
        });
        let config: S::Config = Loader::new(S::NAME, S::DEFAULTS)?.toml("the simulation", &text)?.load()?;
        let database = Database::open(&url, &options()).await?;
        let clock: SharedClock = self.clock.clone();
        let entropy: SharedEntropy = self.chance.clone();
        let peers = SERVICES.iter().fold(Peers::new(), |peers, peer| {
            peers.with(peer, GrpcChannel::over(peer, self.line(peer, Some(process.clone()))))
        });
        let deps = Deps {
            ids: IdGenerator::new(clock.clone(), entropy.clone()),
            clock,
            entropy,
            database: database.with_faults(process.clone()),
            bus: Arc::new(Connection { broker: self.broker.clone(), process: process.clone() }),
            peers,
            metrics: Metrics::new(S::NAME),
        };
        Ok((config, deps))
    }

    fn line(&self, peer: &'static str, caller: Option<Arc<Process>>) -> Line {
        let (replicas, chance) = (self.replicas.clone(), self.chance.clone());
        Line { peer, caller, replicas, chance }
    }

    /// The way of people to a service.
    pub fn channel(&self, service: &'static str) -> GrpcChannel {
        GrpcChannel::over(service, self.line(service, None))
    }

    /// Gives a worker a turn; its outcome in words. Nothing happens if there is no such process.
    pub async fn turn(&self, service: &str, replica: usize, worker: &str) -> String {
        // Taken out meanwhile, since a turn may call its own service.
        let taken = self.with(|replicas| {
            let them = replicas.get_mut(service).filter(|them| !them.is_empty())?;
            let count = them.len();
            let it = &mut them[replica % count];
            let index = it.workers.iter().position(|it| it.name() == worker)?;
            Some((it.process.clone(), index, it.workers.remove(index)))
        });
        let Some((process, index, mut worker)) = taken else { return "nobody".to_owned() };
        let outcome = match worker.turn(&self.stop).await {
            None => "not by turns".to_owned(),
            Some(Ok(_)) => process.name.clone(),
            Some(Err(error)) => format!("{} fails: {}", process.name, qm_runtime::with_causes(&*error)),
        };
        self.with(|replicas| {
            let them = replicas.get_mut(service);
            let it = them.and_then(|them| them.iter_mut().find(|it| Arc::ptr_eq(&it.process, &process)));
            if let Some(it) = it {
                it.workers.insert(index, worker);
            }
        });
        outcome
    }
}

/// Only processes die, never the machine.
fn options() -> DatabaseOptions {
    DatabaseOptions { max_connections: 1, survives_power_loss: false, ..DatabaseOptions::default() }
}

/// The way of a caller to a service, on which calls and answers are lost.
#[derive(Clone)]
struct Line {
    peer: &'static str,
    /// None for a person.
    caller: Option<Arc<Process>>,
    replicas: Arc<Mutex<Replicas>>,
    chance: Arc<Chance>,
}

impl Line {
    async fn ask(self, request: Request<Body>) -> Result<Response<Body>, Status> {
        let away = |what: &str| Err(Status::unavailable(what.to_owned()));
        if self.caller.as_ref().is_some_and(|caller| caller.is_dead()) {
            return away("the caller is dead");
        }
        let called = {
            let replicas = self.replicas.lock().unwrap_or_else(PoisonError::into_inner);
            let them = replicas.get(self.peer).map(Vec::as_slice).unwrap_or_default();
            let which = if them.len() > 1 { self.chance.roll(them.len()) } else { 0 };
            them.get(which).map(|it| (it.process.clone(), it.routes.clone()))
        };
        let Some((process, mut routes)) = called else { return away("nobody answers") };
        // Both at once, so that of several calls in one step each has its own fate.
        let is_lost = self.chance.happens(Fault::CallLost);
        let is_unheard = self.chance.happens(Fault::AnswerLost);
        if is_lost {
            self.chance.note(format!("a call to {} is lost", self.peer));
            return away("the call is lost");
        }
        let answer = match routes.call(request).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        };
        if process.is_dead() || is_unheard {
            self.chance.note(format!("an answer of {} is lost", self.peer));
            return away("the answer is lost");
        }
        Ok(answer)
    }
}

impl Service<Request<Body>> for Line {
    type Response = Response<Body>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Response<Body>, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.clone().ask(request))
    }
}
