//! What is done beside the consumers, again and again.

mod gauges;

use std::time::Duration;

use qm_database::Database;
use qm_runtime::{CommandError, Rest};
use tracing::info;

pub use gauges::{Gauges, gauges};

use crate::commands::{self, Context};

/// Between two looks at what is overdue, in real time.
const LOOK: Duration = Duration::from_secs(1);
/// Most that one sweep takes; with as many, the next follows at once.
const FULL: usize = 200;

/// Asks again what was not answered.
pub async fn sweep(context: Context, database: Database) -> Result<Rest, CommandError> {
    let count = commands::sweep(&context, &database).await?;
    Ok(rest_after("asked again what was not answered", count, FULL))
}

/// Goes on with waking those who wait for stock where one transaction was not enough.
pub async fn wake(context: Context, database: Database) -> Result<Rest, CommandError> {
    let count = commands::wake_more(&context, &database).await?;
    Ok(rest_after("went on with waking", count, 1))
}

/// None when there was as much as `full`.
fn rest_after(what: &str, count: usize, full: usize) -> Rest {
    if count > 0 {
        info!(count, "{what}");
    }
    if count >= full { Rest::none() } else { Rest::of(LOOK) }
}
