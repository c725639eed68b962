//! Loops beside the consumers.

use std::time::Duration;

use qm_database::Database;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::commands::{self, Context};

/// Between two looks at what is overdue, in real time.
const LOOK: Duration = Duration::from_secs(1);
/// Most that one sweep takes; with as many, the next follows at once.
const FULL: usize = 200;

/// Asks again what was not answered, until told to stop.
pub async fn sweep(context: Context, database: Database, shutdown: CancellationToken) {
    let mut is_failing = false;
    loop {
        match commands::sweep(&context, &database).await {
            Ok(count) => {
                is_failing = false;
                if count > 0 {
                    info!(count, "asked again what was not answered");
                }
                if count == FULL && !shutdown.is_cancelled() {
                    continue;
                }
            }
            Err(error) => {
                if !is_failing {
                    warn!(error = &error as &dyn std::error::Error, "sweeping failed, trying again");
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
