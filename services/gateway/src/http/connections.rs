//! What one connection, and all of them, may cost.

use std::{
    any::Any,
    net::Shutdown,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError, Weak},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use actix_web::{
    body::{BodySize, MessageBody},
    dev::Extensions,
    rt::net::TcpStream,
    web::Bytes,
};
use socket2::{SockRef, Socket};
use tokio_util::sync::CancellationToken;

/// How long an answer may lie unread before its connection is dropped.
const UNREAD_FOR: Duration = Duration::from_secs(30);
/// How often it is looked for those that have been without one for too long.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Files that a connection takes: the server's, and the one by which it can be shut down.
const FILES: u64 = 2;

/// How many connections there may be: as many as were asked for, and never so many that no file can be opened for anything
/// else. The process's own limit of open files is raised as far as it may be.
pub(super) fn bound(asked: usize) -> usize {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(files) => asked.min(usize::try_from(files / (FILES + 1)).unwrap_or(usize::MAX)),
        Err(error) => {
            tracing::warn!(%error, "the limit of open files is unknown");
            asked
        }
    }
}

/// All connections that are open.
///
/// The server itself gives only the first head of a connection a time limit, so that one answered request would allow a
/// head that trickles for ever. Here a connection is shut down that has been without a request for as long as a client may
/// think and then send a head.
#[derive(Debug, Clone)]
pub struct Connections {
    open: Arc<Mutex<Vec<Weak<Connection>>>>,
    patience: Duration,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    socket: Socket,
    use_: Mutex<Use>,
}

#[derive(Debug)]
struct Use {
    /// Requests whose answers are not written.
    serving: usize,
    /// When the last of them was, or the connection was opened.
    since: Instant,
}

/// A request that is being served.
#[derive(Debug)]
pub(super) struct Serving(Arc<Connection>);

impl Connections {
    /// Of a server that keeps a connection for `keep_alive` between two requests, and lets a head take `head_timeout`.
    pub fn new(keep_alive: Duration, head_timeout: Duration) -> Self {
        Self { open: Arc::default(), patience: keep_alive + head_timeout }
    }

    /// Takes note of a new connection.
    pub(super) fn opened(&self, connection: &dyn Any, data: &mut Extensions) {
        let Some(stream) = connection.downcast_ref::<TcpStream>() else { return };
        let socket = SockRef::from(stream);
        // Has the system drop it when the client takes nothing of what was sent to it. Nothing above would notice: a stream
        // is written only as fast as it is read.
        #[cfg(target_os = "linux")]
        if let Err(error) = socket.set_tcp_user_timeout(Some(UNREAD_FOR)) {
            tracing::debug!(%error, "a connection has no limit for what lies unread");
        }
        match socket.try_clone() {
            Ok(socket) => {
                let use_ = Mutex::new(Use { serving: 0, since: Instant::now() });
                let connection = Arc::new(Connection { socket, use_ });
                self.lock().push(Arc::downgrade(&connection));
                data.insert(connection);
            }
            Err(error) => tracing::debug!(%error, "a connection has no limit for heads after the first"),
        }
    }

    /// Shuts connections down that have been without a request for too long, until `shutdown`.
    pub async fn watch(&self, shutdown: CancellationToken) {
        while shutdown.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
            let mut waiting = Vec::new();
            self.lock().retain(|connection| match connection.upgrade() {
                Some(connection) => {
                    waiting.push(connection);
                    true
                }
                None => false,
            });
            for connection in waiting.into_iter().filter(|it| it.is_without_request_for(self.patience)) {
                // The server sees the end of what it reads, and still writes what it has to. Fails when the client was faster.
                let _ = connection.socket.shutdown(Shutdown::Read);
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Weak<Connection>>> {
        // Every entry is whole at any time.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// A request has come; it is served until what this gives is dropped.
    pub(super) fn serve(self: &Arc<Self>) -> Serving {
        self.lock().serving += 1;
        Serving(Arc::clone(self))
    }

    fn is_without_request_for(&self, patience: Duration) -> bool {
        let use_ = self.lock();
        use_.serving == 0 && use_.since.elapsed() > patience
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Use> {
        self.use_.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let mut use_ = self.0.lock();
        use_.serving -= 1;
        use_.since = Instant::now();
    }
}

/// An answer's body, whose request is served until it is written.
pub(super) struct Answer<B> {
    body: Pin<Box<B>>,
    _serving: Option<Serving>,
}

impl<B> Answer<B> {
    pub(super) fn new(body: B, serving: Option<Serving>) -> Self {
        Self { body: Box::pin(body), _serving: serving }
    }
}

impl<B: MessageBody> MessageBody for Answer<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        self.body.as_mut().poll_next(cx)
    }
}
