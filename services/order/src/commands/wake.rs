//! Waking backordered units when stock arrives.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use qm_database::Tx;
use qm_ids::{ItemId, TenantId};
use qm_runtime::CommandError;

use super::{Cause, Change, Context, change};
use crate::{domain, store};

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
    // Arrivals of one item share a purse, so that a batch of them wakes no more than their sum.
    let mut purses: BTreeMap<(TenantId, ItemId), (i64, Cause)> = BTreeMap::new();
    for arrival in arrivals {
        let purse = purses.entry((arrival.tenant, arrival.item)).or_insert((0, arrival.cause.clone()));
        purse.0 = purse.0.saturating_add(arrival.quantity);
    }
    let mut changes = Vec::new();
    for ((tenant, item), (quantity, cause)) in purses {
        let left = Arc::new(Mutex::new(quantity));
        for order in store::waiting_for(tx, tenant, item, quantity).await? {
            let left = left.clone();
            changes.push(Change {
                key: (tenant, order),
                command: "wake",
                cause: cause.clone(),
                expected_revision: 0,
                verb: Box::new(move |step| {
                    let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
                    let woken = domain::wake(step, item, *left);
                    *left -= woken;
                    Ok(format!("{woken} units woken"))
                }),
            });
        }
    }
    change(context, tx, changes).await?;
    Ok(())
}
