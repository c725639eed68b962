//! Ways that are cut, deaf, slow, or forget their connections.

use std::time::Duration;

use qm_runtime::BuildError;

use super::{Fault, Inflicted};
use crate::{link::Weather, services::BOOKKEEPERS, system::System};

/// How much longer each way of a slow network takes.
const DELAY: Duration = Duration::from_millis(50);

/// Which ways a fault spoils.
fn is_spoilt(fault: Fault, from: &str, to: &str) -> bool {
    // The clients' own way, and the harness's, stay as they are.
    if from == "public" || from == "audit" {
        return false;
    }
    match fault {
        Fault::CutPostgres | Fault::DeafPostgres | Fault::ForgottenPostgres => to == "postgres",
        Fault::CutNats | Fault::DeafNats | Fault::ForgottenNats => to == "nats",
        Fault::CutInventory => to == "inventory",
        Fault::DeafGateway => from == "gateway" && BOOKKEEPERS.contains(&to),
        Fault::ForgottenPeers => BOOKKEEPERS.contains(&to),
        Fault::CutRedis => to == "redis",
        Fault::Trickle => to == "postgres" || to == "nats",
        Fault::SlowNetwork | Fault::Resets => true,
        Fault::MailsHang | Fault::MailsTrickle => to == "mails",
        Fault::WebhooksHang => to == "webhooks",
        _ => false,
    }
}

/// A mail that could not be sent is tried again after half a minute, and then after two: a fault of the mail server may meet
/// each mail once, or it would be the pause that is measured.
const MAILS: Duration = Duration::from_secs(15);

/// Spoils ways for a while.
pub async fn spoil(fault: Fault, system: &System, lasting: Duration) -> Result<Inflicted, BuildError> {
    let is_of_mails = [Fault::MailsHang, Fault::MailsFail, Fault::MailsTrickle].contains(&fault);
    let lasting = if is_of_mails { lasting.min(MAILS) } else { lasting };
    let which = |from: &str, to: &str| is_spoilt(fault, from, to);
    let weather = match fault {
        Fault::CutPostgres | Fault::CutNats | Fault::CutInventory | Fault::CutRedis => Weather::Cut,
        Fault::MailsHang | Fault::WebhooksHang => Weather::Cut,
        Fault::DeafPostgres | Fault::DeafNats | Fault::DeafGateway => Weather::Deaf,
        Fault::SlowNetwork => Weather::Slow(DELAY),
        Fault::Trickle | Fault::MailsTrickle => Weather::Trickle,
        Fault::Resets => Weather::Resets,
        Fault::MailsFail => return close(system, "mails", lasting).await,
        Fault::WebhooksFail => return close(system, "webhooks", lasting).await,
        // Those that forget do it at once.
        _ => {
            system.network.forget(which);
            return Ok(Inflicted::DONE);
        }
    };
    system.network.set(weather, which);
    tokio::time::sleep(lasting).await;
    system.network.set(Weather::Clear, which);
    Ok(Inflicted::DONE)
}

/// A receiver is down for a while.
async fn close(system: &System, receiver: &str, lasting: Duration) -> Result<Inflicted, BuildError> {
    system.supervisor.down(receiver)?;
    tokio::time::sleep(lasting).await;
    system.supervisor.up(receiver)?;
    Ok(Inflicted::DONE)
}
