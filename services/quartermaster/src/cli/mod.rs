//! The command line: arguments in, exit code out.

mod dead_letters;
mod keys;
mod migrate;
mod replay;
mod serve;
mod services;
mod tenants;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use qm_refusal::Refusal;
use qm_runtime::{BuildError, CommandError, config::ConfigError, with_causes};

use crate::{backtest, demo};

/// Quartermaster, an order management system: takes orders, finds the stock, and sees each unit to the customer's hands.
///
/// `demo` shows all of it in a minute. `serve` runs it for real in one process; in production each service runs on its own.
#[derive(Debug, Parser)]
#[command(name = "quartermaster", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
A first look, with real orders, in about a minute:
  quartermaster demo

For your own orders:
  quartermaster serve
  quartermaster tenants create acme --name \"Acme Ltd\"      (in another terminal)
  quartermaster keys create --tenant acme --name shop

`quartermaster COMMAND --help` says more, with examples.";

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Args),
    Serve(serve::Args),
    Migrate(migrate::Args),
    Replay(replay::Args),
    Tenants(tenants::Args),
    Keys(keys::Args),
    Verify(verify::Args),
    DeadLetters(dead_letters::Args),
    Backtest(backtest::Args),
}

/// Runs the command line.
///
/// Exit code 0 means that it went well, 1 that something failed, 2 that the arguments or the configuration are wrong.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("quartermaster: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(cli.command)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("quartermaster: {}", in_words(&error));
            ExitCode::from(if error.is::<ConfigError>() { 2 } else { 1 })
        }
    }
}

/// This program as it was called, for advice that can be pasted: nobody has installed it yet who tries `cargo run`.
pub(crate) fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "quartermaster".to_owned())
}

/// An error in one line; a refusal begins with the field at fault.
fn in_words(error: &BuildError) -> String {
    let text = with_causes(&**error);
    match error.downcast_ref::<CommandError>() {
        Some(CommandError::Refused(Refusal { field: Some(field), .. })) => format!("{field}: {text}"),
        _ => text,
    }
}

async fn run(command: Command) -> Result<ExitCode, BuildError> {
    match command {
        Command::Demo(args) => Box::pin(demo::run(args)).await,
        Command::Serve(args) => Box::pin(serve::serve(args)).await,
        Command::Migrate(args) => Box::pin(migrate::migrate(args)).await,
        Command::Replay(args) => Box::pin(replay::replay(args)).await,
        Command::Tenants(args) => tenants::run(args).await,
        Command::Keys(args) => keys::run(args).await,
        Command::Verify(args) => verify::verify(args).await,
        Command::DeadLetters(args) => dead_letters::run(args).await,
        Command::Backtest(args) => backtest::run(args).await,
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

    #[test]
    fn every_command_teaches_with_an_example() {
        let mut cli = Cli::command();
        cli.build();
        for command in cli.get_subcommands_mut().filter(|command| command.get_name() != "help") {
            let help = command.render_long_help().to_string();
            let line = format!("quartermaster {}", command.get_name());
            let examples = help.lines().filter(|it| it.trim_start().starts_with(&line)).count();
            assert!(examples >= 1, "{line} has no example:\n{help}");
            assert!(command.get_long_about().is_some_and(|about| about.to_string().len() > 200), "{line}");
        }
    }
}
