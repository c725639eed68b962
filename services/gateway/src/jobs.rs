//! What the gateway does besides answering.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::{directory::Directory, http::Credentials, store};

/// How often it is written down which keys were used, in real time.
const PAUSE: Duration = Duration::from_secs(10);

/// Writes down when keys were last used. What is lost with a process is at most a minute's worth, and told by the next use.
pub async fn write_last_use(directory: Directory, credentials: Credentials, shutdown: CancellationToken) {
    loop {
        let is_last = tokio::select! {
            () = tokio::time::sleep(PAUSE) => false,
            () = shutdown.cancelled() => true,
        };
        let used = credentials.take_used();
        if !used.is_empty()
            && let Err(error) = store::touch_keys(directory.database(), &used).await
        {
            tracing::warn!(%error, "when keys were last used cannot be written down");
        }
        if is_last {
            return;
        }
    }
}
