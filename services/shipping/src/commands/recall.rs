//! Order wants work back.

use std::collections::HashSet;

use qm_database::Tx;
use qm_ids::OrderId;
use qm_runtime::CommandError;

use super::{Cause, Context, batch::Batch, request::put_arrivals};
use crate::{
    domain::{self, Step},
    store::{self, ArrivalRow, Key},
};

/// A recall.
#[derive(Debug, Clone)]
pub struct Recall {
    /// The fulfilment.
    pub key: Key,
    /// The order.
    pub order: OrderId,
    /// In words.
    pub reason: String,
    /// The event that asked.
    pub cause: Cause,
}

/// Recalls work. A recall of what is not known yet is kept, and the request answers it when it comes.
pub async fn recall(context: &Context, tx: &Tx, recalls: &[Recall]) -> Result<(), CommandError> {
    let keys: Vec<Key> = recalls.iter().map(|recall| recall.key).collect();
    // Read before the fulfilments, as `request` does: a request that commits in between is then met by its fulfilment or
    // by its arrival's key, and never missed by both.
    let mut arrived: HashSet<Key> = store::arrivals(tx, &keys).await?.into_keys().collect();
    let mut batch = Batch::lock(context, tx, &keys).await?;
    let mut first = Vec::new();
    for recall in recalls {
        if let Some(known) = batch.get(recall.key) {
            let mut step = Step::new(known.clone(), batch.now);
            domain::recall(&mut step);
            batch.take(step.finish(), "recall", &recall.cause, &recall.reason);
        } else if arrived.insert(recall.key) {
            first.push(ArrivalRow {
                tenant_id: recall.key.0,
                fulfilment_id: recall.key.1,
                order_id: recall.order,
                is_recalled: true,
                reason: recall.reason.clone(),
                arrived_at: batch.now,
            });
        }
    }
    put_arrivals(tx, first).await?;
    batch.write(tx).await
}
