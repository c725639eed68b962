//! Order asks for work.

use qm_database::Tx;
use qm_runtime::CommandError;

use super::{Cause, Context, batch::Batch};
use crate::{
    domain::{self, Request, Step},
    store::{self, ArrivalRow, Key},
};

/// Work that is asked for.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The work.
    pub request: Request,
    /// The event that asked.
    pub cause: Cause,
}

/// Puts work on locations' lists. What is known already is told again; what was recalled before it came is cancelled at
/// once.
pub async fn request(context: &Context, tx: &Tx, asks: &[Ask]) -> Result<(), CommandError> {
    let keys: Vec<Key> = asks.iter().map(|ask| (ask.request.tenant, ask.request.id)).collect();
    // Read before the fulfilments; see `recall`.
    let arrivals = store::arrivals(tx, &keys).await?;
    let mut batch = Batch::lock(context, tx, &keys).await?;
    let mut first = Vec::new();
    for (ask, key) in asks.iter().zip(keys) {
        let step = match batch.get(key) {
            Some(known) => {
                let mut step = Step::new(known.clone(), batch.now);
                domain::repeat(&mut step);
                step
            }
            None => {
                if !arrivals.contains_key(&key) {
                    first.push(ArrivalRow {
                        tenant_id: key.0,
                        fulfilment_id: key.1,
                        order_id: ask.request.order,
                        is_recalled: false,
                        reason: String::new(),
                        arrived_at: batch.now,
                    });
                }
                let is_recalled = arrivals.get(&key).copied().unwrap_or_default();
                domain::request(&ask.request, is_recalled, batch.now)
            }
        };
        batch.take(step.finish(), "request", &ask.cause, "");
    }
    put_arrivals(tx, first).await?;
    batch.write(tx).await
}

/// Keeps the first word about fulfilments; the loser of a race starts over and then finds the winner's.
pub(super) async fn put_arrivals(tx: &Tx, rows: Vec<ArrivalRow>) -> Result<(), CommandError> {
    Ok(store::put_arrivals(tx, rows).await?)
}
