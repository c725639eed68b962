//! The services that a command asks, and the books that it opens.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use qm_runtime::{BuildError, grpc::GrpcChannel};

use crate::{
    system::{Addresses, Books, DataDir, DataDirError, Seams},
    verify::Verifier,
};

/// Where `serve` keeps its data unless told otherwise.
pub(super) const DATA_DIR: &str = "quartermaster-data";
/// Replaying all dead letters may take a while.
const CALL_DEADLINE: Duration = Duration::from_secs(300);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Where services answer gRPC.
#[derive(Debug, Args)]
pub(super) struct Targets {
    /// Data directory of `serve` or `demo`: asks the process that runs on it, or else opens its books
    #[arg(long, value_name = "DIR", global = true)]
    data_dir: Option<PathBuf>,
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
    /// Held while the books of a directory are open on which nothing runs.
    books: Option<Books>,
}

impl Services {
    /// By addresses if any is given, else by the data directory.
    pub(super) async fn connect(targets: Targets) -> Result<Self, BuildError> {
        let named = [
            ("order", targets.order),
            ("inventory", targets.inventory),
            ("routing", targets.routing),
            ("shipping", targets.shipping),
            ("notification", targets.notification),
        ];
        if let Some(dir) = targets.data_dir {
            return Self::of(&DataDir::open(&dir)?).await;
        }
        if named.iter().any(|(_, url)| url.is_some()) {
            return Self::at(named);
        }
        if Path::new(DATA_DIR).is_dir() {
            return Self::of(&DataDir::open(Path::new(DATA_DIR))?).await;
        }
        Err("say what to look at: --data-dir DIR, or services such as --order http://127.0.0.1:7101".into())
    }

    async fn of(dir: &DataDir) -> Result<Self, BuildError> {
        let opened = Box::pin(Books::open(dir, &Seams::system())).await;
        match opened {
            Ok(books) => {
                let patient = |(name, channel): (_, GrpcChannel)| (name, channel.with_deadline(CALL_DEADLINE));
                let channels = books.channels.clone().into_iter().map(patient).collect();
                Ok(Self { channels, books: Some(books) })
            }
            Err(error) if is_in_use(&error) => match dir.addresses() {
                Some(Addresses { mut services }) => Self::at(
                    ["order", "inventory", "routing", "shipping", "notification"]
                        .map(|name| (name, services.remove(name))),
                ),
                None => Err(format!(
                    "{} is in use by a process that serves no gRPC: start it with --grpc-listen 127.0.0.1:0, or stop it first",
                    dir.path().display()
                )
                .into()),
            },
            Err(error) => Err(error),
        }
    }

    fn at(named: [(&'static str, Option<String>); 5]) -> Result<Self, BuildError> {
        let mut channels = BTreeMap::new();
        for (name, url) in named {
            if let Some(url) = url {
                channels.insert(name, GrpcChannel::connect_lazy(&url, CALL_DEADLINE, CONNECT_TIMEOUT)?);
            }
        }
        Ok(Self { channels, books: None })
    }

    /// True when nothing runs, so that what is in flight stays there.
    pub(super) fn are_stopped(&self) -> bool {
        self.books.is_some()
    }

    pub(super) fn verifier(&self) -> Verifier {
        Verifier::new(self.channels.clone())
    }
}

fn is_in_use(error: &BuildError) -> bool {
    error.downcast_ref::<DataDirError>().is_some_and(|error| matches!(error, DataDirError::InUse { .. }))
}
