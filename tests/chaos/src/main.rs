#![doc = include_str!("../README.md")]
#![allow(clippy::disallowed_methods, reason = "breaks a running system in real time")]

mod fault;
mod ledger;
mod link;
mod load;
mod network;
mod parts;
mod program;
mod proof;
mod report;
mod run;
mod services;
mod supervisor;
mod system;

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use clap::{Parser, ValueEnum as _};
use qm_runtime::{BuildError, cancelled_by_signal};
use quartermaster::dataset::Dataset;

use crate::{
    fault::Fault,
    load::Bodies,
    parts::Installed,
    report::{HEADER, Report},
    run::{Outcome, Plan},
    system::{Materials, System, World},
};

/// Break real parts of a Quartermaster under load, one fault after another, and prove that nothing was lost
///
/// Starts everything itself, in a folder of its own. Each fault is inflicted in a run of its own while orders come; then
/// everything must come to rest by itself. Prints a line for each, and ends with exit code 0 if every promise was kept.
#[derive(Debug, Parser)]
struct Args {
    /// What to break; everything unless told
    #[arg(value_enum, value_name = "FAULT")]
    faults: Vec<Fault>,
    /// Say what can be broken, and what is expected
    #[arg(long)]
    list: bool,
    /// A few faults under one load instead, for little time each
    #[arg(long, conflicts_with = "faults")]
    short: bool,
    /// Many faults under one load instead, which ones and when decided by the seed
    #[arg(long, conflicts_with_all = ["faults", "short"])]
    mixed: bool,
    /// How long faults are mixed, minutes
    #[arg(long, value_name = "MINUTES", default_value_t = 5.0)]
    minutes: f64,
    /// Orders a second
    #[arg(long, value_name = "RATE", default_value_t = 10.0)]
    rate: f64,
    /// How long causes last that do, seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0)]
    lasting: f64,
    /// Decides when orders come, and what chance decides
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Where Quartermaster's programs are
    #[arg(long, value_name = "DIR")]
    bin: PathBuf,
    /// An empty folder for all data
    #[arg(long, value_name = "DIR")]
    folder: PathBuf,
    /// Where results and logs go
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// In a short run causes last so long.
const SHORTLY: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let args = Args::parse();
    // One thread: programs die with the thread that started them, and the harness must leave the machine to the system.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("qm-chaos: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(args)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("qm-chaos: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<bool, BuildError> {
    if args.list {
        Fault::value_variants().iter().for_each(|fault| println!("{:<26}  {}", fault.name(), fault.about()));
        return Ok(true);
    }
    let shutdown = cancelled_by_signal()?;
    tokio::select! {
        biased;
        () = shutdown.cancelled() => Err("interrupted".into()),
        good = Box::pin(inflict(args)) => good,
    }
}

async fn inflict(args: Args) -> Result<bool, BuildError> {
    let lasting = if args.short { SHORTLY } else { Duration::from_secs_f64(args.lasting) };
    let mut faults = match args.faults {
        _ if args.short || args.mixed => Vec::new(),
        faults if faults.is_empty() => Fault::value_variants().to_vec(),
        faults => faults,
    };
    // One system after another; within one, faults keep their order.
    faults.sort_by_key(|fault| fault.world());
    let logs = args.out.join("logs");
    if logs.exists() {
        std::fs::remove_dir_all(&logs)?;
    }
    std::fs::create_dir_all(&logs)?;
    let materials = Materials {
        bin: args.bin.canonicalize()?,
        installed: Installed::from_environment()?,
        folder: args.folder.canonicalize()?,
        logs: logs.canonicalize()?,
    };
    let dataset = Arc::new(Dataset::sample()?);
    let bodies = Arc::new(Bodies::read(&dataset)?);
    let plan = Plan { rate: args.rate, lasting, seed: args.seed };
    let mut report = Report { seed: args.seed, rate: args.rate, outcomes: Vec::new() };
    println!("{HEADER}");
    if args.short || args.mixed {
        let system = System::start(World::Services, &materials, &dataset, &bodies).await?;
        let outcome = if args.short {
            Box::pin(run::run_short(&system, &dataset, &bodies, &plan)).await?
        } else {
            let minutes = Duration::from_secs_f64(args.minutes * 60.0);
            Box::pin(run::run_mixed(&system, &dataset, &bodies, minutes, &plan)).await?
        };
        println!("{outcome}");
        report.outcomes.push(outcome);
    }
    for faults in faults.chunk_by(|one, next| one.world() == next.world()) {
        let Some(world) = faults.first().map(|fault| fault.world()) else { continue };
        if let Some(why) = world.missing() {
            for fault in faults {
                let outcome = Outcome::skipped(&fault.name(), why.to_owned());
                println!("{outcome}");
                report.outcomes.push(outcome);
            }
            continue;
        }
        let mut left = None;
        for fault in faults {
            let system = match left.take() {
                Some(system) => system,
                None => System::start(world, &materials, &dataset, &bodies).await?,
            };
            let outcome = Box::pin(run::run_one(&system, &dataset, &bodies, *fault, &plan)).await;
            let outcome = outcome.unwrap_or_else(|error| Outcome::broken_off(&fault.name(), &error));
            println!("{outcome}");
            // What one fault left broken must not be blamed on the next.
            left = outcome.is_good().then_some(system);
            report.outcomes.push(outcome);
        }
    }
    let path = args.out.join("result.json");
    std::fs::write(&path, serde_json::to_vec_pretty(&report)?)?;
    Ok(report.is_good())
}
