//! Lives the lives of many seeds, or shows the one of a single seed; see `scripts/simulate`.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Parser;
use qm_simulation::{Lived, Step, Template, run, run_one, shrink, template};

/// Lives that are tried in search of the shortest that fails.
const TRIES: usize = 300;

/// Simulates whole lives of orders.
#[derive(Debug, Parser)]
#[command(name = "scripts/simulate")]
struct Options {
    /// Shows the life of this seed.
    #[arg(long)]
    seed: Option<u64>,
    /// Of that life only these steps of its busy time, such as 3,17,29.
    #[arg(long, requires = "seed", value_delimiter = ',')]
    only: Option<Vec<usize>>,
    /// Lives so many lives.
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// The first of their seeds.
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// Begins no more after so many minutes.
    #[arg(long)]
    minutes: Option<u64>,
    /// Does not look for the shortest life that fails.
    #[arg(long)]
    as_found: bool,
}

fn main() -> Result<ExitCode, Box<dyn std::error::Error + Send + Sync>> {
    let options = Options::parse();
    let template = template()?;
    if let Some(seed) = options.seed {
        let mut lived = run_one(&template, seed, None);
        if let Some(only) = options.only {
            let script: Vec<Step> =
                only.iter().filter_map(|number| lived.steps.get(*number)).cloned().collect();
            lived = run_one(&template, seed, Some(&script));
        }
        show(&lived);
        return Ok(code(!lived.has_failed()));
    }
    let began = Instant::now();
    let time = options.minutes.map(|minutes| Duration::from_secs(60 * minutes));
    let report = run(&template, options.first, options.seeds, time);
    println!("{} lives in {:.1} s", report.lives, began.elapsed().as_secs_f64());
    report.happened.iter().for_each(|(fault, count)| println!("{count:>8} × {fault:?}"));
    if let Some(failed) = &report.failed {
        println!("seed {0} fails; see it with: scripts/simulate --seed {0}", failed.seed);
        failed.outcome.broken.iter().for_each(|broken| println!("BROKEN {broken}"));
        if !options.as_found {
            shorten(&template, failed);
        }
    }
    Ok(code(report.failed.is_none()))
}

fn shorten(template: &Template, failed: &Lived) {
    let (kept, shortest) = shrink(template, failed, TRIES);
    println!("the shortest life of it that still fails has {} steps:", kept.len());
    show(&shortest);
    let kept: Vec<String> = kept.iter().map(usize::to_string).collect();
    println!("see it with: scripts/simulate --seed {} --only {}", failed.seed, kept.join(","));
}

fn show(lived: &Lived) {
    for (number, line) in lived.outcome.trace.iter().enumerate() {
        println!("{number:5} {line}");
    }
    println!("digest {}", lived.outcome.digest);
    lived.outcome.broken.iter().for_each(|broken| println!("BROKEN {broken}"));
}

fn code(is_well: bool) -> ExitCode {
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
