//! Keeping what the database knows of its own tables up to date.

use std::time::Duration;

use qm_database::Database;
use qm_worker::{Rest, Worker};

/// Between two looks. A young table that takes thousands of rows a second is planned for anew within it.
const LOOK: Duration = Duration::from_secs(2);

/// Looks after the statistics of the service's tables; see [`Database::gather_statistics`].
pub fn statistics(database: Database) -> Worker {
    Worker::repeating("statistics", move || {
        let database = database.clone();
        async move {
            // Half of it helps as well, and what fails is due again at the next look.
            if let Err(error) = database.gather_statistics().await {
                tracing::debug!(%error, "statistics could not be gathered");
            }
            Ok::<_, std::convert::Infallible>(Rest::of(LOOK))
        }
    })
}
