//! What one connection, and all of them, may cost.

use std::{any::Any, time::Duration};

use actix_web::{dev::Extensions, rt::net::TcpStream};
use socket2::SockRef;

/// How long an answer may lie unread before its connection is dropped.
const UNREAD_FOR: Duration = Duration::from_secs(30);

/// How many connections there may be: as many as were asked for, and never so many that no file can be opened for anything
/// else. The process's own limit of open files is raised as far as it may be.
pub(super) fn bound(asked: usize) -> usize {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(files) => asked.min(usize::try_from(files / 2).unwrap_or(usize::MAX)),
        Err(error) => {
            tracing::warn!(%error, "the limit of open files is unknown");
            asked
        }
    }
}

/// Has the system drop a connection whose client takes nothing of what was sent to it. Nothing above would notice: a stream
/// is written only as fast as it is read.
pub(super) fn drop_when_unread(connection: &dyn Any, _: &mut Extensions) {
    #[cfg(target_os = "linux")]
    if let Some(stream) = connection.downcast_ref::<TcpStream>()
        && let Err(error) = SockRef::from(stream).set_tcp_user_timeout(Some(UNREAD_FOR))
    {
        tracing::debug!(%error, "a connection has no limit for what lies unread");
    }
}
