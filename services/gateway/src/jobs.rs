//! What the gateway does besides answering.

use std::time::Duration;

use qm_runtime::Rest;

use crate::{directory::Directory, http::Credentials, store};

/// How often it is written down which keys were used, in real time.
const PAUSE: Duration = Duration::from_secs(10);

/// Writes down when keys were last used. What is lost with a process is at most a minute's worth, and told by the next use.
pub async fn write_last_use(
    directory: Directory,
    credentials: Credentials,
) -> Result<Rest, qm_database::Error> {
    let used = credentials.take_used();
    if !used.is_empty() {
        store::touch_keys(directory.database(), &used).await?;
    }
    Ok(Rest::of(PAUSE))
}
