//! What others were told of fulfilments, put back into a database that has forgotten it.

use std::collections::BTreeMap;

use qm_database::Tx;
use qm_messaging::HandleError;

use super::{Cause, Context, batch::Batch};
use crate::{
    domain::{self, Step, Told},
    store::Key,
};

/// Something that others were told of a fulfilment.
#[derive(Debug, Clone)]
pub struct Remembered {
    /// The fulfilment.
    pub key: Key,
    /// The version that it had then; 0 where it was not told.
    pub version: i64,
    /// What.
    pub told: Told,
    /// The event that told it.
    pub cause: Cause,
}

/// Brings fulfilments to where others were told that they stand.
pub async fn remember(context: &Context, tx: &Tx, told: Vec<Remembered>) -> Result<(), HandleError> {
    let mut of: BTreeMap<Key, Vec<Remembered>> = BTreeMap::new();
    for it in told {
        of.entry(it.key).or_default().push(it);
    }
    let keys: Vec<Key> = of.keys().copied().collect();
    let mut batch = Batch::lock(context, tx, &keys).await?;
    for (key, told) in of {
        let Some(fulfilment) = batch.get(key) else {
            // Its request comes before all else that is told of it, and was taken in first.
            return Err(HandleError::poison(format!("{} is not known", key.1)));
        };
        let mut step = Step::new(fulfilment.clone(), batch.now);
        domain::remember(&mut step, told.iter().map(|it| &it.told));
        let mut decision = step.finish();
        let version = told.iter().map(|it| it.version).max().unwrap_or(0);
        decision.fulfilment.version = decision.fulfilment.version.max(version);
        let cause = told.into_iter().next_back().map(|it| it.cause).unwrap_or_default();
        batch.take_silently(decision, "remember", &cause, "");
    }
    Ok(batch.write(tx).await?)
}
