//! Loops that do what is due.

pub mod labels;
pub mod scans;

use std::time::Duration;

use chrono::{DateTime, Utc};
use qm_clock::Clock;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Longest pause between two looks at what waits, in real time: another process may have added to it.
const POLL: Duration = Duration::from_secs(1);
/// Pause after a failure, in real time.
const AFTER_FAILURE: Duration = Duration::from_secs(2);

/// Pauses until there may be something to do. False when the loop shall end.
async fn pause(
    clock: &dyn Clock,
    next_due: Option<DateTime<Utc>>,
    woken: &Notify,
    shutdown: &CancellationToken,
) -> bool {
    let due = async {
        match next_due {
            Some(due) => clock.sleep_until(due).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = woken.notified() => true,
        () = due => true,
        () = tokio::time::sleep(POLL) => true,
        () = shutdown.cancelled() => false,
    }
}

/// Pauses after a failure, so that a loop does not spin. False when the loop shall end.
async fn pause_after_failure(shutdown: &CancellationToken) -> bool {
    tokio::select! {
        () = tokio::time::sleep(AFTER_FAILURE) => true,
        () = shutdown.cancelled() => false,
    }
}
