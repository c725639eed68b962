//! Brings the schema of every database up to date.

use std::path::{Path, PathBuf};

use qm_database::Database;
use qm_gateway::GatewayService;
use qm_inventory::InventoryService;
use qm_notification::NotificationService;
use qm_order::OrderService;
use qm_routing::RoutingService;
use qm_runtime::{BuildError, ServiceDefinition, config::ServiceConfig as _, open_database};
use qm_shipping::ShippingService;

use super::{DataDir, overrides::Overrides};

/// Migrates all databases: those of the directory, or those that the services' environment names. Says each one's name
/// before it begins.
pub async fn migrate(dir: Option<&DataDir>, mut say: impl FnMut(&'static str)) -> Result<(), BuildError> {
    // One after another: migrations create roles, which the databases of one server share.
    one::<OrderService>(dir, &mut say).await?;
    one::<InventoryService>(dir, &mut say).await?;
    one::<RoutingService>(dir, &mut say).await?;
    one::<ShippingService>(dir, &mut say).await?;
    one::<NotificationService>(dir, &mut say).await?;
    one::<GatewayService>(dir, &mut say).await
}

async fn one<S: ServiceDefinition>(
    dir: Option<&DataDir>,
    say: &mut impl FnMut(&'static str),
) -> Result<(), BuildError> {
    say(S::NAME);
    let overrides = match dir {
        Some(dir) => Overrides::default().data(dir, S::NAME),
        None => Overrides::default(),
    };
    let config = overrides.load::<S>()?;
    open_database(&config.host().database).await?.migrate::<S::Migrator>().await?;
    Ok(())
}

/// Opens the gateway's database and brings it up to date: that of a data directory, or by its URL, or as the gateway's
/// environment says, or that of the directory `fallback`.
pub async fn open_gateway_database(
    dir: Option<PathBuf>,
    url: Option<String>,
    fallback: &str,
) -> Result<Database, BuildError> {
    const VARIABLE: &str = "QM_GATEWAY__DATABASE__URL";
    let overrides = Overrides::default();
    let overrides = match (dir, url) {
        // What is said on the command line wins over the environment.
        (Some(dir), _) => overrides.say(VARIABLE, DataDir::open(&dir)?.database_url(GatewayService::NAME)),
        (None, Some(url)) => overrides.say(VARIABLE, url),
        (None, None) if std::env::var_os(VARIABLE).is_some() => overrides,
        (None, None) => overrides.data(&DataDir::open(Path::new(fallback))?, GatewayService::NAME),
    };
    let database = open_database(&overrides.load::<GatewayService>()?.host().database).await?;
    database.migrate::<<GatewayService as ServiceDefinition>::Migrator>().await?;
    Ok(database)
}
