//! What can be wrong with PostgreSQL while it runs.

use std::{fs, time::Duration};

use qm_runtime::BuildError;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use super::Inflicted;
use crate::{
    parts::Postgres,
    supervisor::{children, signal},
    system::System,
};

/// The databases of the services.
const OURS: &str = "datname LIKE 'qm\\_%' AND pid <> pg_backend_pid()";

/// How long it may take to recover.
const RECOVERY: Duration = Duration::from_secs(120);

fn postgres(system: &System) -> Result<&Postgres, BuildError> {
    system.postgres.as_ref().ok_or_else(|| "this system has no PostgreSQL".into())
}

/// Waits until it has recovered: whoever connects before that is told to wait.
pub async fn until_it_answers(system: &System) -> Result<(), BuildError> {
    let (postgres, began) = (postgres(system)?, std::time::Instant::now());
    while let Err(error) = postgres.sql("postgres", "SELECT 1").await {
        if began.elapsed() > RECOVERY {
            return Err(error);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// kill -9 of a process that serves order.
pub async fn kill_session(system: &System) -> Result<Inflicted, BuildError> {
    let serves_order = |pid: &u32| {
        let title = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        title.contains("quartermaster qm_order")
    };
    let sessions = children(system.supervisor.pid("postgres")?);
    let session = sessions.into_iter().find(serves_order).ok_or("nobody is connected to order's database")?;
    signal(session, "KILL")?;
    until_it_answers(system).await?;
    Ok(Inflicted::DONE)
}

/// A fast shutdown, and a start.
pub async fn restart(system: &System) -> Result<Inflicted, BuildError> {
    signal(system.supervisor.pid("postgres")?, "INT")?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    until_it_answers(system).await?;
    Ok(Inflicted::DONE)
}

/// A guest takes every connection that there is, and lets go after a while.
///
/// Guests introduce themselves and then do not say their password; each has a place nevertheless. The server shows them out
/// after `authentication_timeout`, a minute, so they keep coming.
pub async fn take_connections(system: &System, lasting: Duration) -> Result<Inflicted, BuildError> {
    let postgres = postgres(system)?;
    let end_all = format!("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {OURS}");
    postgres.sql("postgres", &end_all).await?;
    let mut guests = Vec::new();
    let ending = tokio::time::Instant::now() + lasting;
    while tokio::time::Instant::now() < ending {
        // Places that somebody else gave up meanwhile are taken as well.
        guests.retain(is_in);
        while guests.len() < postgres.connections() {
            guests.push(visit(postgres).await?);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(Inflicted::DONE)
}

/// Connects and says who it is, and nothing more.
async fn visit(postgres: &Postgres) -> Result<TcpStream, BuildError> {
    let parameters = b"user\0quartermaster\0database\0postgres\0\0";
    let mut message = Vec::new();
    message.extend_from_slice(&u32::try_from(parameters.len() + 8)?.to_be_bytes());
    message.extend_from_slice(&(3_u32 << 16).to_be_bytes());
    message.extend_from_slice(parameters);
    let mut stream = TcpStream::connect(postgres.address).await?;
    stream.write_all(&message).await?;
    Ok(stream)
}

/// Whether it was not shown out yet.
fn is_in(guest: &TcpStream) -> bool {
    let mut buffer = [0; 512];
    loop {
        match guest.try_read(&mut buffer) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(error) => return error.kind() == std::io::ErrorKind::WouldBlock,
        }
    }
}

/// A service's database is lost, and a copy of it is put in its place that is `lasting` old.
pub async fn go_back(system: &System, service: &str, lasting: Duration) -> Result<Inflicted, BuildError> {
    let (postgres, database) = (postgres(system)?, format!("qm_{service}"));
    let copy = system.folder().join(format!("{database}.copy"));
    postgres.back_up(&database, &copy).await?;
    tokio::time::sleep(lasting).await;
    system.supervisor.down(service)?;
    postgres.restore(&database, &copy).await?;
    system.supervisor.up(service)?;
    Ok(Inflicted::DONE)
}

/// Nothing can be written for a while, in any session.
pub async fn read_only(system: &System, lasting: Duration) -> Result<Inflicted, BuildError> {
    let postgres = postgres(system)?;
    set_read_only(postgres, "on").await?;
    tokio::time::sleep(lasting).await;
    set_read_only(postgres, "off").await?;
    Ok(Inflicted::DONE)
}

async fn set_read_only(postgres: &Postgres, value: &str) -> Result<(), BuildError> {
    postgres.sql("postgres", &format!("ALTER SYSTEM SET default_transaction_read_only = {value}")).await?;
    postgres.sql("postgres", "SELECT pg_reload_conf()").await?;
    Ok(())
}
