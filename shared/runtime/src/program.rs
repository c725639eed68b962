//! The `main` of a service: arguments, configuration, telemetry, and then the service until it is told to stop.

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use clap::{Arg, ArgMatches, Command, value_parser};
use qm_clock::{SharedClock, SharedEntropy, SystemClock, SystemEntropy};
use qm_database::{Database, DatabaseOptions};
use qm_ids::IdGenerator;
use qm_messaging::bus::{self, Bundling, SharedBus};
use qm_telemetry::metrics::Metrics;
use tokio_util::sync::CancellationToken;

use qm_worker::with_causes;

use crate::{
    BuildError, Deps, Host, Peers, ReadinessCheck, ServiceDefinition,
    config::{
        COMMON_DEFAULTS, ConfigError, DatabaseConfig, HostConfig, Loader, ServiceConfig as _, variable_prefix,
    },
    statistics,
};

/// Runs a service as a program of its own, until SIGTERM or SIGINT.
///
/// Exit code 0 means that everything was finished within the deadline, 1 that something failed, 2 that the arguments or
/// the configuration are wrong.
pub fn main<S: ServiceDefinition>() -> ExitCode {
    let arguments = command::<S>().get_matches();
    let result = match arguments.subcommand() {
        Some(("config", arguments)) => config::<S>(arguments),
        Some(("migrate", _)) => {
            load::<S>(&arguments).and_then(|config| in_runtime(&config.host(), migrate::<S>(&config)))
        }
        _ => load::<S>(&arguments).and_then(|config| in_runtime(&config.host(), serve::<S>(config.clone()))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("qm-{}: {}", S::NAME, with_causes(&*error));
            ExitCode::from(if error.is::<ConfigError>() { 2 } else { 1 })
        }
    }
}

fn command<S: ServiceDefinition>() -> Command {
    let prefix = variable_prefix(S::NAME);
    let file = Arg::new("config")
        .long("config")
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .global(true)
        .help("TOML file that changes the defaults");
    let check =
        Arg::new("check").long("check").num_args(0).help("Read the configuration, say what is wrong with it");
    Command::new(S::NAME)
        .bin_name(format!("qm-{}", S::NAME))
        .version(env!("CARGO_PKG_VERSION"))
        .about(format!("The {} service of Quartermaster", S::NAME))
        .after_help(format!(
            "Configuration comes from the defaults (`config` prints them, they are also the manual), then from FILE,\n\
             then from the environment: {prefix}DATABASE__URL sets `url` in `[database]`.\n\n\
             A first run:\n  qm-{name} migrate --config FILE\n  qm-{name} serve --config FILE",
            name = S::NAME
        ))
        .arg(file)
        .subcommand(Command::new("serve").about("Run the service until SIGTERM or SIGINT (the default)"))
        .subcommand(Command::new("migrate").about("Bring the database's schema up to date, then exit"))
        .subcommand(Command::new("config").about("Print the defaults, which are also the manual").arg(check))
}

fn load<S: ServiceDefinition>(arguments: &ArgMatches) -> Result<S::Config, BuildError> {
    let mut loader = Loader::new(S::NAME, S::DEFAULTS)?;
    if let Some(path) = arguments.get_one::<PathBuf>("config") {
        loader = loader.file(path)?;
    }
    Ok(loader.process_environment()?.load()?)
}

fn config<S: ServiceDefinition>(arguments: &ArgMatches) -> Result<(), BuildError> {
    if arguments.get_flag("check") {
        load::<S>(arguments)?;
        println!("the configuration is valid");
    } else {
        println!(
            "# --- common to all services ---\n{COMMON_DEFAULTS}\n# --- {} ---\n{}",
            S::NAME,
            S::DEFAULTS
        );
    }
    Ok(())
}

fn in_runtime(
    config: &HostConfig,
    work: impl Future<Output = Result<(), BuildError>>,
) -> Result<(), BuildError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(config.runtime.worker_threads)
        .enable_all()
        .build()?
        .block_on(work)
}

async fn migrate<S: ServiceDefinition>(config: &S::Config) -> Result<(), BuildError> {
    let host = config.host();
    let _telemetry = qm_telemetry::init(S::NAME, &host.telemetry)?;
    open_database(&host.database).await?.migrate::<S::Migrator>().await?;
    tracing::info!("the schema is up to date");
    Ok(())
}

async fn serve<S: ServiceDefinition>(config: S::Config) -> Result<(), BuildError> {
    let host_config = config.host();
    let _telemetry = qm_telemetry::init(S::NAME, &host_config.telemetry)?;
    let shutdown = cancelled_by_signal()?;
    let metrics = Metrics::new(S::NAME);
    // Before anything slow: a port in use should show at once.
    let host = Host::bind(&host_config, metrics.clone())?;
    let database = open_database(&host_config.database).await?;
    let clock: SharedClock = Arc::new(SystemClock);
    let bus = bus::open(host_config.bus.url.expose(), Arc::clone(&clock)).await?;
    let bus: SharedBus = Arc::new(Bundling::new(bus));
    let peers = Peers::from_config(&host_config.peers, &host_config.grpc)?;
    let host = host.ready_when(database_answers(database.clone())).ready_when(bus_answers(Arc::clone(&bus)));
    let entropy: SharedEntropy = Arc::new(SystemEntropy);
    let ids = IdGenerator::new(Arc::clone(&clock), Arc::clone(&entropy));
    let deps = Deps { clock, ids, entropy, database, bus, peers, metrics };
    let database = deps.database.clone();
    let assembly = S::build(config, deps).await?.worker(statistics(database));
    Ok(host.run([assembly], shutdown).await?)
}

/// Opens a service's database as configured.
pub async fn open_database(config: &DatabaseConfig) -> Result<Database, qm_database::Error> {
    let options = DatabaseOptions { max_connections: config.max_connections, ..DatabaseOptions::default() };
    Database::open(config.url.expose(), &options).await
}

/// Ready while the database answers.
pub fn database_answers(database: Database) -> ReadinessCheck {
    ReadinessCheck::new("database", move || {
        let database = database.clone();
        async move { database.ping().await.map(|()| "answers".to_owned()).map_err(|error| with_causes(&error)) }
    })
}

/// Ready while the bus answers.
pub fn bus_answers(bus: SharedBus) -> ReadinessCheck {
    ReadinessCheck::new("bus", move || {
        let bus = Arc::clone(&bus);
        async move { bus.ping().await.map(|()| "answers".to_owned()).map_err(|error| with_causes(&error)) }
    })
}

/// A token that is cancelled by the first SIGTERM or SIGINT.
pub fn cancelled_by_signal() -> std::io::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        cancelled.cancel();
    });
    Ok(token)
}
