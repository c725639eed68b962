//! `quartermaster demo`: the whole system in one process, real orders through its public API, and a summary.
//!
//! Everything goes through HTTP as a shop, a warehouse or a partner would do it; only the tenant and its key are made
//! beforehand, as an operator makes them.

mod changes;
mod links;
mod measure;
mod pack;
mod progress;
mod replay;
mod rest;
mod settings;
mod show;
mod summary;
mod warehouse;

use std::{net::Ipv4Addr, path::Path, process::ExitCode, sync::Arc};

use chrono::TimeDelta;
use qm_clock::{AcceleratedClock, SystemEntropy};
use qm_gateway::directory::{Directory, NewKey, Scope};
use qm_runtime::{BuildError, RunError, cancelled_by_signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    dataset::{Dataset, DatasetOrder},
    shop::Api,
    system::{DataDir, HttpPort, Seams, System},
    verify::Verifier,
};
use pack::Scales;
use settings::Pace;
use show::Stage;
use warehouse::Warehouses;

pub use settings::{Args, Stream};

const TENANT: (&str, &str) = ("demo", "The Complete Journey");
/// Beside the HTTP port services answer gRPC on free ones of loopback, so that the books can be checked from outside.
const GRPC: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);
/// Demo time in which locations and stock are loaded, before the first order.
const BEFORE: TimeDelta = TimeDelta::hours(1);

/// Runs the demo.
pub async fn run(args: Args) -> Result<ExitCode, BuildError> {
    let port = HttpPort::take(Some((Ipv4Addr::LOCALHOST, args.port).into()), "--port")?;
    let base_url = port.base_url();
    let (dataset, orders) = read(args.dataset.as_deref(), args.orders)?;
    let start = orders.first().ok_or("the dataset has no orders")?.placed_at;
    let pace = Pace::new(args.speed, start);
    let dir = data_dir(&args)?;
    greet(&dir, &base_url, &pace);

    let clock = Arc::new(AcceleratedClock::new(start - BEFORE, 1.0)?);
    let seams = Seams { clock: clock.clone(), speed: pace.clock_speed, entropy: Arc::new(SystemEntropy) };
    let system = Box::pin(System::build(dir.clone(), seams.clone(), port, Some(GRPC.into()))).await?;
    let _telemetry = qm_telemetry::init("quartermaster", &quiet(&system))?;
    let shutdown = cancelled_by_signal()?;
    let verifier = system.verifier();
    let key = create_key(&system, &seams).await?;
    let mut running = tokio::spawn(system.run(shutdown.clone()));

    let api = Api::new(&base_url, &key)?;
    let stage = Stage { api: api.clone(), clock, verifier, pace };
    let shown = tokio::select! {
        biased;
        () = shutdown.cancelled() => None,
        ended = &mut running => return Err(ended_early(ended?)),
        shown = Box::pin(stage.show(&dataset, orders)) => Some(shown),
    };
    let code = match shown {
        None if args.no_wait => ExitCode::FAILURE,
        None => ExitCode::SUCCESS,
        Some(Err(error)) => {
            end(shutdown, running, &dir).await?;
            return Err(error);
        }
        Some(Ok(summary)) => {
            println!("\nWhat happened\n\n{summary}");
            if !args.no_wait {
                links::print(&api, &base_url, &key, &dir).await?;
                tokio::select! {
                    () = shutdown.cancelled() => {}
                    ended = &mut running => return Err(ended_early(ended?)),
                }
            }
            ExitCode::from(u8::from(args.no_wait && !summary.is_good()))
        }
    };
    end(shutdown, running, &dir).await?;
    Ok(code)
}

/// Replays real orders through the public API of a system that runs already, in its own time: everything that the demo
/// does but run the system. Exit code 0 only if every order came to rest and all laws hold.
pub async fn replay_onto(target: Target, pace: Stream) -> Result<ExitCode, BuildError> {
    let (dataset, orders) = read(pace.dataset.as_deref(), pace.orders)?;
    let start = orders.first().ok_or("the dataset has no orders")?.placed_at;
    let pace = Pace::new(pace.speed, start);
    println!("Replaying real orders through {}\n", target.url);
    let clock = Arc::new(AcceleratedClock::new(start - BEFORE, 1.0)?);
    let stage = Stage { api: Api::new(&target.url, &target.key)?, clock, verifier: target.verifier, pace };
    let shutdown = cancelled_by_signal()?;
    tokio::select! {
        biased;
        () = shutdown.cancelled() => Ok(ExitCode::FAILURE),
        shown = Box::pin(stage.show(&dataset, orders)) => {
            let summary = shown?;
            println!("\nWhat happened\n\n{summary}");
            Ok(ExitCode::from(u8::from(!summary.is_good())))
        }
    }
}

/// Works as all warehouses of a dataset through the API of a system, until told to stop.
pub async fn work_as_warehouses(api: Api, dataset: &Dataset, stop: CancellationToken) {
    Warehouses::new(api, Arc::default(), Scales::of(dataset)).run(stop).await;
}

/// A running system.
#[derive(Debug)]
pub struct Target {
    /// `http://HOST:PORT` of its gateway.
    pub url: String,
    /// An API key that may do everything, of a tenant without orders.
    pub key: String,
    /// Asks its services about the laws.
    pub verifier: Verifier,
}

fn read(folder: Option<&Path>, orders: u32) -> Result<(Dataset, Vec<DatasetOrder>), BuildError> {
    let dataset = match folder {
        Some(folder) => Dataset::from_dir(folder)?,
        None => Dataset::sample()?,
    };
    let wanted = usize::try_from(orders)?;
    let orders: Vec<DatasetOrder> = dataset.orders(wanted)?.collect::<Result<_, _>>()?;
    if orders.len() < wanted {
        let message =
            format!("--orders {wanted}: the dataset has {} orders; --dataset names another", orders.len());
        return Err(message.into());
    }
    Ok((dataset, orders))
}

fn data_dir(args: &Args) -> Result<DataDir, BuildError> {
    match &args.data_dir {
        Some(path) => Ok(DataDir::create(path)?),
        None => {
            let fresh = tempfile::Builder::new().prefix("quartermaster-demo-").tempdir()?.keep();
            Ok(DataDir::create(&fresh)?)
        }
    }
}

fn greet(dir: &DataDir, base_url: &str, pace: &Pace) {
    println!("Quartermaster demo: every service in this process, real orders through its public API\n");
    println!("  address   {base_url}");
    println!("  data      {}", dir.path().display());
    println!("  clock     {:.0} times as fast as yours, from {}", pace.clock_speed, pace.start());
    if pace.squeeze > 1 {
        println!(
            "  squeezed  {} days of the stream into one: capacity and stock are {} times what they were",
            pace.squeeze, pace.squeeze
        );
    }
    println!();
}

/// Only what a person must know: a line of log tears the progress bar apart.
fn quiet(system: &System) -> qm_telemetry::TelemetryConfig {
    let mut telemetry = system.process().telemetry.clone();
    if std::env::var_os("QM_GATEWAY__TELEMETRY__LOG_FILTER").is_none() {
        "error".clone_into(&mut telemetry.log_filter);
    }
    telemetry
}

async fn create_key(system: &System, seams: &Seams) -> Result<String, BuildError> {
    let directory =
        Directory::new(system.gateway_database(), seams.clock.clone(), seams.ids(), seams.entropy.clone());
    let tenant = directory.create_tenant(TENANT.0, TENANT.1).await?;
    let scopes = Scope::ALL.iter().map(ToString::to_string).collect();
    let new = NewKey { name: "demo".to_owned(), scopes, expires_at: None };
    Ok(directory.create_key(tenant.id, &new).await?.secret)
}

async fn end(
    shutdown: CancellationToken,
    running: JoinHandle<Result<(), RunError>>,
    dir: &DataDir,
) -> Result<(), BuildError> {
    shutdown.cancel();
    running.await??;
    println!("\nStopped. The data stays in {}; remove it when you like.", dir.path().display());
    Ok(())
}

fn ended_early(ended: Result<(), RunError>) -> BuildError {
    match ended {
        Ok(()) => "the system ended before it was told to".into(),
        Err(error) => error.into(),
    }
}
