//! The services that a command asks.

use std::{collections::BTreeMap, time::Duration};

use clap::Args;
use qm_runtime::{BuildError, grpc::GrpcChannel};

use crate::verify::Verifier;

/// An audit reads all books, so it may take a while.
const CALL_DEADLINE: Duration = Duration::from_secs(300);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Where services answer gRPC.
#[derive(Debug, Args)]
pub(super) struct Urls {
    /// Address of order
    #[arg(long, value_name = "URL", env = "QM_ORDER_URL", global = true)]
    order: Option<String>,
    /// Address of inventory
    #[arg(long, value_name = "URL", env = "QM_INVENTORY_URL", global = true)]
    inventory: Option<String>,
    /// Address of routing
    #[arg(long, value_name = "URL", env = "QM_ROUTING_URL", global = true)]
    routing: Option<String>,
    /// Address of shipping
    #[arg(long, value_name = "URL", env = "QM_SHIPPING_URL", global = true)]
    shipping: Option<String>,
    /// Address of notification
    #[arg(long, value_name = "URL", env = "QM_NOTIFICATION_URL", global = true)]
    notification: Option<String>,
}

/// The ways to the services that were named.
pub(super) struct Services {
    pub(super) channels: BTreeMap<&'static str, GrpcChannel>,
}

impl Services {
    pub(super) fn connect(urls: Urls) -> Result<Self, BuildError> {
        let named = [
            ("order", urls.order),
            ("inventory", urls.inventory),
            ("routing", urls.routing),
            ("shipping", urls.shipping),
            ("notification", urls.notification),
        ];
        let mut channels = BTreeMap::new();
        for (name, url) in named {
            if let Some(url) = url {
                channels.insert(name, GrpcChannel::connect_lazy(&url, CALL_DEADLINE, CONNECT_TIMEOUT)?);
            }
        }
        if channels.is_empty() {
            return Err("name at least one service, for example --order http://127.0.0.1:7101".into());
        }
        Ok(Self { channels })
    }

    pub(super) fn verifier(&self) -> Verifier {
        Verifier::new(self.channels.clone())
    }
}
