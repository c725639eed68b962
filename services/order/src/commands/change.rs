//! Any verb on orders that exist.

use std::collections::BTreeMap;

use qm_database::Tx;
use qm_refusal::Refusal;
use qm_runtime::CommandError;

use super::{Cause, Context, Key};
use crate::{
    domain::{Decision, Order, Step},
    events::emit,
    store,
};

/// A verb of the domain with its arguments: decides on a step and says what came of it.
pub type Verb = Box<dyn FnOnce(&mut Step) -> Result<String, Refusal> + Send>;

/// A verb to carry out on an order.
pub struct Change {
    /// The order.
    pub key: Key,
    /// The verb's name in the timeline.
    pub command: &'static str,
    /// Who asked, and because of what.
    pub cause: Cause,
    /// Refused unless the order has this revision; 0 for any.
    pub expected_revision: i64,
    /// The verb.
    pub verb: Verb,
    /// Decided next, at a revision of its own; leaves no trace when nothing comes of it.
    pub then: Option<Verb>,
}

impl std::fmt::Debug for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Change")
            .field("key", &self.key)
            .field("command", &self.command)
            .finish_non_exhaustive()
    }
}

/// Carries verbs out one after another: a later one sees what an earlier one did, and a refusal is that verb's alone.
/// Returns the order after each verb, in the order asked for.
pub async fn change(
    context: &Context,
    tx: &Tx,
    changes: Vec<Change>,
) -> Result<Vec<Result<Order, Refusal>>, CommandError> {
    let keys: Vec<Key> = changes.iter().map(|change| change.key).collect();
    let loaded = store::lock_many(tx, &context.recent, &keys).await?;
    let now = context.clock.now();
    let mut after: BTreeMap<Key, Order> = BTreeMap::new();
    let (mut entries, mut messages, mut outcomes) = (Vec::new(), Vec::new(), Vec::new());
    for change in changes {
        let order = after.get(&change.key).or_else(|| loaded.orders.get(&change.key).map(AsRef::as_ref));
        let Some(order) = order.cloned() else {
            outcomes.push(Err(Refusal::not_found("order")));
            continue;
        };
        if change.expected_revision != 0 && change.expected_revision != order.revision {
            let message = format!("the order is at revision {}", order.revision);
            outcomes.push(Err(Refusal::precondition_failed(message)));
            continue;
        }
        let decide = |order: Order, verb: Verb| -> Result<Decision, Refusal> {
            let mut step = Step::new(order, now, context.patience);
            let outcome = verb(&mut step)?;
            let Cause { event, actor, .. } = change.cause.clone();
            Ok(step.finish(change.command, outcome, event, actor))
        };
        let mut decisions = Vec::with_capacity(1);
        match decide(order, change.verb) {
            Ok(decision) => decisions.push(decision),
            Err(refusal) => {
                outcomes.push(Err(refusal));
                continue;
            }
        }
        if let (Some(then), Some(first)) = (change.then, decisions.first()) {
            let next = decide(first.order.clone(), then)?;
            decisions.extend(Some(next).filter(|next| !next.events.is_empty()));
        }
        for decision in decisions {
            messages.extend(emit::messages(&decision, change.cause.trace.as_deref(), now));
            entries.push((change.key, decision.entry));
            after.insert(change.key, decision.order);
        }
        outcomes.extend(after.get(&change.key).cloned().map(Ok));
    }
    store::save(tx, &context.recent, &loaded, after, &entries).await?;
    context.outbox.append(tx, messages).await?;
    Ok(outcomes)
}
