//! Asking again what was not answered.

use qm_database::{Database, TenantSet};
use qm_runtime::CommandError;

use super::{Cause, Change, Context, Key, change};
use crate::{domain, store};

/// Orders swept at a time.
const BATCH: u64 = 200;

/// Asks again for the orders whose questions are overdue, at most a batch. Returns how many orders that was.
pub async fn sweep(context: &Context, database: &Database) -> Result<usize, CommandError> {
    let overdue = store::overdue(database, context.clock.now(), BATCH).await?;
    if overdue.is_empty() {
        return Ok(0);
    }
    let tenants = TenantSet::of(overdue.iter().map(|(tenant, _)| *tenant));
    let changes = |keys: &[Key]| -> Vec<Change> { keys.iter().copied().map(sweep_one).collect() };
    let overdue = &overdue;
    database
        .write(&tenants, |attempt| {
            Box::pin(async move {
                change(context, attempt.tx(), changes(overdue)).await?;
                Ok::<_, CommandError>(())
            })
        })
        .await?;
    Ok(overdue.len())
}

fn sweep_one(key: Key) -> Change {
    Change {
        key,
        command: "sweep",
        cause: Cause { actor: ("service".to_owned(), "order".to_owned()), ..Cause::default() },
        expected_revision: 0,
        then: None,
        verb: Box::new(|step| {
            let count = domain::sweep(step);
            Ok(format!("{count} questions asked again"))
        }),
    }
}
