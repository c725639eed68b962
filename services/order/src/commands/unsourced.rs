//! Attempts that come to nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use qm_database::Tx;
use qm_ids::{ItemId, LocationId, TenantId};
use qm_runtime::CommandError;

use super::{Cause, Change, Context, Key, Verb, change};
use crate::{
    domain::{self, ArrivalsByItem, LineUnits, Step},
    store::{self, ArrivalKey},
};

/// An attempt, or a part of it, that came to nothing.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The order.
    pub key: Key,
    /// The attempt.
    pub attempt: i32,
    /// What was answered.
    pub answer: Answer,
    /// The event that told.
    pub cause: Cause,
}

/// What an attempt was answered.
#[derive(Debug, Clone)]
pub enum Answer {
    /// No location can fill these units now.
    Unfillable(Vec<LineUnits>),
    /// Nothing of its plan could be reserved; what was short.
    Rejected(Vec<(LocationId, ItemId)>),
}

/// What arrived, by tenant, for verbs that decide one after another.
type Shared = Arc<Mutex<BTreeMap<TenantId, ArrivalsByItem>>>;

/// Records that attempts came to nothing: their units are looked for elsewhere, or wait for stock.
///
/// What arrived of their items is locked before their orders, as [`super::wake`] does it: units that begin to wait are
/// either seen by the next arrival, or see it.
pub async fn fall_short(context: &Context, tx: &Tx, failures: Vec<Failure>) -> Result<(), CommandError> {
    let items = items_at_stake(tx, &failures).await?;
    let before = store::lock_arrivals(tx, &items).await?;
    let mut by_tenant: BTreeMap<TenantId, ArrivalsByItem> = BTreeMap::new();
    for ((tenant, item), arrivals) in &before {
        by_tenant.entry(*tenant).or_default().insert(*item, arrivals.clone());
    }
    let shared: Shared = Arc::new(Mutex::new(by_tenant));
    let changes = failures.into_iter().map(|failure| record(failure, &shared)).collect();
    for outcome in change(context, tx, changes).await? {
        outcome?;
    }
    let after = std::mem::take(&mut *shared.lock().unwrap_or_else(PoisonError::into_inner));
    let changed = after
        .into_iter()
        .flat_map(|(tenant, items)| items.into_iter().map(move |(item, it)| ((tenant, item), it)))
        .filter(|(key, arrivals)| before.get(key) != Some(arrivals))
        .collect();
    store::save_arrivals(tx, changed).await?;
    Ok(())
}

fn record(failure: Failure, shared: &Shared) -> Change {
    let Failure { key, attempt, answer, cause } = failure;
    let look_again = with_arrivals(shared, move |step, arrivals| domain::look_again(step, attempt, arrivals));
    let (command, verb) = match answer {
        Answer::Unfillable(units) => {
            let verb = move |step: &mut Step, arrivals: &mut ArrivalsByItem| {
                domain::record_unfillable(step, attempt, &units, arrivals)
            };
            ("record_unfillable", with_arrivals(shared, verb))
        }
        Answer::Rejected(shortages) => {
            let verb = move |step: &mut Step, arrivals: &mut ArrivalsByItem| {
                domain::record_rejected(step, attempt, &shortages, arrivals)
            };
            ("record_rejected", with_arrivals(shared, verb))
        }
    };
    Change { key, command, cause, expected_revision: 0, verb, then: Some(look_again) }
}

fn with_arrivals(
    shared: &Shared,
    verb: impl FnOnce(&mut Step, &mut ArrivalsByItem) -> String + Send + 'static,
) -> Verb {
    let shared = shared.clone();
    Box::new(move |step| {
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        let arrivals = shared.entry(step.order().tenant).or_default();
        Ok(verb(step, arrivals))
    })
}

/// Items of which units may begin to wait. An attempt has its items and its count of rejections from its beginning, so
/// they can be read before anything is locked.
async fn items_at_stake(tx: &Tx, failures: &[Failure]) -> Result<BTreeSet<ArrivalKey>, CommandError> {
    let mut items = BTreeSet::new();
    let mut rejected = Vec::new();
    for failure in failures {
        match &failure.answer {
            Answer::Unfillable(units) => {
                items.extend(units.iter().map(|units| (failure.key.0, units.item)));
            }
            Answer::Rejected(_) => rejected.push((failure.key, failure.attempt)),
        }
    }
    items.extend(store::items_at_last_try(tx, &rejected).await?);
    Ok(items)
}
