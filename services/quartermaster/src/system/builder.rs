//! Builds services one after another, and lets them reach each other without a socket.

use std::{collections::BTreeMap, sync::Arc};

use qm_ids::IdGenerator;
use qm_messaging::bus::{self, Bundling, SharedBus};
use qm_runtime::{
    Assembly, BuildError, Deps, Peers, ServiceDefinition, bus_answers,
    config::{HostConfig, ServiceConfig as _},
    database_answers,
    grpc::{GrpcChannel, LateBinding, ServedRoutes},
    open_database, statistics,
};
use qm_telemetry::metrics::Metrics;

use super::{Seams, overrides::Overrides};

/// The services that others call.
const PEERS: [&str; 5] = ["order", "inventory", "routing", "shipping", "notification"];

pub(super) struct Builder {
    seams: Seams,
    ids: IdGenerator,
    metrics: Metrics,
    /// By URL: all services of a process share one in-process bus.
    buses: BTreeMap<String, SharedBus>,
    channels: BTreeMap<&'static str, GrpcChannel>,
    /// Of those that are not built yet: services need each other.
    unbound: BTreeMap<&'static str, LateBinding>,
    built: Vec<Built>,
}

/// A service that is ready to run.
pub(super) struct Built {
    pub(super) assembly: Assembly,
    /// What its channels, and sockets if there are any, lead to.
    pub(super) routes: ServedRoutes,
}

/// All services, ready to run.
pub(super) struct Services {
    pub(super) built: Vec<Built>,
    pub(super) channels: BTreeMap<&'static str, GrpcChannel>,
    pub(super) metrics: Metrics,
}

impl Builder {
    pub(super) fn new(seams: Seams) -> Self {
        let (mut channels, mut unbound) = (BTreeMap::new(), BTreeMap::new());
        for name in PEERS {
            let (channel, binding) = GrpcChannel::late(name);
            channels.insert(name, channel);
            unbound.insert(name, binding);
        }
        Self {
            ids: seams.ids(),
            seams,
            metrics: Metrics::new("quartermaster"),
            buses: BTreeMap::new(),
            channels,
            unbound,
            built: Vec::new(),
        }
    }

    /// Opens and migrates the service's database, and builds the service.
    pub(super) async fn add<S: ServiceDefinition>(
        &mut self,
        overrides: &Overrides,
    ) -> Result<(), BuildError> {
        let config = overrides.load::<S>()?;
        let host = config.host();
        let deps = self.deps::<S>(&host).await?;
        let database = deps.database.clone();
        let assembly = Box::pin(S::build(config, deps)).await?;
        let assembly = assembly.worker(statistics(database.clone()));
        self.take(assembly.ready_when(database_answers(database)), &host);
        Ok(())
    }

    /// What a service is given.
    pub(super) async fn deps<S: ServiceDefinition>(&mut self, host: &HostConfig) -> Result<Deps, BuildError> {
        let database = open_database(&host.database).await?;
        database.migrate::<S::Migrator>().await?;
        let bus = self.bus(host.bus.url.expose()).await?;
        let peers = self.channels.iter().fold(Peers::new(), |peers, (name, channel)| {
            peers.with(name, channel.clone().with_deadline(host.grpc.call_deadline()))
        });
        Ok(Deps {
            clock: Arc::clone(&self.seams.clock),
            ids: self.ids.clone(),
            entropy: Arc::clone(&self.seams.entropy),
            database,
            bus,
            peers,
            metrics: self.metrics.for_service(S::NAME),
        })
    }

    async fn bus(&mut self, url: &str) -> Result<SharedBus, BuildError> {
        if let Some(bus) = self.buses.get(url) {
            return Ok(Arc::clone(bus));
        }
        let bus: SharedBus = Arc::new(Bundling::new(bus::open(url, Arc::clone(&self.seams.clock)).await?));
        self.buses.insert(url.to_owned(), Arc::clone(&bus));
        Ok(bus)
    }

    /// Adds a service; from now on the others reach it.
    pub(super) fn take(&mut self, assembly: Assembly, host: &HostConfig) {
        let name = assembly.name();
        let metrics = self.metrics.for_service(name);
        let routes = ServedRoutes::new(assembly.routes(), metrics, host.grpc.max_in_flight);
        if let Some(binding) = self.unbound.remove(name) {
            binding.bind(routes.clone());
        }
        self.built.push(Built { assembly, routes });
    }

    pub(super) fn finish(self) -> Services {
        let Self { mut built, buses, channels, metrics, .. } = self;
        // Said once for the process, under the first service's name.
        if let Some(first) = built.pop() {
            let assembly = buses
                .into_values()
                .fold(first.assembly, |assembly, bus| assembly.ready_when(bus_answers(bus)));
            built.push(Built { assembly, ..first });
        }
        Services { built, channels, metrics }
    }
}
