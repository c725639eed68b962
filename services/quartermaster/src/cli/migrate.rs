//! `quartermaster migrate`.

use std::{path::PathBuf, process::ExitCode};

use qm_runtime::BuildError;

use crate::system::{self, DataDir};

/// Bring the schema of every database up to date
///
/// Runs the migrations of all services, one after another, and exits. They only add to what is there, so the version
/// before keeps working meanwhile; run it before you start a new version. `serve` and `demo` do it by themselves.
///
/// With --data-dir it migrates the SQLite files of that directory, without it the databases that the services' own
/// environment names, such as QM_ORDER__DATABASE__URL.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Data directory of `serve`; created if it is missing
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  quartermaster migrate --data-dir quartermaster-data
  source .run/env && quartermaster migrate";

pub(super) async fn migrate(args: Args) -> Result<ExitCode, BuildError> {
    let dir = args.data_dir.as_deref().map(DataDir::open_or_create).transpose()?;
    system::migrate(dir.as_ref(), |service| println!("migrating {service}")).await?;
    println!("every schema is up to date");
    Ok(ExitCode::SUCCESS)
}
