//! Any verb on fulfilments that exist.

use qm_database::Tx;
use qm_refusal::Refusal;
use qm_runtime::CommandError;

use super::{Cause, Context, batch::Batch};
use crate::{
    domain::{Fulfilment, Step},
    store::Key,
};

/// A verb of the domain with its arguments.
pub type Verb<T> = Box<dyn FnOnce(&mut Step) -> Result<T, Refusal> + Send>;

/// A verb to carry out on a fulfilment.
pub struct Change<T> {
    /// The fulfilment.
    pub key: Key,
    /// The verb's name in the journal.
    pub command: &'static str,
    /// Who asked, and because of what.
    pub cause: Cause,
    /// Refused unless the fulfilment has this version; 0 for any.
    pub expected_version: i64,
    /// Why, in the asker's words; may be empty.
    pub note: String,
    /// The verb.
    pub verb: Verb<T>,
}

impl<T> std::fmt::Debug for Change<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Change")
            .field("key", &self.key)
            .field("command", &self.command)
            .finish_non_exhaustive()
    }
}

/// Carries verbs out one after another: a later one sees what an earlier one did, and a refusal is that verb's alone.
/// Returns the fulfilment after each verb with the verb's answer, in the order asked for.
pub async fn change<T: Send>(
    context: &Context,
    tx: &Tx,
    changes: Vec<Change<T>>,
) -> Result<Vec<Result<(Fulfilment, T), Refusal>>, CommandError> {
    let keys: Vec<Key> = changes.iter().map(|change| change.key).collect();
    let mut batch = Batch::lock(context, tx, &keys).await?;
    let mut outcomes = Vec::with_capacity(changes.len());
    for change in changes {
        let Some(fulfilment) = batch.get(change.key) else {
            outcomes.push(Err(Refusal::not_found("fulfilment")));
            continue;
        };
        if change.expected_version != 0 && change.expected_version != fulfilment.version {
            let message = format!("the fulfilment is at version {}", fulfilment.version);
            outcomes.push(Err(Refusal::precondition_failed(message)));
            continue;
        }
        let mut step = Step::new(fulfilment.clone(), batch.now);
        match (change.verb)(&mut step) {
            Ok(answer) => {
                let decision = step.finish();
                outcomes.push(Ok((decision.fulfilment.clone(), answer)));
                batch.take(decision, change.command, &change.cause, &change.note);
            }
            Err(refusal) => outcomes.push(Err(refusal)),
        }
    }
    batch.write(tx).await?;
    Ok(outcomes)
}
