//! Stock follows the changes of its location, page by page: a location may hold a hundred thousand rows.

use std::collections::BTreeSet;

use futures::future::BoxFuture;
use qm_database::{Database, TenantSet, Tx};
use qm_runtime::CommandError;

use super::Context;
use crate::{
    domain::{Cause, LocationRules},
    events::emit,
    store::{self, LocationKey},
};

/// Locations that one look takes, a page of each, so that a large one does not delay the others.
const LOCATIONS: u64 = 20;
/// Stock rows in one transaction.
const PAGE: usize = 500;

/// Reviews a page of the stock of each location that waits for it, at most of twenty. Returns how many those were.
pub async fn review_stock(context: &Context, database: &Database) -> Result<usize, CommandError> {
    let waiting = store::waiting_reviews(database, LOCATIONS).await?;
    let mut failed = None;
    for location in &waiting {
        let reviewed = database
            .write(&TenantSet::one(location.0), |attempt| -> BoxFuture<'_, Result<(), CommandError>> {
                Box::pin(review_page(context, attempt.tx(), *location))
            })
            .await;
        // One that fails does not keep the others from theirs.
        failed = failed.or(reviewed.err());
    }
    failed.map_or(Ok(waiting.len()), Err)
}

async fn review_page(context: &Context, tx: &Tx, location: LocationKey) -> Result<(), CommandError> {
    let now = context.clock.now();
    // It is gone when another process was faster.
    let Some(review) = store::lock_review(tx, location).await? else { return Ok(()) };
    let Some(row) = store::locations_by_id(tx, [location]).await?.remove(&location.1) else { return Ok(()) };
    let rules = LocationRules {
        safety: row.safety_units,
        is_active: row.active,
        was_opened: review.was_opened && row.active,
    };
    let page = store::rows_to_review(tx, &review, PAGE as u64).await?;
    let (is_last, last) = (page.len() < PAGE, page.last().map(|row| row.item_id));
    let concerned = page.into_iter().filter(|row| rules.concern(row.safety, row.sellable));
    let keys: BTreeSet<_> = concerned.map(|row| (row.tenant_id, row.stock_id)).collect();
    let mut book = context.book();
    store::lock_stock(tx, &mut book, &keys).await?;
    store::put_items(tx, &mut book, &[]).await?;
    store::put_holds(tx, &mut book).await?;
    store::put_waiting(tx, &mut book).await?;
    let cause =
        Cause { actor: ("service".to_owned(), "inventory".to_owned()), occurred_at: now, trace: None };
    for key in keys {
        book.review(key, &rules, &cause);
    }
    store::save(tx, &book).await?;
    context.outbox.append(tx, emit::messages(book.take_events(), now)?).await?;
    if is_last {
        store::end_review(tx, location).await?;
    } else {
        let review = store::StockReview { after_item_id: last, touched_at: now, ..review };
        store::continue_review(tx, review).await?;
    }
    Ok(())
}
