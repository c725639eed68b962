//! Orders from the public API to the shopper's mailbox, through real processes.
//!
//! Each scenario runs in two worlds: all services in one process on SQLite, and one process per service on PostgreSQL,
//! JetStream and Redis (when the environment names them, as `scripts/test` does). The scenarios of a world share it, each
//! with tenants of its own, and at the end the world's books must be clean. Scenarios that break things have a world each;
//! those that hold the bus share one, one after another.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]
#![allow(clippy::disallowed_methods, reason = "tests watch real processes in real time")]

mod api;
mod scenarios;
mod shop;
mod wait;
mod world;

use std::{process::ExitCode, sync::Arc};

use futures::future::LocalBoxFuture;
use libtest_mimic::{Arguments, Trial};

use world::{Kind, Stage, World};

/// A story, told in a world.
pub(crate) type Scenario = fn(Arc<World>) -> LocalBoxFuture<'static, ()>;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let stage = Arc::new(Stage::new(runtime.handle().clone()));
    let mut trials = Vec::new();
    for kind in [Kind::OneProcess, Kind::RealParts] {
        for (name, scenario) in scenarios::SHARED {
            let stage = Arc::clone(&stage);
            trials.push(trial(kind, name, move || {
                let world = stage.shared(kind);
                stage.runtime().block_on(scenario(world));
            }));
        }
        for (name, scenario) in scenarios::ALONE {
            let stage = Arc::clone(&stage);
            trials.push(trial(kind, name, move || {
                let world = stage.fresh(kind);
                stage.runtime().block_on(scenario(Arc::clone(&world)));
                world.close();
            }));
        }
    }
    for (name, scenario) in scenarios::NARROW {
        let stage = Arc::clone(&stage);
        trials.push(trial(Kind::OneProcess, &format!("narrow::{name}"), move || {
            let world = stage.narrow();
            stage.runtime().block_on(scenario(Arc::clone(&world)));
            world.close();
        }));
    }
    for (name, scenario) in scenarios::HELD {
        let stage = Arc::clone(&stage);
        trials.push(trial(Kind::RealParts, &format!("held::{name}"), move || {
            let (_turn, world) = stage.held();
            stage.runtime().block_on(scenario(Arc::clone(&world)));
            world.audit().unwrap();
        }));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    // Reports of a scenario's own failure come first: a broken order may well leave broken books.
    let failed = conclusion.has_failed();
    let books = stage.close();
    for problem in &books {
        eprintln!("{problem}");
    }
    if failed || !books.is_empty() { ExitCode::from(101) } else { ExitCode::SUCCESS }
}

fn trial(kind: Kind, name: &str, run: impl FnOnce() + Send + 'static) -> Trial {
    let is_there = kind.is_available();
    Trial::test(format!("{}::{name}", kind.name()), move || {
        run();
        Ok(())
    })
    .with_ignored_flag(!is_there)
}
