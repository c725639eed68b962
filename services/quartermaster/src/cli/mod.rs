//! The command line: arguments in, exit code out.

mod dead_letters;
mod services;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use qm_runtime::{BuildError, with_causes};

use services::Services;

/// Looks after a running Quartermaster.
#[derive(Debug, Parser)]
#[command(name = "quartermaster", version, after_help = EXAMPLES)]
struct Cli {
    #[command(flatten)]
    services: services::Urls,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Each service that is named is asked; a law across services is checked when all services that it needs are named:
  quartermaster --order http://127.0.0.1:7101 --notification http://127.0.0.1:7105 verify

scripts/up writes the addresses to .run/env:
  source .run/env && quartermaster verify";

#[derive(Debug, Subcommand)]
enum Command {
    /// Check the conservation laws; exit code 1 if one is broken
    Verify,
    /// Events that a consumer gave up on
    #[command(subcommand)]
    DeadLetters(DeadLettersCommand),
}

#[derive(Debug, Subcommand)]
enum DeadLettersCommand {
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

/// Runs the command line.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("quartermaster: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(cli)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("quartermaster: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<ExitCode, BuildError> {
    let services = Services::connect(cli.services)?;
    match cli.command {
        Command::Verify => verify::verify(&services).await,
        Command::DeadLetters(DeadLettersCommand::List { limit }) => {
            dead_letters::list(&services, limit).await
        }
        Command::DeadLetters(DeadLettersCommand::Replay { events }) => {
            dead_letters::replay(&services, events).await
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
