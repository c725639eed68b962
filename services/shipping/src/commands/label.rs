//! Buying and voiding labels: the wish is written first, the carrier is asked outside any transaction, the answer is
//! recorded. Whatever dies in between, the wish is still there, and the carrier is asked again under the same key.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use futures::{StreamExt as _, stream};
use qm_database::{TenantSet, Tx};
use qm_ids::{ParcelId, TenantId};
use qm_refusal::Refusal;
use qm_runtime::CommandError;
use tracing::{error, warn};

use super::{Cause, Change, Context, batch::Batch, change};
use crate::{
    carriers::{CarrierError, LabelRequest, Origin, check_label},
    domain::{self, Fulfilment, Label, LabelOutcome, Step, shipment_id},
    store::{self, Intent, IntentState, Key},
};

/// Intents claimed at a time.
const BATCH: u64 = 100;
/// Carrier calls at a time.
const CONCURRENCY: usize = 8;
/// Calls in a row before an intent waits.
const TRIES: u32 = 3;
/// A claim of a process that died ends after this.
const LEASE: TimeDelta = TimeDelta::seconds(30);
/// Times an intent is taken up before a person has to look at it: about an hour and a half.
const MAX_ATTEMPTS: i32 = 14;

/// Asks for the labels of fulfilments. Returns each with the intents that the caller shall pursue; none when every parcel
/// has its label.
pub async fn claim_labels(
    context: &Context,
    tx: &Tx,
    changes: Vec<Change<Vec<ParcelId>>>,
) -> Result<Vec<Result<(Fulfilment, Vec<Intent>), Refusal>>, CommandError> {
    let outcomes = change(context, tx, changes).await?;
    let missing: Vec<(TenantId, ParcelId)> = outcomes
        .iter()
        .flatten()
        .flat_map(|(it, parcels)| parcels.iter().map(|parcel| (it.tenant, *parcel)))
        .collect();
    let known = store::lock_intents(tx, &missing).await?;
    let mut known: HashMap<_, _> = known.into_iter().map(|it| ((it.tenant_id, it.parcel_id), it)).collect();
    let now = context.clock.now();
    let mut armed = Vec::new();
    let outcomes = outcomes.into_iter().map(|outcome| {
        let (fulfilment, parcels) = outcome?;
        let mut intents = Vec::with_capacity(parcels.len());
        for id in parcels {
            let Some(parcel) = fulfilment.parcels.iter().find(|parcel| parcel.id == id) else { continue };
            let earlier = known.remove(&(fulfilment.tenant, id));
            intents.push(Intent {
                tenant_id: fulfilment.tenant,
                parcel_id: id,
                fulfilment_id: fulfilment.id,
                location_id: fulfilment.location,
                carrier: match &earlier {
                    // A carrier that may have sold one already is asked for it.
                    Some(earlier) => earlier.carrier.clone(),
                    None => context.carriers.default_code().to_owned(),
                },
                service_level: fulfilment.service_level.clone(),
                weight_grams: parcel.weight_grams,
                state: IntentState::Buying.word().to_owned(),
                tracking_number: String::new(),
                attempts: 1,
                last_error: String::new(),
                due_at: Some(now + LEASE),
                is_claimed: true,
                created_at: earlier.map_or(now, |earlier| earlier.created_at),
                updated_at: now,
            });
        }
        armed.extend(intents.iter().cloned());
        Ok((fulfilment, intents))
    });
    let outcomes = outcomes.collect();
    store::save_intents(tx, armed).await?;
    Ok(outcomes)
}

/// Finishes what is due, at most a batch: labels that were left half-bought, labels to give back. Returns how many.
pub async fn finish_labels(context: &Context) -> Result<usize, CommandError> {
    let now = context.clock.now();
    let due = store::claim_due_intents(&context.database, now, now + LEASE, BATCH).await?;
    let count = due.len();
    pursue_labels(context, due).await?;
    Ok(count)
}

/// What a carrier said.
enum Answer {
    Sold(Label),
    Voided,
}

type Asked = (Intent, Result<Answer, CarrierError>);

/// Asks carriers for what intents want and records the answers, all in one transaction.
pub async fn pursue_labels(context: &Context, intents: Vec<Intent>) -> Result<(), CommandError> {
    if intents.is_empty() {
        return Ok(());
    }
    let tenants = TenantSet::of(intents.iter().map(|intent| intent.tenant_id));
    let tx = context.database.read(&tenants).await?;
    let wanted: Vec<_> = intents.iter().map(|intent| (intent.tenant_id, intent.location_id)).collect();
    let locations = store::locations(&tx, &wanted).await?;
    drop(tx);
    let calls = intents.into_iter().map(|intent| {
        let origin = locations.get(&(intent.tenant_id, intent.location_id)).map(|row| Origin {
            code: row.code.clone(),
            name: row.name.clone(),
            postal_code: row.postal_code.clone(),
            country: row.country.clone(),
        });
        async move {
            let answer = ask(context, &intent, origin).await;
            (intent, answer)
        }
    });
    let mut asked: Vec<Asked> = stream::iter(calls).buffer_unordered(CONCURRENCY).collect().await;
    refuse_taken_numbers(context, &mut asked).await?;
    let asked = &asked;
    context
        .database
        .write(&tenants, |attempt| Box::pin(async move { record(context, attempt.tx(), asked).await }))
        .await
}

/// Asks until there is an answer, a few times.
async fn ask(context: &Context, intent: &Intent, origin: Option<Origin>) -> Result<Answer, CarrierError> {
    let Some(carrier) = context.carriers.get(&intent.carrier) else {
        return Err(CarrierError::Refused(format!("carrier {} is not configured", intent.carrier)));
    };
    let request = LabelRequest {
        parcel: intent.parcel_id,
        weight_grams: intent.weight_grams,
        service_level: intent.service_level.clone(),
        origin,
    };
    let mut tries = 1;
    loop {
        let call = async {
            match intent.state() {
                Some(IntentState::Voiding) => {
                    carrier.void_label(&intent.tracking_number).await.map(|()| Answer::Voided)
                }
                _ => carrier.buy_label(&request).await.and_then(check_label).map(Answer::Sold),
            }
        };
        let answer = match tokio::time::timeout(context.carrier_timeout, call).await {
            Ok(answer) => answer,
            Err(_) => Err(CarrierError::Unavailable("no answer in time".to_owned())),
        };
        match answer {
            Ok(_) | Err(CarrierError::Refused(_)) => return answer,
            Err(_) if tries >= TRIES => return answer,
            Err(problem) => {
                warn!(carrier = intent.carrier, parcel.id = %intent.parcel_id, tries, %problem, "asking again");
                // A tenth of the patience for one call, then four times as much.
                tokio::time::sleep(context.carrier_timeout / 10 * 4_u32.pow(tries - 1)).await;
                tries += 1;
            }
        }
    }
}

/// A tracking number that names another parcel already is no answer.
async fn refuse_taken_numbers(context: &Context, asked: &mut [Asked]) -> Result<(), CommandError> {
    let mut numbers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (intent, answer) in asked.iter() {
        if let Ok(Answer::Sold(label)) = answer {
            numbers.entry(intent.carrier.clone()).or_default().push(label.tracking_number.clone());
        }
    }
    let mut owners = HashMap::new();
    for (carrier, numbers) in &numbers {
        let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
        for found in store::find_by_tracking(&context.database, carrier, &numbers).await? {
            owners.insert((carrier.clone(), found.tracking_number), found.shipment);
        }
    }
    for (intent, answer) in asked {
        let Ok(Answer::Sold(label)) = &*answer else { continue };
        let own = shipment_id(intent.parcel_id);
        let owner = *owners.entry((intent.carrier.clone(), label.tracking_number.clone())).or_insert(own);
        if owner != own {
            *answer = Err(CarrierError::Garbage(format!(
                "tracking number {} belongs to another parcel",
                label.tracking_number
            )));
        }
    }
    Ok(())
}

async fn record(context: &Context, tx: &Tx, asked: &[Asked]) -> Result<(), CommandError> {
    let keys: BTreeSet<Key> =
        asked.iter().map(|(intent, _)| (intent.tenant_id, intent.fulfilment_id)).collect();
    let keys: Vec<Key> = keys.into_iter().collect();
    let mut batch = Batch::lock(context, tx, &keys).await?;
    // With those of sister parcels, which decide whether labels are still being bought; and of parcels packed anew.
    let mut wanted: BTreeSet<(TenantId, ParcelId)> =
        asked.iter().map(|(intent, _)| (intent.tenant_id, intent.parcel_id)).collect();
    for it in keys.iter().filter_map(|key| batch.get(*key)) {
        wanted.extend(it.parcels.iter().map(|parcel| (it.tenant, parcel.id)));
    }
    let wanted: Vec<_> = wanted.into_iter().collect();
    let mut intents: BTreeMap<_, _> = store::lock_intents(tx, &wanted)
        .await?
        .into_iter()
        .map(|intent| ((intent.tenant_id, intent.parcel_id), intent))
        .collect();
    let cause = Cause { actor: ("service".to_owned(), "shipping".to_owned()), ..Cause::default() };
    for (taken, answer) in asked {
        let key = (taken.tenant_id, taken.fulfilment_id);
        let Some(intent) = intents.get_mut(&(taken.tenant_id, taken.parcel_id)) else { continue };
        let Some(fulfilment) = batch.get(key) else { continue };
        intent.updated_at = batch.now;
        // Somebody else's claim stays: of a slow call, or of a label that was given up meanwhile and is on its way back.
        intent.is_claimed &= intent.due_at != taken.due_at;
        match answer {
            Ok(Answer::Sold(label)) => {
                let mut step = Step::new(fulfilment.clone(), batch.now);
                let outcome = domain::record_label(&mut step, intent.parcel_id, &intent.carrier, label);
                sold(intent, label, outcome, batch.now);
                batch.take(step.finish(), "record_label", &cause, "");
            }
            Ok(Answer::Voided) if intent.state() == Some(IntentState::Voiding) => {
                settle(intent, IntentState::Voided, "");
            }
            Ok(Answer::Voided) => {}
            Err(problem) => failed(intent, taken, problem, batch.now),
        }
    }
    for key in keys {
        let Some(fulfilment) = batch.get(key) else { continue };
        let is_buying = fulfilment.parcels.iter().any(|parcel| {
            intents.get(&(key.0, parcel.id)).is_some_and(|intent| intent.state() == Some(IntentState::Buying))
        });
        if !is_buying {
            let mut step = Step::new(fulfilment.clone(), batch.now);
            domain::withdraw_labels(&mut step);
            batch.take(step.finish(), "withdraw_labels", &cause, "");
        }
    }
    // Before the fulfilments: what they void is decided later than this.
    store::save_intents(tx, intents.into_values().collect()).await?;
    batch.write(tx).await
}

fn settle(intent: &mut Intent, state: IntentState, problem: &str) {
    intent.state = state.word().to_owned();
    intent.due_at = None;
    intent.is_claimed = false;
    intent.last_error = problem.to_owned();
}

fn sold(intent: &mut Intent, label: &Label, outcome: LabelOutcome, now: DateTime<Utc>) {
    let is_open = matches!(intent.state(), Some(IntentState::Buying | IntentState::Refused));
    match outcome {
        LabelOutcome::Recorded | LabelOutcome::Known if is_open => {
            intent.tracking_number.clone_from(&label.tracking_number);
            settle(intent, IntentState::Bought, "");
        }
        // Nobody needs it any more: it is given back.
        LabelOutcome::Unwanted if is_open => {
            intent.tracking_number.clone_from(&label.tracking_number);
            settle(intent, IntentState::Voiding, "");
            intent.attempts = 0;
            intent.due_at = Some(now);
        }
        LabelOutcome::Recorded | LabelOutcome::Known => {}
        LabelOutcome::Unwanted if intent.tracking_number == label.tracking_number => {}
        LabelOutcome::Unwanted => error!(
            carrier = intent.carrier, parcel.id = %intent.parcel_id,
            "the carrier sold {} for a parcel that has {}: it does not honour its idempotency key",
            label.tracking_number, intent.tracking_number
        ),
    }
}

fn failed(intent: &mut Intent, taken: &Intent, problem: &CarrierError, now: DateTime<Utc>) {
    // Another answer came meanwhile, or somebody else is asking.
    if intent.state != taken.state || intent.due_at != taken.due_at {
        return;
    }
    let is_final = matches!(problem, CarrierError::Refused(_)) || intent.attempts >= MAX_ATTEMPTS;
    let text = problem.for_people();
    match intent.state() {
        Some(IntentState::Buying) if is_final => {
            warn!(carrier = intent.carrier, parcel.id = %intent.parcel_id, "no label: {text}");
            settle(intent, IntentState::Refused, &text);
        }
        Some(IntentState::Voiding) if is_final => {
            error!(carrier = intent.carrier, parcel.id = %intent.parcel_id, "a label was not taken back: {text}");
            settle(intent, IntentState::Kept, &text);
        }
        Some(IntentState::Buying | IntentState::Voiding) => {
            let seconds = 1_i64 << intent.attempts.clamp(0, 10);
            intent.due_at = Some(now + TimeDelta::seconds(seconds.min(600)));
            intent.last_error = text;
        }
        Some(IntentState::Bought | IntentState::Refused | IntentState::Voided | IntentState::Kept) | None => {
        }
    }
}
