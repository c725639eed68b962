//! `quartermaster replay`.

use std::process::ExitCode;

use qm_runtime::BuildError;

use super::services::{Services, Targets};
use crate::demo::{self, Stream, Target};

/// Replay real orders through the public API of a running system
///
/// Does everything that `demo` does but run the system: loads locations, catalogue and stock for the tenant of the key,
/// replays real orders, works as their warehouses, waits until all is at rest, and checks the books. The system keeps its
/// own time, so its simulated carrier should not take days. Exit code 0 only if every order came to rest and all laws hold.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The gateway
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// An API key that may do everything, of a tenant without orders
    #[arg(long, value_name = "KEY", env = "QM_KEY", hide_env_values = true)]
    key: String,
    #[command(flatten)]
    stream: Stream,
    #[command(flatten)]
    targets: Targets,
}

const EXAMPLES: &str = "\
Examples:
  quartermaster replay --orders 2000 --key qm_…

On what scripts/up started, with a carrier that delivers within a second:
  export QM_SHIPPING__SIMULATED_CARRIER__IN_TRANSIT_AFTER_MS=200
  export QM_SHIPPING__SIMULATED_CARRIER__OUT_FOR_DELIVERY_AFTER_MS=400
  export QM_SHIPPING__SIMULATED_CARRIER__DELIVERED_AFTER_MS=600
  scripts/up && source .run/env
  quartermaster tenants create demo --name Demo
  QM_KEY=$(quartermaster keys create --tenant demo --name replay) quartermaster replay --orders 2000";

pub(super) async fn replay(args: Args) -> Result<ExitCode, BuildError> {
    let services = Services::connect(args.targets).await?;
    let target = Target { url: args.url, key: args.key, verifier: services.verifier() };
    demo::replay_onto(target, args.stream).await
}
