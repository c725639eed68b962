//! Holds whose time is over.

use std::collections::BTreeSet;

use futures::future::BoxFuture;
use qm_database::{Database, TenantSet};
use qm_runtime::CommandError;

use super::Context;
use crate::{domain::Cause, events::emit, store};

/// Holds ended at a time.
const BATCH: u64 = 200;

/// Ends the holds that are over, at most a batch. Returns how many those were.
pub async fn expire_holds(context: &Context, database: &Database) -> Result<usize, CommandError> {
    let due = store::due_holds(database, context.clock.now(), BATCH).await?;
    if due.is_empty() {
        return Ok(0);
    }
    let tenants = TenantSet::of(due.iter().map(|hold| hold.tenant));
    let due = &due;
    database
        .write(&tenants, |attempt| -> BoxFuture<'_, Result<(), CommandError>> {
            Box::pin(async move {
                let tx = attempt.tx();
                let mut book = context.book();
                let stock: BTreeSet<_> = due.iter().map(|hold| hold.stock_key()).collect();
                store::lock_stock(tx, &mut book, &stock).await?;
                store::put_items(tx, &mut book, &[]).await?;
                // Read again under the lock: a plan may have drawn on them.
                store::put_holds(tx, &mut book).await?;
                store::put_waiting(tx, &mut book).await?;
                let cause = Cause {
                    actor: ("service".to_owned(), "inventory".to_owned()),
                    occurred_at: context.clock.now(),
                    trace: None,
                };
                for hold in due {
                    book.expire((hold.tenant, hold.id), &cause);
                }
                store::save(tx, &book).await?;
                let events = emit::messages(book.take_events(), context.clock.now())?;
                Ok(context.outbox.append(tx, events).await?)
            })
        })
        .await?;
    Ok(due.len())
}
