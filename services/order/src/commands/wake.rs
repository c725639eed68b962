//! Waking backordered units when stock arrives.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, Utc};
use qm_database::{Database, TenantSet, Tx};
use qm_ids::{ItemId, OrderId, TenantId};
use qm_runtime::CommandError;

use super::{Cause, Change, Context, change};
use crate::{
    domain::{self, Arrivals},
    store::{self, ArrivalKey, Head},
};

/// Pieces that one transaction looks at; who is beyond them is woken by the next one.
const BATCH: usize = 500;
/// Items whose waking goes on in one transaction.
const ITEMS: u64 = 50;

/// Stock that arrived.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// Whose it is.
    pub tenant: TenantId,
    /// What arrived.
    pub item: ItemId,
    /// Units.
    pub quantity: i64,
    /// The event that told.
    pub cause: Cause,
}

/// Wakes units by priority and then age, for at most what arrived.
pub async fn wake(context: &Context, tx: &Tx, arrivals: &[Arrival]) -> Result<(), CommandError> {
    let keys: BTreeSet<ArrivalKey> = arrivals.iter().map(|arrival| (arrival.tenant, arrival.item)).collect();
    let mut books = store::lock_arrivals(tx, &keys).await?;
    let mut causes: BTreeMap<ArrivalKey, Cause> = BTreeMap::new();
    let now = context.clock.now();
    for arrival in arrivals {
        let key = (arrival.tenant, arrival.item);
        books.entry(key).or_default().arrive(arrival.quantity, now);
        causes.entry(key).or_insert_with(|| arrival.cause.clone());
    }
    serve(context, tx, books, &causes).await
}

/// Goes on with waking where one transaction was not enough. Returns for how many items.
pub async fn wake_more(context: &Context, database: &Database) -> Result<usize, CommandError> {
    let unserved = store::unserved(database, ITEMS).await?;
    if unserved.is_empty() {
        return Ok(0);
    }
    let tenants = TenantSet::of(unserved.iter().map(|(tenant, _)| *tenant));
    let unserved = &unserved;
    database
        .write(&tenants, |attempt| {
            Box::pin(async move {
                let books = store::lock_arrivals(attempt.tx(), unserved).await?;
                serve(context, attempt.tx(), books, &BTreeMap::new()).await
            })
        })
        .await?;
    Ok(unserved.len())
}

/// Wakes who waits for what arrived, as many as one transaction takes, and writes what is left of the arrivals. Their
/// rows are locked: nobody begins to wait meanwhile.
async fn serve(
    context: &Context,
    tx: &Tx,
    mut books: BTreeMap<ArrivalKey, Arrivals>,
    causes: &BTreeMap<ArrivalKey, Cause>,
) -> Result<(), CommandError> {
    let wanted: Vec<Head> = books
        .iter()
        .filter(|(_, arrivals)| arrivals.unserved > 0)
        .filter_map(|(key, it)| Some(Head { key: *key, units: it.unserved, arrived_at: it.latest? }))
        .collect();
    let limit = (BATCH / wanted.len().max(1)).max(1);
    let waiting = store::waiting_for(tx, &wanted, limit).await?;
    let mut changes = Vec::new();
    let mut purses = Vec::new();
    for Head { key, units, arrived_at } in wanted {
        let queue = waiting.get(&key).map(Vec::as_slice).unwrap_or_default();
        let purse = Arc::new(Mutex::new(units));
        let cause = causes.get(&key).cloned().unwrap_or_else(service);
        for order in first(queue, units) {
            changes.push(wake_one(key, order, arrived_at, &purse, cause.clone()));
        }
        // A full queue may go on, also when no more units are there than it has pieces: some may be cancelled by now.
        let is_full = queue.len() >= limit || i64::try_from(queue.len()).is_ok_and(|pieces| pieces >= units);
        purses.push((key, purse, is_full));
    }
    for outcome in change(context, tx, changes).await? {
        outcome?;
    }
    for (key, purse, is_full) in purses {
        let left = *purse.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(arrivals) = books.get_mut(&key) else { continue };
        arrivals.serve(arrivals.unserved - left);
        if !is_full {
            arrivals.keep();
        }
    }
    store::save_arrivals(tx, books).await?;
    Ok(())
}

/// The orders at the head of a queue that `units` may wake, each once.
fn first(queue: &[(OrderId, i64)], units: i64) -> Vec<OrderId> {
    let mut left = units;
    let mut orders: Vec<OrderId> = Vec::new();
    for (order, quantity) in queue {
        if left <= 0 {
            break;
        }
        left -= quantity;
        if orders.last() != Some(order) {
            orders.push(*order);
        }
    }
    orders
}

fn wake_one(
    (tenant, item): ArrivalKey,
    order: OrderId,
    arrived_at: DateTime<Utc>,
    purse: &Arc<Mutex<i64>>,
    cause: Cause,
) -> Change {
    let purse = purse.clone();
    Change {
        key: (tenant, order),
        command: "wake",
        cause,
        expected_revision: 0,
        verb: Box::new(move |step| {
            let mut left = purse.lock().unwrap_or_else(PoisonError::into_inner);
            let woken = domain::wake(step, item, *left, arrived_at);
            *left -= woken;
            Ok(format!("{woken} units woken"))
        }),
        then: None,
    }
}

fn service() -> Cause {
    Cause { actor: ("service".to_owned(), "order".to_owned()), ..Cause::default() }
}
