#![doc = include_str!("../README.md")]
#![allow(clippy::disallowed_methods, reason = "measures a running system in real time")]

mod arrivals;
mod callers;
mod floors;
mod http;
mod orders;
mod processes;
mod report;
mod scenarios;
mod selection;

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;
use indicatif::ProgressBar;
use qm_runtime::BuildError;
use quartermaster::shop;

use crate::{
    floors::Floors,
    http::Gateway,
    orders::{OrderBodies, Shape},
    processes::Processes,
    report::Report,
    scenarios::{EndToEnd, Inventory, Plan, Scenario},
    selection::Selection,
};

/// Drive a running Quartermaster through its public API and measure what comes of it
///
/// The system must be one that `scripts/up` started, with a tenant that has no orders yet and for which `--load` was run. Prints a table and writes the
/// same as JSON.
#[derive(Debug, Parser)]
struct Args {
    /// The gateway; several times for replicas, which are used in turn
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    url: Vec<String>,
    /// An API key that may do everything, of a tenant without orders
    #[arg(long, value_name = "KEY", env = "QM_KEY", hide_env_values = true)]
    key: String,
    /// The folder in which `scripts/up` keeps what it started
    #[arg(long, value_name = "DIR", default_value = ".run")]
    run: PathBuf,
    /// The dataset
    #[arg(long, value_name = "DIR", default_value = "services/quartermaster/data/sample")]
    dataset: PathBuf,
    /// Use the first so many of its orders and the items that they name, instead of all
    #[arg(long, value_name = "N")]
    orders: Option<usize>,
    /// Which orders
    #[arg(long, value_enum, default_value_t = Shape::Short)]
    shape: Shape,
    /// What to measure; several times for one after another
    #[arg(long, value_enum, default_value = "end-to-end")]
    scenario: Vec<Scenario>,
    /// Measure at this rate, orders a second, instead of looking for the highest sustained one
    #[arg(long, value_name = "RATE")]
    rate: Option<f64>,
    /// How long a measurement end to end lasts, seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    seconds: u64,
    /// How long callers go on asking for one thing, seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    calling_seconds: u64,
    /// Orders that are stored when growth is measured
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "10000,100000,1000000")]
    stored: Vec<i64>,
    /// How long each step of the search lasts, seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 15)]
    step_seconds: u64,
    /// Keep-alive connections to the gateway
    #[arg(long, value_name = "N", default_value_t = 128)]
    connections: usize,
    /// Load locations, catalogue and stock, and end: measure when they have reached every service
    #[arg(long)]
    load: bool,
    /// Leave the floors out
    #[arg(long, overrides_with = "no_floors")]
    no_floors: bool,
    /// Where the JSON goes
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// The rate of scenarios that look for none, orders a second.
const USUAL_RATE: f64 = 500.0;
/// Stock and capacity are so many times what they were, so that neither runs out.
const SCALE: i64 = 10_000;

fn main() -> ExitCode {
    let args = Args::parse();
    // One thread: the generator must leave the machine to what it measures.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("qm-load: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(args)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("qm-load: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<bool, BuildError> {
    let selection = Selection::read(&args.dataset, args.orders)?;
    if args.load {
        let api = shop::Api::new(args.url.first().ok_or("no URL")?, &args.key)?;
        let (all, bar) = (selection.dataset(), ProgressBar::hidden());
        let loaded = shop::load_items(&api, all, |sku| selection.has(sku), SCALE, &bar).await?;
        eprintln!(
            "{} items, {} locations, {} rows of stock",
            loaded.items, loaded.locations, loaded.stock_rows
        );
        return Ok(true);
    }
    let processes = Processes::of_run(&args.run)?;
    let bodies = OrderBodies::read(&selection, args.shape)?;
    let mut report = Report::new(args.shape, &bodies);
    if args.scenario == [Scenario::Reservations] {
        let inventory = Inventory::of_environment()?;
        scenarios::reservations(&inventory, &processes, args.calling_seconds, &mut report).await?;
    } else {
        let gateway = Gateway::new(&args.url, &args.key)?;
        let mut system = EndToEnd::new(gateway, bodies, processes, args.connections);
        for scenario in &args.scenario {
            measure(*scenario, &args, &selection, &mut system, &mut report).await?;
        }
    }
    println!("{report}");
    if let Some(path) = args.json {
        std::fs::write(&path, serde_json::to_vec_pretty(&report)?)
            .map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(report.is_good())
}

/// Measures one scenario, and beside it what PostgreSQL alone does.
async fn measure(
    scenario: Scenario,
    args: &Args,
    selection: &Selection,
    system: &mut EndToEnd,
    report: &mut Report,
) -> Result<(), BuildError> {
    let rate = args.rate.unwrap_or(USUAL_RATE);
    let floors = !args.no_floors;
    match scenario {
        Scenario::EndToEnd => {
            let plan = Plan { rate: args.rate, seconds: args.seconds, step_seconds: args.step_seconds };
            system.measure(&plan, report).await?;
            if floors {
                report.floors = Some(Floors::measure(system.orders_placed())?);
            }
        }
        Scenario::HotItem => scenarios::hot_item(system, selection, args.calling_seconds, report).await?,
        Scenario::Reads => {
            scenarios::reads(system, selection, args.calling_seconds, report).await?;
            if floors {
                report.selects = Some(floors::selects()?);
            }
        }
        Scenario::StockFeed => {
            scenarios::stock_feed(system, selection, SCALE, args.calling_seconds, report).await?;
        }
        Scenario::Burst => report.burst = Some(scenarios::burst(system, rate).await?),
        Scenario::Growth => {
            scenarios::growth(system, &args.stored, rate, args.seconds, report).await?;
        }
        Scenario::Reservations => return Err("reservations are measured alone".into()),
    }
    Ok(())
}
