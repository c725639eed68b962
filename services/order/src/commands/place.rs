//! Placing orders, many at a time.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use qm_database::Tx;
use qm_idempotency::{OnceKey, Seen};
use qm_ids::{OrderId, TenantId, Uuid};
use qm_refusal::Refusal;
use qm_runtime::CommandError;

use super::{Cause, Context, Key};
use crate::{
    domain::{self, Item, NewOrder, Order},
    events::emit,
    store::{self, Loaded},
};

/// An order to place.
#[derive(Debug, Clone)]
pub struct Placement {
    /// Whose it is.
    pub tenant: TenantId,
    /// The order.
    pub new: NewOrder,
    /// The item of each line, if it is known.
    pub items: Vec<Option<Item>>,
    /// Once-only guard.
    pub once: Option<OnceKey>,
    /// Who asked.
    pub cause: Cause,
}

/// What became of a placement.
#[derive(Debug, Clone)]
pub struct Placed {
    /// The order.
    pub order: Order,
    /// True when an earlier request had placed it.
    pub replayed: bool,
}

/// What is to be done with one placement.
enum Plan {
    Refused(Refusal),
    /// Placed before, under this key or this external id.
    Known(OrderId),
    /// The same as an earlier placement of this batch.
    Same(usize),
    New,
}

/// Places orders, each accepted or refused on its own.
pub async fn place(
    context: &Context,
    tx: &Tx,
    placements: &[Placement],
) -> Result<Vec<Result<Placed, Refusal>>, CommandError> {
    let now = context.clock.now();
    let mut plans = plan(tx, placements).await?;

    // Decided first, so that a refusal takes no number.
    let mut drafts: Vec<Option<OrderId>> = vec![None; placements.len()];
    let mut counts: BTreeMap<TenantId, i64> = BTreeMap::new();
    for (index, placement) in placements.iter().enumerate() {
        if !matches!(plans[index], Plan::New) {
            continue;
        }
        let id: OrderId = context.ids.next();
        let draft = domain::place(
            (placement.tenant, id, 0),
            &placement.new,
            &placement.items,
            (now, context.patience),
        );
        match draft {
            Ok(_) => {
                *counts.entry(placement.tenant).or_default() += 1;
                drafts[index] = Some(id);
            }
            Err(refusal) => plans[index] = Plan::Refused(refusal),
        }
    }
    let mut numbers = store::next_numbers(tx, &counts).await?;
    let (mut after, mut entries, mut messages, mut answers) = (BTreeMap::new(), vec![], vec![], vec![]);
    let mut ids: Vec<Option<Key>> = vec![None; placements.len()];
    for (index, placement) in placements.iter().enumerate() {
        let Some(id) = drafts[index] else { continue };
        let next = numbers.entry(placement.tenant).or_default();
        let number = *next;
        *next += 1;
        let names = (placement.tenant, id, number);
        let step = domain::place(names, &placement.new, &placement.items, (now, context.patience))?;
        let outcome = format!("placed as {number}");
        let cause = placement.cause.clone();
        let decision = step.finish("place", outcome, cause.event, cause.actor);
        messages.extend(emit::messages(&decision, cause.trace.as_deref(), now));
        let key = (placement.tenant, id);
        entries.push((key, decision.entry));
        after.insert(key, decision.order);
        ids[index] = Some(key);
        answers.extend(placement.once.clone().map(|once| (once, id.as_uuid().as_bytes().to_vec())));
    }
    store::save(tx, &context.recent, &Loaded::default(), after.clone(), &entries).await?;
    context.outbox.append(tx, messages).await?;
    qm_idempotency::store(tx, answers, now).await?;
    answer(tx, placements, plans, ids, after).await
}

/// Sorts placements into new ones and those that were placed before.
async fn plan(tx: &Tx, placements: &[Placement]) -> Result<Vec<Plan>, CommandError> {
    let keys: Vec<OnceKey> = placements.iter().filter_map(|placement| placement.once.clone()).collect();
    let mut seen = qm_idempotency::look_up(tx, &keys).await?.into_iter();
    let externals: Vec<_> = placements.iter().filter_map(external).collect();
    let mut taken = store::known_externals(tx, &externals).await?;
    let mut first: HashMap<(TenantId, String), usize> = HashMap::new();
    let mut plans = Vec::with_capacity(placements.len());
    for (index, placement) in placements.iter().enumerate() {
        let mut plan = match placement.once.as_ref().and_then(|_| seen.next()) {
            Some(Seen::Answered(answer)) => {
                Plan::Known(OrderId::from_uuid(Uuid::from_slice(&answer).unwrap_or_default()))
            }
            Some(Seen::OtherBody) => Plan::Refused(Refusal::idempotency_mismatch()),
            Some(Seen::New) | None => Plan::New,
        };
        // Equal keys in one batch are one request, or a mistake.
        if let (Plan::New, Some(once)) = (&plan, &placement.once) {
            match first.get(&(placement.tenant, once.text().to_owned())) {
                Some(earlier) => {
                    let same = placements[*earlier].once.as_ref().is_some_and(|other| other == once);
                    plan = if same {
                        Plan::Same(*earlier)
                    } else {
                        Plan::Refused(Refusal::idempotency_mismatch())
                    };
                }
                None => {
                    first.insert((placement.tenant, once.text().to_owned()), index);
                }
            }
        }
        if let (Plan::New, Some((tenant, channel, id))) = (&plan, external(placement))
            && !taken.insert((tenant, channel.to_owned(), id.to_owned()))
        {
            let message = format!("channel {channel} has placed an order {id} before");
            plan = Plan::Refused(Refusal::conflict("external_id_taken", message).at("external_id"));
        }
        plans.push(plan);
    }
    Ok(plans)
}

/// The channel's own name for an order, if it gave one.
fn external(placement: &Placement) -> Option<(TenantId, &str, &str)> {
    let new = &placement.new;
    (!new.external_id.is_empty()).then_some((
        placement.tenant,
        new.channel.as_str(),
        new.external_id.as_str(),
    ))
}

async fn answer(
    tx: &Tx,
    placements: &[Placement],
    plans: Vec<Plan>,
    ids: Vec<Option<Key>>,
    mut placed: BTreeMap<Key, Order>,
) -> Result<Vec<Result<Placed, Refusal>>, CommandError> {
    let known: Vec<Key> = placements
        .iter()
        .zip(&plans)
        .filter_map(|(placement, plan)| match plan {
            Plan::Known(id) => Some((placement.tenant, *id)),
            _ => None,
        })
        .collect();
    let known = store::load_many(tx, &known).await?;
    placed.extend(known.into_iter().map(|(key, order)| (key, Arc::unwrap_or_clone(order))));
    let find = |key: Option<Key>, replayed| {
        let order = key.and_then(|key| placed.get(&key)).cloned();
        order.map(|order| Placed { order, replayed }).ok_or_else(|| Refusal::not_found("order"))
    };
    Ok(placements
        .iter()
        .zip(plans)
        .enumerate()
        .map(|(index, (placement, plan))| match plan {
            Plan::Refused(refusal) => Err(refusal),
            Plan::Known(id) => find(Some((placement.tenant, id)), true),
            Plan::Same(earlier) => find(ids[earlier], true),
            Plan::New => find(ids[index], false),
        })
        .collect())
}
