//! `quartermaster verify`.

use std::process::ExitCode;

use qm_runtime::BuildError;

use super::services::{Services, Targets};

/// Check the conservation laws; exit code 1 if one is broken
///
/// Asks every service to audit its own books (units add up, stock equals its ledger, nothing is oversold …), and compares
/// what two services must agree on (each allocated unit has one reservation, each shipped unit left stock once …). Prints
/// each law with the number of things checked. Repairs nothing, so it is safe at any time.
///
/// Services are named by their addresses; a law across services is checked when all services that it needs are named. Or
/// name the data directory of `serve` or `demo`, which may be running or stopped.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    targets: Targets,
}

const EXAMPLES: &str = "\
Examples:
  quartermaster verify --data-dir quartermaster-data
  quartermaster verify --order http://127.0.0.1:7101 --notification http://127.0.0.1:7105

scripts/up writes the addresses of its services to .run/env:
  source .run/env && quartermaster verify";

pub(super) async fn verify(args: Args) -> Result<ExitCode, BuildError> {
    let services = Services::connect(args.targets).await?;
    let report = services.verifier().verify().await?;
    println!("{report}");
    if services.are_stopped() && report.in_flight > 0 && !report.is_clean() {
        println!(
            "{} events and jobs were in flight when it was stopped. What only one service has heard of counts as a \
             violation here; `serve` on this directory lets it arrive, then verify again.",
            report.in_flight
        );
    }
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
