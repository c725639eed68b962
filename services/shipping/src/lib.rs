#![doc = include_str!("../README.md")]

mod api;
mod audit;
pub mod carriers;
mod commands;
mod config;
mod domain;
mod events;
#[cfg(any(test, fuzzing))]
pub mod hostile;
mod jobs;
mod migrations;
mod store;
mod wake;

use std::sync::Arc;

use qm_messaging::MessagingBuilder;
use qm_proto::shipping::v1::shipping_service_server::ShippingServiceServer;
use qm_runtime::{
    Assembly, BuildError, Deps, ServiceDefinition, Worker, grpc::MAX_MESSAGE_BYTES, operations::Operations,
};

pub use config::Config;
pub use migrations::Migrator;

use crate::{
    api::Api,
    audit::Audit,
    carriers::{Carrier, Carriers, simulated::Simulated},
    commands::Context,
    jobs::{
        labels,
        scans::{ScanJob, Target},
    },
    wake::Wake,
};

/// The shipping service.
#[derive(Debug)]
pub struct ShippingService;

impl ServiceDefinition for ShippingService {
    const NAME: &'static str = "shipping";
    const DEFAULTS: &'static str = include_str!("../config.default.toml");
    type Config = Config;
    type Migrator = Migrator;

    async fn build(config: Config, deps: Deps) -> Result<Assembly, BuildError> {
        Self::with_carrier(config, deps, |simulated| simulated).await
    }
}

impl ShippingService {
    /// Puts the service together with a carrier that stands before the simulated one, or in its place.
    pub async fn with_carrier(
        config: Config,
        deps: Deps,
        before: impl FnOnce(Arc<dyn Carrier>) -> Arc<dyn Carrier>,
    ) -> Result<Assembly, BuildError> {
        let messaging = MessagingBuilder::new(
            Self::NAME,
            deps.database.clone(),
            deps.bus.clone(),
            deps.clock.clone(),
            deps.ids.clone(),
            &deps.entropy,
            config.bus.messaging(),
        )
        .metrics(deps.metrics.clone());
        let wake = Arc::new(Wake::default());
        let simulated = &config.simulated_carrier;
        let context = Context {
            database: deps.database.clone(),
            clock: deps.clock.clone(),
            outbox: messaging.outbox(),
            carriers: Carriers::new(before(Arc::new(Simulated::new(simulated.behaviour()?)))),
            carrier_timeout: config.labels.carrier_timeout(),
            wake: wake.clone(),
        };
        let remember = events::remember::RememberWork { context: context.clone() };
        let messaging =
            events::consume::consume(messaging, &context).remember(&["request"], remember).build();
        messaging.catch_up().await?;
        let scans = ScanJob {
            context: context.clone(),
            ids: deps.ids,
            secret: simulated.secret()?,
            target: Target::new(&simulated.webhook_url)?,
        };
        let api = Api { context: context.clone(), label_deadline: config.labels.deadline() };
        let audit = Audit { database: deps.database, clock: deps.clock };
        Ok(Assembly::new(Self::NAME)
            .serve(ShippingServiceServer::new(api).max_decoding_message_size(MAX_MESSAGE_BYTES))
            .serve(Operations::new(audit, messaging.clone()).into_server())
            .workers(messaging.workers())
            .worker(
                Worker::repeating("labels", move || labels::finish(context.clone())).woken_by(&wake.labels),
            )
            .worker(Worker::taking("scans", scans).woken_by(&wake.scans)))
    }
}
