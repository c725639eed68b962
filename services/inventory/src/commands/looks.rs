//! Looking at what waits while stock is there. Whoever waits is told of stock when it arrives; this is for what that
//! misses: a location that was too busy for a day, an order that gave up after one rejection too many.

use std::collections::BTreeSet;

use futures::future::BoxFuture;
use qm_database::{Database, TenantSet, Tx};
use qm_runtime::CommandError;

use super::Context;
use crate::{
    domain::Cause,
    events::emit,
    store::{self, ItemKey},
};

/// Items that one transaction looks at.
const ITEMS: u64 = 50;

/// Announces stock of items that still wait after the time set for it, at most of fifty. Returns how many those were.
pub async fn look_at_waits(context: &Context, database: &Database) -> Result<usize, CommandError> {
    let due = store::due_looks(database, context.clock.now(), ITEMS).await?;
    if due.is_empty() {
        return Ok(0);
    }
    let tenants = TenantSet::of(due.iter().map(|(tenant, _)| *tenant));
    let due = &due;
    database
        .write(&tenants, |attempt| -> BoxFuture<'_, Result<(), CommandError>> {
            Box::pin(look(context, attempt.tx(), due))
        })
        .await?;
    Ok(due.len())
}

async fn look(context: &Context, tx: &Tx, due: &BTreeSet<ItemKey>) -> Result<(), CommandError> {
    let now = context.clock.now();
    // Fewer when another process was faster.
    let items = store::lock_looks(tx, due, now).await?;
    let waiting = store::items_that_wait(tx, &items).await?;
    let stock = store::rows_with_stock(tx, &waiting).await?;
    let mut book = context.book();
    store::lock_stock(tx, &mut book, &stock).await?;
    store::put_items(tx, &mut book, &[]).await?;
    store::put_holds(tx, &mut book).await?;
    store::put_waiting(tx, &mut book).await?;
    let cause =
        Cause { actor: ("service".to_owned(), "inventory".to_owned()), occurred_at: now, trace: None };
    for key in stock {
        book.announce(key, &cause);
    }
    store::save(tx, &book).await?;
    context.outbox.append(tx, emit::messages(book.take_events(), now)?).await?;
    store::end_looks(tx, &items, &waiting, now + context.look_again_after).await?;
    Ok(())
}
