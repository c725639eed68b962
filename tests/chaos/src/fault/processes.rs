//! Processes that die, or freeze.

use std::time::Duration;

use qm_runtime::BuildError;

use super::{Inflicted, postgres};
use crate::{
    supervisor::{children, signal},
    system::System,
};

/// How often a process is killed: once alone would seldom meet it in the middle of something.
const KILLS: usize = 3;
/// How long it works at most before it is killed again.
const WORK: Duration = Duration::from_secs(1);
/// How long it may take to be ready again.
const START: Duration = Duration::from_secs(60);

/// kill -9 of PostgreSQL. Its cause has ended when PostgreSQL has recovered and answers again.
pub async fn kill_postgres(system: &System) -> Result<Inflicted, BuildError> {
    system.supervisor.kill("postgres")?;
    postgres::until_it_answers(system).await?;
    Ok(Inflicted::DONE)
}

/// kill -9, a few times, each at some moment of its work; the supervisor starts it again.
pub async fn kill(system: &System, name: &str) -> Result<Inflicted, BuildError> {
    for _ in 0..KILLS {
        system.supervisor.until_ready(name, START).await?;
        tokio::time::sleep(rand::random_range(Duration::ZERO..WORK)).await;
        system.supervisor.kill(name)?;
    }
    Ok(Inflicted::DONE)
}

/// SIGSTOP to a program and its own children for a while, then SIGCONT.
pub async fn freeze(system: &System, name: &str, lasting: Duration) -> Result<Inflicted, BuildError> {
    let pid = system.supervisor.pid(name)?;
    // First the parent, which then has no more children.
    signal(pid, "STOP")?;
    let children = children(pid);
    // One that ended meanwhile need not be stopped.
    children.iter().for_each(|child| drop(signal(*child, "STOP")));
    tokio::time::sleep(lasting).await;
    children.iter().for_each(|child| drop(signal(*child, "CONT")));
    signal(pid, "CONT")?;
    Ok(Inflicted::DONE)
}
