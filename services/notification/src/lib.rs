#![doc = include_str!("../README.md")]

mod api;
mod audit;
mod channel;
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

use std::{sync::Arc, time::Duration};

use qm_messaging::MessagingBuilder;
use qm_proto::notification::v1::notification_service_server::NotificationServiceServer;
use qm_runtime::{
    Assembly, BuildError, Deps, ServiceDefinition, Stage, Worker, grpc::MAX_MESSAGE_BYTES,
    operations::Operations,
};
use qm_tracking_link::TrackingLinks;
use tokio_util::sync::CancellationToken;

pub use channel::mail::{MailError, Post};
pub use config::Config;
pub use migrations::Migrator;

use crate::{
    api::Api,
    audit::Audit,
    channel::{
        http::WebhookClient,
        mail::{Mailer, way_to},
    },
    jobs::{mails::MailJob, webhooks::WebhookJob},
    wake::Wake,
};

/// The notification service.
#[derive(Debug)]
pub struct NotificationService;

impl ServiceDefinition for NotificationService {
    const NAME: &'static str = "notification";
    const DEFAULTS: &'static str = include_str!("../config.default.toml");
    type Config = Config;
    type Migrator = Migrator;

    async fn build(config: Config, deps: Deps) -> Result<Assembly, BuildError> {
        let post = way_to(config.mail.target()?)?;
        Self::with_post(config, deps, post).await
    }
}

impl NotificationService {
    /// Puts the service together with a way for mails other than the configured one.
    pub async fn with_post(config: Config, deps: Deps, post: Arc<dyn Post>) -> Result<Assembly, BuildError> {
        let wake = Arc::new(Wake::default());
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
        let messaging = events::consume::consume(messaging, &deps.clock, &wake).build();
        messaging.catch_up_in_time().await;
        let mails = MailJob {
            database: deps.database.clone(),
            clock: deps.clock.clone(),
            orders: deps.peers.get("order")?,
            mailer: Mailer::new(post, config.mail.from.parse()?),
            links: Arc::new(TrackingLinks::new(config.tracking.secret.expose().as_bytes())?),
            base_url: config.tracking.base_url.clone(),
            tried: None,
        };
        let timeout = Duration::from_millis(config.webhooks.timeout_ms);
        let allow_private_addresses = config.webhooks.allow_private_addresses;
        let webhooks = WebhookJob {
            database: deps.database.clone(),
            clock: deps.clock.clone(),
            client: WebhookClient::new(timeout, allow_private_addresses)?,
            timeout,
            tried: None,
        };
        let stopping = CancellationToken::new();
        let api = Api {
            database: deps.database.clone(),
            clock: deps.clock.clone(),
            ids: deps.ids,
            entropy: deps.entropy,
            wake: wake.clone(),
            allow_private_addresses,
            stopping: stopping.clone(),
        };
        let audit = Audit { database: deps.database, clock: deps.clock };
        Ok(Assembly::new(Self::NAME)
            .serve(NotificationServiceServer::new(api).max_decoding_message_size(MAX_MESSAGE_BYTES))
            .serve(Operations::new(audit, messaging.clone()).into_server())
            .workers(messaging.workers())
            .worker(Worker::taking("mails", mails).woken_by(&wake.mails))
            .worker(Worker::taking("webhooks", webhooks).woken_by(&wake.webhooks))
            // Watches have no end of their own; without this the gRPC server would wait for them.
            .worker(
                Worker::new("watches", async move |shutdown: CancellationToken| {
                    shutdown.cancelled().await;
                    stopping.cancel();
                })
                .stage(Stage::Ingress),
            ))
    }
}
