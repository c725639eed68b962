//! Loops beside the consumers.

use std::time::Duration;

use futures::future::BoxFuture;
use qm_database::Database;
use qm_runtime::CommandError;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::commands::{self, Context};

/// Longest pause between two looks for work, in real time: another process may have left some.
const LOOK: Duration = Duration::from_secs(1);

/// Ends holds whose time is over, until told to stop.
pub async fn expire_holds(context: Context, database: Database, shutdown: CancellationToken) {
    let never = Notify::new();
    repeat("ending holds whose time is over", &never, &shutdown, || {
        Box::pin(commands::expire_holds(&context, &database))
    })
    .await;
}

/// Looks at what waits while stock is there, until told to stop.
pub async fn look_at_waits(context: Context, database: Database, shutdown: CancellationToken) {
    let never = Notify::new();
    repeat("looking at what waits", &never, &shutdown, || {
        Box::pin(commands::look_at_waits(&context, &database))
    })
    .await;
}

/// Lets stock follow the changes of its location, until told to stop.
pub async fn review_stock(context: Context, database: Database, shutdown: CancellationToken) {
    repeat("reviewing the stock of changed locations", &context.reviews, &shutdown, || {
        Box::pin(commands::review_stock(&context, &database))
    })
    .await;
}

/// Takes a step after the other while there is work, and otherwise looks again when woken or after a while.
async fn repeat<'a>(
    what: &str,
    woken: &Notify,
    shutdown: &CancellationToken,
    step: impl Fn() -> BoxFuture<'a, Result<usize, CommandError>>,
) {
    let mut is_failing = false;
    while !shutdown.is_cancelled() {
        match step().await {
            Ok(0) => is_failing = false,
            Ok(count) => {
                is_failing = false;
                debug!(count, "{what}");
                continue;
            }
            Err(error) => {
                if !is_failing {
                    warn!(error = &error as &dyn std::error::Error, "{what} failed, trying again");
                }
                is_failing = true;
            }
        }
        tokio::select! {
            () = woken.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
            () = shutdown.cancelled() => return,
        }
    }
}
