//! `quartermaster dead-letters`.

use std::process::ExitCode;

use qm_proto::operations::v1::{
    ListDeadLettersRequest, ReplayDeadLettersRequest, operations_service_client::OperationsServiceClient,
};
use qm_runtime::BuildError;

use super::services::{Services, Targets};

/// Events that a consumer gave up on: list and replay them
///
/// An event that a consumer cannot apply is tried again and again, and at last set aside with its error, so that those
/// behind it go on. Nothing is lost: once the cause is mended, replay it. `verify` counts what was set aside.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    targets: Targets,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  quartermaster dead-letters list --data-dir quartermaster-data
  quartermaster dead-letters replay --order http://127.0.0.1:7101";

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List them, newest first
    List {
        /// At most this many per service
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i32).range(1..=500))]
        limit: i32,
    },
    /// Hand them to their consumers once more; exit code 1 if one fails again
    Replay {
        /// Only these events; without any, all
        events: Vec<String>,
    },
}

pub(super) async fn run(args: Args) -> Result<ExitCode, BuildError> {
    let services = Services::connect(args.targets).await?;
    match args.command {
        Command::List { limit } => list(&services, limit).await,
        Command::Replay { events } => replay(&services, events).await,
    }
}

async fn list(services: &Services, limit: i32) -> Result<ExitCode, BuildError> {
    let mut count = 0;
    for (service, channel) in &services.channels {
        let mut client = OperationsServiceClient::new(channel.clone());
        let response = client.list_dead_letters(ListDeadLettersRequest { limit }).await?.into_inner();
        for letter in response.dead_letters {
            count += 1;
            println!(
                "{}  {service}/{}  {}  {}  {}\n    {}",
                letter.dead_at,
                letter.consumer,
                letter.event_id,
                letter.event_type,
                letter.tenant_id,
                letter.error
            );
        }
    }
    println!("{count} dead letters");
    Ok(ExitCode::SUCCESS)
}

async fn replay(services: &Services, events: Vec<String>) -> Result<ExitCode, BuildError> {
    let (mut replayed, mut failed) = (0, 0);
    for channel in services.channels.values() {
        let mut client = OperationsServiceClient::new(channel.clone());
        let request = ReplayDeadLettersRequest { event_ids: events.clone() };
        let response = client.replay_dead_letters(request).await?.into_inner();
        replayed += response.replayed;
        failed += response.failed;
    }
    println!("{replayed} replayed, {failed} failed again");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
