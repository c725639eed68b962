//! More than one process of a service at a time.

use std::time::Duration;

use qm_runtime::BuildError;

use super::Inflicted;
use crate::{services::SERVICES, system::System};

/// What is added to a service's name for its second process.
const SECOND: &str = "-2";
/// How long a process that is to end still gets calls from those who have not heard of it.
const NOTICE: Duration = Duration::from_secs(1);

/// A second process of every service for a while; then it is killed, with whatever it was doing.
pub async fn two_of_each(system: &System, lasting: Duration) -> Result<Inflicted, BuildError> {
    let mut seconds = Vec::new();
    for service in SERVICES {
        seconds.push((service, system.add_replica(service, SECOND).await?));
    }
    tokio::time::sleep(lasting).await;
    for (service, address) in seconds {
        system.network.target(service).remove(address);
        system.supervisor.down(&format!("{service}{SECOND}"))?;
    }
    Ok(Inflicted::DONE)
}

/// Each service in turn gets a second process, ends the first in order, starts it anew, and ends the second. Nobody may be
/// refused meanwhile.
pub async fn roll(system: &System) -> Result<Inflicted, BuildError> {
    for service in SERVICES {
        let second = system.add_replica(service, SECOND).await?;
        let first = system.network.target(service).addresses().into_iter().find(|it| *it != second);
        let first = first.ok_or("there is no first process")?;
        end(system, service, "", first).await?;
        system.supervisor.up(service)?;
        system.supervisor.until_ready(service, Duration::from_secs(60)).await?;
        system.network.target(service).add(first);
        end(system, service, SECOND, second).await?;
    }
    Ok(Inflicted::DONE)
}

async fn end(
    system: &System,
    service: &str,
    replica: &str,
    address: std::net::SocketAddr,
) -> Result<(), BuildError> {
    system.network.target(service).remove(address);
    tokio::time::sleep(NOTICE).await;
    let name = format!("{service}{replica}");
    if !system.supervisor.terminate(&name).await? {
        return Err(format!("{name} did not end in order").into());
    }
    Ok(())
}
