//! Finishes labels that were left half-bought, and gives back those that nobody needs.

use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{pause, pause_after_failure};
use crate::{
    commands::{self, Context},
    store,
};

/// Works until told to stop.
pub async fn run(context: Context, shutdown: CancellationToken) {
    let mut is_failing = false;
    while !shutdown.is_cancelled() {
        let finished = async {
            let count = commands::finish_labels(&context).await?;
            Ok::<_, qm_runtime::CommandError>((count, store::next_intent_due(&context.database).await?))
        };
        let goes_on = match finished.await {
            Ok((0, next)) => {
                is_failing = false;
                pause(&*context.clock, next, &context.wake.labels, &shutdown).await
            }
            Ok(_) => {
                is_failing = false;
                true
            }
            Err(error) => {
                if !is_failing {
                    warn!(error = &error as &dyn std::error::Error, "labels cannot be finished now");
                }
                is_failing = true;
                pause_after_failure(&shutdown).await
            }
        };
        if !goes_on {
            return;
        }
    }
}
