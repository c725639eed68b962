//! What is done beside the consumers, again and again.

use std::time::Duration;

use qm_database::Database;
use qm_runtime::{CommandError, Rest};
use tracing::debug;

use crate::commands::{self, Context};

/// Longest pause between two looks for work, in real time: another process may have left some.
const LOOK: Duration = Duration::from_secs(1);

/// Ends holds whose time is over.
pub async fn expire_holds(context: Context, database: Database) -> Result<Rest, CommandError> {
    let count = commands::expire_holds(&context, &database).await?;
    Ok(rest_after("ended holds whose time is over", count))
}

/// Looks at what waits while stock is there.
pub async fn look_at_waits(context: Context, database: Database) -> Result<Rest, CommandError> {
    let count = commands::look_at_waits(&context, &database).await?;
    Ok(rest_after("looked at what waits", count))
}

/// Lets stock follow the changes of its location.
pub async fn review_stock(context: Context, database: Database) -> Result<Rest, CommandError> {
    let count = commands::review_stock(&context, &database).await?;
    Ok(rest_after("reviewed the stock of changed locations", count))
}

/// None while there is work.
fn rest_after(what: &str, count: usize) -> Rest {
    if count == 0 {
        return Rest::of(LOOK);
    }
    debug!(count, "{what}");
    Rest::none()
}
