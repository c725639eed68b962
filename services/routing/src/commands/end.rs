//! What becomes of plans after they were announced.

use chrono::{DateTime, Utc};
use qm_database::Tx;
use qm_ids::{FulfilmentId, OrderId, PlanId, TenantId};
use qm_messaging::HandleError;

use super::Context;
use crate::{
    domain::{EndReason, LetGo, Plan},
    store::{self, Key},
};

/// What happened to a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Whose.
    pub tenant: TenantId,
    /// The plan.
    pub plan: PlanId,
    /// What.
    pub verb: Verb,
}

/// What may happen to a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    /// Order lets units go. A plan that is not made yet remembers it.
    Release {
        /// The order.
        order: OrderId,
        /// The units.
        let_go: LetGo,
    },
    /// Stock that backed units turned out not to be there.
    Break(LetGo),
    /// Inventory could not reserve it.
    Reject,
    /// Units of a fulfilment left.
    Issue(FulfilmentId),
}

/// Carries changes out one after another: a later one sees what an earlier one did. What is told of a plan that nobody
/// here made is left alone, except for a release, which may overtake its plan.
pub async fn change(context: &Context, tx: &Tx, changes: Vec<Change>) -> Result<(), HandleError> {
    let keys: Vec<Key> = changes.iter().map(|change| (change.tenant, change.plan)).collect();
    let before = store::lock_many(tx, keys.iter().copied()).await?;
    let mut after = before.clone();
    let now = context.clock.now();
    for (change, key) in changes.into_iter().zip(keys) {
        if let Verb::Release { order, .. } = &change.verb {
            after.entry(key).or_insert_with(|| Plan::tombstone(key.0, key.1, *order));
        }
        if let Some(plan) = after.get_mut(&key) {
            apply(plan, change.verb, now);
        }
    }
    Ok(store::save(tx, &before, &after).await?)
}

fn apply(plan: &mut Plan, verb: Verb, now: DateTime<Utc>) {
    match verb {
        Verb::Release { let_go, .. } => plan.let_go(let_go, EndReason::Released, now),
        Verb::Break(let_go) => plan.let_go(let_go, EndReason::Broken, now),
        Verb::Reject => plan.reject(now),
        Verb::Issue(fulfilment) => plan.issue(fulfilment, now),
    }
}
