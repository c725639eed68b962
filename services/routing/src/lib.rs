#![doc = include_str!("../README.md")]

mod api;
mod audit;
mod commands;
mod config;
mod domain;
mod events;
mod inventory;
mod migrations;
mod store;

use std::sync::Arc;

use qm_messaging::MessagingBuilder;
use qm_proto::routing::v1::routing_service_server::RoutingServiceServer;
use qm_runtime::{
    Assembly, BuildError, Deps, ServiceDefinition, grpc::MAX_MESSAGE_BYTES, operations::Operations,
};

pub use config::Config;
pub use migrations::Migrator;

use crate::{
    api::Api,
    audit::Audit,
    commands::{Context, PlanCounter},
    domain::LeastCost,
    inventory::Inventory,
};

/// The routing service.
#[derive(Debug)]
pub struct RoutingService;

impl ServiceDefinition for RoutingService {
    const NAME: &'static str = "routing";
    const DEFAULTS: &'static str = include_str!("../config.default.toml");
    type Config = Config;
    type Migrator = Migrator;

    async fn build(config: Config, deps: Deps) -> Result<Assembly, BuildError> {
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
        let context = Context {
            clock: deps.clock.clone(),
            outbox: messaging.outbox(),
            policy: Arc::new(LeastCost::new(config.policy.settings())),
            known: store::Known::default(),
            untariffed_transit_days: config.policy.untariffed_transit_days,
            plans: PlanCounter::register(&deps.metrics),
        };
        let inventory = Inventory::new(deps.peers.get("inventory")?);
        let messaging = events::consume::consume(messaging, &context, inventory)
            .remember(&[], events::remember::RememberPlans)
            .build();
        messaging.catch_up_in_time().await;
        let api = Api { database: deps.database.clone(), context };
        let audit = Audit { database: deps.database };
        Ok(Assembly::new(Self::NAME)
            .serve(RoutingServiceServer::new(api).max_decoding_message_size(MAX_MESSAGE_BYTES))
            .serve(Operations::new(audit, messaging.clone()).into_server())
            .workers(messaging.workers()))
    }
}
