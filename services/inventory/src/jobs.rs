//! Loops beside the consumers.

use std::time::Duration;

use qm_database::Database;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::commands::{self, Context};

/// Between two looks for holds that are over, in real time.
const LOOK: Duration = Duration::from_secs(1);
/// Most that one sweep takes; with as many, the next follows at once.
const FULL: usize = 200;

/// Ends holds whose time is over, until told to stop.
pub async fn expire_holds(context: Context, database: Database, shutdown: CancellationToken) {
    let mut is_failing = false;
    loop {
        match commands::expire_holds(&context, &database).await {
            Ok(count) => {
                is_failing = false;
                if count > 0 {
                    info!(count, "ended holds whose time was over");
                }
                if count == FULL && !shutdown.is_cancelled() {
                    continue;
                }
            }
            Err(error) => {
                if !is_failing {
                    warn!(error = &error as &dyn std::error::Error, "ending holds failed, trying again");
                }
                is_failing = true;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = shutdown.cancelled() => return,
        }
    }
}
