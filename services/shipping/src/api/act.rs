//! Actions of people on fulfilments: once per key, each in one transaction; labels in two, with the carrier between.

use std::{collections::HashMap, time::Duration};

use futures::future::BoxFuture;
use prost::Message as _;
use qm_database::{TenantSet, Tx};
use qm_idempotency::{OnceKey, Seen};
use qm_ids::{ItemId, TenantId};
use qm_proto::shipping::v1 as proto;
use qm_refusal::Refusal;
use qm_runtime::CommandError;

use super::{Api, convert, parse::Asked};
use crate::{
    commands::{self, Change, Context, Verb},
    domain::{self, Fulfilment, Labels, State},
    store::{self, Intent, IntentState},
};

/// Suggested wait before a half-done purchase is asked about again.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(2);

/// What the first half of a labelling came to.
enum Claimed {
    /// Answered before, or nothing is missing.
    Done(Box<proto::Fulfilment>),
    /// The carrier shall be asked for these.
    Wanted(Vec<Intent>),
}

impl Api {
    /// Carries out a verb once per key. `make` makes the verb anew for each try.
    pub(super) async fn act(
        &self,
        asked: &Asked,
        make: impl Fn() -> Verb<()> + Send + Sync,
    ) -> Result<proto::Fulfilment, CommandError> {
        let (context, make) = (&self.context, &make);
        self.context
            .database
            .write(
                &TenantSet::one(asked.tenant),
                |attempt| -> BoxFuture<'_, Result<proto::Fulfilment, CommandError>> {
                    Box::pin(async move {
                        let tx = attempt.tx();
                        if let Some(answer) = seen(tx, asked).await? {
                            return Ok(answer);
                        }
                        let outcome = commands::change(context, tx, vec![change(asked, make())]).await?.pop();
                        let (fulfilment, ()) = outcome.ok_or_else(|| Refusal::not_found("fulfilment"))??;
                        answer(context, tx, asked, &fulfilment).await
                    })
                },
            )
            .await
    }

    /// Buys the labels of a fulfilment. What cannot be finished in time goes on without the caller.
    pub(super) async fn label(&self, asked: &Asked) -> Result<proto::Fulfilment, CommandError> {
        let intents = match self.claim(asked).await? {
            Claimed::Done(answer) => return Ok(*answer),
            Claimed::Wanted(intents) => intents,
        };
        let pursuit = commands::pursue_labels(&self.context, intents.clone());
        match tokio::time::timeout(self.label_deadline, pursuit).await {
            Ok(pursued) => pursued?,
            Err(_) => return Err(still_buying().into()),
        }
        self.settle(asked, &intents).await
    }

    /// The first half: the wish is written.
    async fn claim(&self, asked: &Asked) -> Result<Claimed, CommandError> {
        let context = &self.context;
        self.context
            .database
            .write(&TenantSet::one(asked.tenant), |attempt| -> BoxFuture<'_, Result<Claimed, CommandError>> {
                Box::pin(async move {
                    let tx = attempt.tx();
                    if let Some(answer) = seen(tx, asked).await? {
                        return Ok(Claimed::Done(Box::new(answer)));
                    }
                    let change = change(asked, Box::new(domain::label));
                    let outcome = commands::claim_labels(context, tx, vec![change]).await?.pop();
                    let (fulfilment, intents) = outcome.ok_or_else(|| Refusal::not_found("fulfilment"))??;
                    if intents.is_empty() {
                        return Ok(Claimed::Done(Box::new(answer(context, tx, asked, &fulfilment).await?)));
                    }
                    Ok(Claimed::Wanted(intents))
                })
            })
            .await
    }

    /// The second half: says what came of it, and keeps the answer if all is bought.
    async fn settle(&self, asked: &Asked, intents: &[Intent]) -> Result<proto::Fulfilment, CommandError> {
        let context = &self.context;
        self.context
            .database
            .write(
                &TenantSet::one(asked.tenant),
                |attempt| -> BoxFuture<'_, Result<proto::Fulfilment, CommandError>> {
                    Box::pin(async move {
                        let tx = attempt.tx();
                        // A repetition under the same key may have been faster.
                        if let Some(answer) = seen(tx, asked).await? {
                            return Ok(answer);
                        }
                        let key = (asked.tenant, asked.fulfilment);
                        let fulfilment = store::load_many(tx, &[key]).await?.remove(&key);
                        let fulfilment = fulfilment.ok_or_else(|| Refusal::not_found("fulfilment"))?;
                        match fulfilment.state {
                            State::Packed { labels: Labels::Bought }
                            | State::Dispatched { .. }
                            | State::Completed { .. }
                            | State::Incomplete { .. } => answer(context, tx, asked, &fulfilment).await,
                            State::Packed { labels: Labels::NotBought | Labels::Buying } => {
                                Err(why_not(tx, asked.tenant, intents).await?.into())
                            }
                            State::Requested
                            | State::Accepted
                            | State::Picking
                            | State::ReadyForPickup
                            | State::Rejected { .. }
                            | State::Cancelled => {
                                let status = fulfilment.state.word();
                                let message = format!("the fulfilment became {status} meanwhile");
                                Err(Refusal::conflict("fulfilment_state", message).into())
                            }
                        }
                    })
                },
            )
            .await
    }

    /// Weights of one unit of each item of a fulfilment, as far as they are known, grams.
    pub(super) async fn weights(&self, asked: &Asked) -> Result<HashMap<ItemId, i64>, CommandError> {
        let tx = self.context.database.read(&TenantSet::one(asked.tenant)).await?;
        let key = (asked.tenant, asked.fulfilment);
        let Some(fulfilment) = store::load_many(&tx, &[key]).await?.remove(&key) else {
            return Err(Refusal::not_found("fulfilment").into());
        };
        let items = store::items(&tx, &items_of(&fulfilment)).await?;
        Ok(items.into_iter().map(|((_, item), row)| (item, row.weight_grams)).collect())
    }
}

fn change<T>(asked: &Asked, verb: Verb<T>) -> Change<T> {
    Change {
        key: (asked.tenant, asked.fulfilment),
        command: asked.command,
        cause: asked.cause.clone(),
        expected_version: asked.expected_version,
        note: asked.note.clone(),
        verb,
    }
}

/// The answer that the key got before, if it got one.
async fn seen(tx: &Tx, asked: &Asked) -> Result<Option<proto::Fulfilment>, CommandError> {
    let Some(once) = &asked.once else { return Ok(None) };
    match qm_idempotency::look_up(tx, std::slice::from_ref(once)).await?.pop() {
        Some(Seen::Answered(bytes)) => {
            let answer = proto::Fulfilment::decode(bytes.as_slice()).map_err(|_| Refusal::internal())?;
            // The path names the fulfilment, which the hash of the body does not cover.
            if answer.id != asked.fulfilment.to_string() {
                return Err(Refusal::idempotency_mismatch().into());
            }
            Ok(Some(answer))
        }
        Some(Seen::OtherBody) => Err(Refusal::idempotency_mismatch().into()),
        Some(Seen::New) | None => Ok(None),
    }
}

/// Keeps and gives the answer.
async fn answer(
    context: &Context,
    tx: &Tx,
    asked: &Asked,
    fulfilment: &Fulfilment,
) -> Result<proto::Fulfilment, CommandError> {
    let items = store::items(tx, &items_of(fulfilment)).await?;
    let answer = convert::fulfilment(fulfilment, &items);
    let kept: Vec<(OnceKey, Vec<u8>)> =
        asked.once.iter().map(|once| (once.clone(), answer.encode_to_vec())).collect();
    qm_idempotency::store(tx, kept, context.clock.now()).await?;
    Ok(answer)
}

pub(super) fn items_of(fulfilment: &Fulfilment) -> Vec<(TenantId, ItemId)> {
    fulfilment.lines.iter().map(|line| (fulfilment.tenant, line.item)).collect()
}

/// Why labels are missing after the carrier was asked.
async fn why_not(tx: &Tx, tenant: TenantId, intents: &[Intent]) -> Result<Refusal, CommandError> {
    let keys: Vec<_> = intents.iter().map(|intent| (tenant, intent.parcel_id)).collect();
    let intents = store::lock_intents(tx, &keys).await?;
    let refused = intents.iter().find(|intent| intent.state() == Some(IntentState::Refused));
    Ok(match refused {
        Some(intent) => Refusal::conflict("label_refused", intent.last_error.clone()),
        None => still_buying(),
    })
}

fn still_buying() -> Refusal {
    let message = "the carrier has not answered yet; the labels are bought as soon as it does";
    Refusal::unavailable("labels_pending", message).after(ASK_AGAIN_AFTER)
}
