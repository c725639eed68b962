#![doc = include_str!("../README.md")]

mod api;
mod audit;
mod commands;
mod config;
mod domain;
mod events;
#[cfg(any(test, fuzzing))]
pub mod hostile;
mod jobs;
mod migrations;
mod store;

use chrono::TimeDelta;
use qm_messaging::MessagingBuilder;
use qm_proto::order::v1::order_service_server::OrderServiceServer;
use qm_runtime::{
    Assembly, BuildError, Deps, ServiceDefinition, Worker, grpc::MAX_MESSAGE_BYTES, operations::Operations,
};

pub use config::Config;
pub use migrations::Migrator;

use crate::{api::Api, audit::Audit, commands::Context, jobs::Gauges, store::Recent};

/// The order service.
#[derive(Debug)]
pub struct OrderService;

impl ServiceDefinition for OrderService {
    const NAME: &'static str = "order";
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
            ids: deps.ids.clone(),
            outbox: messaging.outbox(),
            recent: Recent::default(),
            patience: TimeDelta::milliseconds(config.saga.ask_again_after_ms),
        };
        let messaging = events::consume::consume(messaging, &context)
            .remember(&[], events::remember::NameLostOrders)
            .build();
        messaging.catch_up_in_time().await;
        let api =
            Api::new(deps.database.clone(), context.clone(), deps.peers.get("inventory")?, &config.placing);
        let audit =
            Audit { database: deps.database.clone(), recent: context.recent.clone(), clock: deps.clock };
        let database = deps.database;
        Ok(Assembly::new(Self::NAME)
            .serve(OrderServiceServer::new(api).max_decoding_message_size(MAX_MESSAGE_BYTES))
            .serve(Operations::new(audit, messaging.clone()).into_server())
            .workers(messaging.workers())
            .worker({
                let (gauges, database) = (Gauges::register(&deps.metrics), database.clone());
                Worker::repeating("gauges", move || jobs::gauges(gauges.clone(), database.clone()))
            })
            .worker({
                let (context, database) = (context.clone(), database.clone());
                Worker::repeating("wake", move || jobs::wake(context.clone(), database.clone()))
            })
            .worker(Worker::repeating("sweep", move || jobs::sweep(context.clone(), database.clone()))))
    }
}
