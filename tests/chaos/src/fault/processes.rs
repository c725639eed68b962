//! Processes that die, or freeze.

use std::time::Duration;

use qm_runtime::BuildError;

use super::{Inflicted, postgres};
use crate::{
    supervisor::{children, signal},
    system::System,
};

/// kill -9 of PostgreSQL. Its cause has ended when PostgreSQL has recovered and answers again.
pub async fn kill_postgres(system: &System) -> Result<Inflicted, BuildError> {
    system.supervisor.kill("postgres")?;
    postgres::until_it_answers(system).await?;
    Ok(Inflicted::DONE)
}

/// kill -9; the supervisor starts it again.
pub fn kill(system: &System, name: &str) -> Result<Inflicted, BuildError> {
    system.supervisor.kill(name)?;
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
