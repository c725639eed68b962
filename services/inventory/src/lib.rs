#![doc = include_str!("../README.md")]

mod api;
mod audit;
mod commands;
mod config;
mod domain;
mod events;
mod jobs;
mod migrations;
mod store;

use std::sync::Arc;

use chrono::TimeDelta;
use qm_messaging::MessagingBuilder;
use qm_proto::inventory::v1::inventory_service_server::InventoryServiceServer;
use qm_runtime::{
    Assembly, BuildError, Deps, ServiceDefinition, Worker, grpc::MAX_MESSAGE_BYTES, operations::Operations,
};

pub use config::Config;
pub use domain::planning;
pub use migrations::Migrator;

use crate::{api::Api, audit::Audit, commands::Context};

/// The inventory service.
#[derive(Debug)]
pub struct InventoryService;

impl ServiceDefinition for InventoryService {
    const NAME: &'static str = "inventory";
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
            ids: deps.ids,
            outbox: messaging.outbox(),
            hold_for: TimeDelta::milliseconds(config.holds.ttl_ms),
            look_again_after: TimeDelta::milliseconds(config.waits.look_again_ms),
            reviews: Arc::default(),
        };
        let remember = events::remember::RememberBooks { context: context.clone() };
        let messaging = events::consume::consume(messaging, &context).remember(&[], remember).build();
        messaging.catch_up().await?;
        let api = Api::new(deps.database.clone(), context.clone());
        let audit = Audit { database: deps.database.clone(), clock: deps.clock };
        let database = deps.database;
        Ok(Assembly::new(Self::NAME)
            .serve(InventoryServiceServer::new(api).max_decoding_message_size(MAX_MESSAGE_BYTES))
            .serve(Operations::new(audit, messaging.clone()).into_server())
            .workers(messaging.workers())
            .worker({
                let (context, database) = (context.clone(), database.clone());
                Worker::repeating("expire-holds", move || {
                    jobs::expire_holds(context.clone(), database.clone())
                })
            })
            .worker({
                let (context, database) = (context.clone(), database.clone());
                Worker::repeating("look-at-waits", move || {
                    jobs::look_at_waits(context.clone(), database.clone())
                })
            })
            .worker({
                let woken = context.reviews.clone();
                Worker::repeating("review-stock", move || {
                    jobs::review_stock(context.clone(), database.clone())
                })
                .woken_by(&woken)
            }))
    }
}
