//! Loops beside the consumers.

mod gauges;

use std::time::Duration;

use qm_database::Database;
use qm_runtime::CommandError;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

pub use gauges::{Gauges, gauges};

use crate::commands::{self, Context};

/// Between two looks at what is overdue, in real time.
const LOOK: Duration = Duration::from_secs(1);
/// Most that one sweep takes; with as many, the next follows at once.
const FULL: usize = 200;

/// Asks again what was not answered, until told to stop.
pub async fn sweep(context: Context, database: Database, shutdown: CancellationToken) {
    repeat("asked again what was not answered", FULL, &shutdown, || commands::sweep(&context, &database))
        .await;
}

/// Goes on with waking those who wait for stock where one transaction was not enough, until told to stop.
pub async fn wake(context: Context, database: Database, shutdown: CancellationToken) {
    repeat("went on with waking", 1, &shutdown, || commands::wake_more(&context, &database)).await;
}

/// Does a job until told to stop: at once when there was as much as `full`, else after a pause.
async fn repeat<F>(what: &str, full: usize, shutdown: &CancellationToken, job: impl Fn() -> F)
where
    F: Future<Output = Result<usize, CommandError>>,
{
    let mut is_failing = false;
    loop {
        match job().await {
            Ok(count) => {
                is_failing = false;
                if count > 0 {
                    info!(count, "{what}");
                }
                if count >= full && !shutdown.is_cancelled() {
                    continue;
                }
            }
            Err(error) => {
                if !is_failing {
                    warn!(error = &error as &dyn std::error::Error, job = what, "failed, trying again");
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
